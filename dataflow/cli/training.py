"""``dataflow train``: many steps with real data, with progress, checkpoints and learning curves."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any

import click

from dataflow.cli.options import (
    backend_option,
    json_option,
    no_limits_option,
    out_option,
    overrides,
    report_folder,
    set_option,
)
from dataflow.override import Override

if TYPE_CHECKING:
    from dataflow.training.loop import Moment

_MOST_SEEDS = 1_000


def parse_seeds(text: str) -> tuple[int, ...]:
    """Such as ``3``, ``0,2,5`` or ``0..3``, which is 0, 1, 2 and 3."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        numbers = [first, last] if dots else [first]
        if not all(number.strip().isdecimal() for number in numbers):
            raise click.BadParameter(f"{text!r} is no list of seeds, such as 0,2,5 or 0..3")
        low, high = int(numbers[0]), int(numbers[-1])
        if high < low or high - low >= _MOST_SEEDS:
            raise click.BadParameter(f"{part!r}: the second seed must be the first or up to 999 more")
        seeds += range(low, high + 1)
    if len(set(seeds)) < len(seeds):
        raise click.BadParameter(f"{text!r} has a seed twice")
    return tuple(seeds)


@click.command()
@click.argument("experiment")
@click.option("--epochs", type=click.IntRange(min=1), required=True, help="How many epochs in all.")
@click.option(
    "--images", help="Data set: digits or noise. Default: digits for networks that can tell them apart."
)
@click.option("--seed", type=click.IntRange(min=0), help="Seed of weights, order and dropout masks.")
@click.option(
    "--seeds",
    type=parse_seeds,
    metavar="0..3",
    help="Train once for each of these seeds (0,2,5 or 0..3); means and ranges are shown.",
)
@click.option("--batch", type=click.IntRange(min=1), help="Images a step, over all processors.")
@set_option
@backend_option
@click.option(
    "--against",
    type=click.Choice(["float32", "float64"]),
    help="Train the same in this format on one processor, from the same starts and in the same order.",
)
@click.option(
    "--checkpoint-every",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="EPOCHS",
    help="How often a checkpoint is written.",
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoints in the folder.")
@no_limits_option
@out_option
@json_option
def train(
    experiment: str,
    epochs: int,
    images: str | None,
    seed: int | None,
    seeds: tuple[int, ...] | None,
    batch: int | None,
    settings: tuple[Override, ...],
    backend: str | None,
    against: str | None,
    checkpoint_every: int,
    resume: bool,
    no_limits: bool,
    out: str | None,
    as_json: bool,
) -> None:
    """Train a network on its simulated machine: loss and accuracy against simulated time (default: to
    results/EXPERIMENT-train).
    """
    import topologies
    from dataflow.cli.terminal import print_json, print_tables
    from dataflow.errors import OptionError
    from dataflow.session import TrainingOptions, train_experiment
    from reports import show_training, training_json, write_training

    if seed is not None and seeds is not None:
        raise OptionError("--seed and --seeds exclude each other; leave one out")
    loaded = topologies.load(experiment, overrides(settings, batch=batch, seed=seed, backend=backend))
    folder = report_folder(out, loaded.name, "train")
    options = TrainingOptions(
        epochs=epochs,
        images=images,
        seeds=seeds or (),
        resume=resume,
        checkpoint_every=checkpoint_every,
        against=against,
        limits=not no_limits,
    )
    with _stopping() as stop, _progress() as tell:
        trained = train_experiment(loaded, options, folder, tell, stop)
    files = write_training(trained, folder)
    if as_json:
        print_json(training_json(trained))
    else:
        print_tables(show_training(trained))
    click.echo(f"Training written to {folder} ({', '.join(file.name for file in files)})", err=as_json)


@contextmanager
def _stopping() -> Iterator[Callable[[], bool]]:
    """Has Ctrl-C ask for a stop, which comes after the step under way; a second one comes at once."""
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _progress() -> Iterator[Callable[[Moment], None]]:
    """A bar for each training, with loss, accuracy, images a second and the time left; nothing without a
    terminal.
    """
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    columns = (
        *(TextColumn("{task.description}"), BarColumn(bar_width=24), MofNCompleteColumn()),
        *(TextColumn("{task.fields[said]}"), TimeRemainingColumn()),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[tuple[int, str], Any] = {}

        def tell(moment: Moment) -> None:
            key = moment.seed, moment.dtype
            if key not in tasks:
                named = f"seed {moment.seed}, {moment.dtype}"
                tasks[key] = bars.add_task(named, total=moment.steps, said="")
            bars.update(tasks[key], completed=moment.step, said=_said(moment))

        yield tell


def _said(moment: Moment) -> str:
    """What a bar says of a training under way."""
    from reports.units import long_duration

    rate = moment.images / moment.step * moment.since / max(moment.elapsed_s, 1e-9)
    return (
        f"epoch {moment.epoch}/{moment.epochs}  loss {moment.loss:.3f}  "
        f"test {100 * moment.tested.test_accuracy:.1f} %  {rate:,.0f} images/s  "
        f"simulated {long_duration(moment.simulated_s, 3)}"
    )
