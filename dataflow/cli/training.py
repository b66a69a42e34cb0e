"""``dataflow train``: many steps with real data, with progress, checkpoints and learning curves."""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Literal

import click

from dataflow.cli.options import (
    backend_option,
    data_options,
    json_option,
    no_limits_option,
    out_option,
    overrides,
    report_folder,
    set_option,
)
from dataflow.data.options import DataOptions
from dataflow.errors import OptionError
from dataflow.override import Override
from dataflow.seeds import seeds_of
from dataflow.training.cadence import Cadence, cadence_of

_STDERR = 2


def parse_seeds(text: str) -> tuple[int, ...]:
    """Such as ``3``, ``0,2,5`` or ``0..3``, which is 0, 1, 2 and 3."""
    try:
        return seeds_of(text)
    except ValueError as fault:
        raise click.BadParameter(str(fault)) from None


def parse_cadence(text: str) -> Cadence:
    """Such as ``5``, ``500steps`` or ``10min``."""
    try:
        return cadence_of(text)
    except OptionError as error:
        raise click.BadParameter(str(error)) from None


@click.command()
@click.argument("experiment")
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="How many epochs in all. Default: the experiment's training.epochs.",
)
@data_options
@click.option("--seed", type=click.IntRange(min=0), help="Seed of weights, order and dropout masks.")
@click.option(
    "--seeds",
    type=parse_seeds,
    metavar="0..3",
    help="Train once for each of these seeds (0,2,5 or 0..3); means with 95 % intervals are shown.",
)
@click.option("--batch", type=click.IntRange(min=1), help="Images a step, over all processors.")
@set_option
@backend_option
@click.option(
    "--weights",
    metavar="FILE",
    help="Begin with these weights (.npz, .safetensors, .pt or a checkpoint) in place of initial values.",
)
@click.option(
    "--against",
    type=click.Choice(["float32", "float64", "one-processor", "torch"]),
    help="Train the same from the same starts and in the same order: in another format on one processor; "
    "or in the same format on one, or by PyTorch, with the loss of every step compared.",
)
@click.option(
    "--checkpoint-every",
    type=parse_cadence,
    default="1",
    show_default=True,
    metavar="N[steps|min]",
    help="How often a checkpoint is written: epochs, steps (500steps) or minutes (10min).",
)
@click.option("--resume", is_flag=True, help="Go on from the checkpoints in the folder.")
@no_limits_option
@out_option
@json_option
def train(
    experiment: str,
    epochs: int | None,
    images: str | None,
    broken: Literal["refuse", "skip"],
    cache: str | None,
    workers: int | None,
    seed: int | None,
    seeds: tuple[int, ...] | None,
    batch: int | None,
    settings: tuple[Override, ...],
    backend: str | None,
    weights: str | None,
    against: str | None,
    checkpoint_every: Cadence,
    resume: bool,
    no_limits: bool,
    out: str | None,
    as_json: bool,
) -> None:
    """Train a network on its simulated machine: loss and error against simulated time (default: to
    results/EXPERIMENT-train).
    """
    import topologies
    from dataflow.cli.terminal import print_json, print_tables
    from dataflow.cli.training_progress import training_progress
    from dataflow.session import TrainingOptions, train_experiment
    from reports import show_training, training_json, write_training

    if seed is not None and seeds is not None:
        raise OptionError("--seed and --seeds exclude each other; leave one out")
    loaded = topologies.load(experiment, overrides(settings, batch=batch, seed=seed, backend=backend))
    folder = report_folder(out, loaded.name, "train")
    options = TrainingOptions(
        epochs=epochs,
        data=DataOptions(images, broken, cache, workers),
        seeds=seeds or (),
        weights=weights,
        resume=resume,
        checkpoint_every=checkpoint_every,
        against=against,
        limits=not no_limits,
        again=_again(),
    )
    if epochs is None:
        click.echo(f"{loaded.training.epochs} epochs, as training.epochs says; --epochs for others", err=True)
    with stopping() as stop, training_progress() as (tell, prepare):
        trained = train_experiment(loaded, options, folder, tell, stop, prepare)
    files = write_training(trained, folder)
    if as_json:
        print_json(training_json(trained))
    else:
        print_tables(show_training(trained))
    click.echo(f"Training written to {folder} ({', '.join(file.name for file in files)})", err=as_json)
    checkpoint = f"{folder}/checkpoint-seed{trained.curves[0].seed}.npz"
    chosen = {"--images": images, "--broken": broken if broken == "skip" else None, "--cache": cache}
    hint = _test_hint(experiment, checkpoint, {**chosen, "--backend": backend}, settings)
    click.echo(f"Test the network in full: {hint}", err=as_json)


def _test_hint(
    experiment: str, weights: str, chosen: Mapping[str, str | None], settings: Sequence[Override]
) -> str:
    """What to type to test what was trained with the same examples and settings."""
    words = [word for name, value in chosen.items() if value is not None for word in (name, value)]
    words += [word for each in settings for word in ("--set", f"{each.path}={each.value}")]
    return shlex.join(["dataflow", "test", experiment, "--weights", weights, *words])


def _again() -> str:
    """What to type to go on with the training that was asked for."""
    arguments = sys.argv[1:]
    return shlex.join(["dataflow", *arguments, *(() if "--resume" in arguments else ("--resume",))])


@contextmanager
def stopping() -> Iterator[Callable[[], bool]]:
    """Has Ctrl-C ask for a stop after the step under way, and say so; a second one comes at once."""
    asked: list[int] = []

    def ask(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        signal.signal(signal.SIGINT, before)
        # Whatever else writes to standard error may be in the middle of that.
        os.write(_STDERR, b"\nstopping after this step; Ctrl-C again stops at once\n")

    before = signal.signal(signal.SIGINT, ask)
    try:
        yield lambda: bool(asked)
    finally:
        signal.signal(signal.SIGINT, before)
