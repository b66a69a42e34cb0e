"""What a training under way tells: bars on a terminal, a line for each beginning and epoch elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dataflow.session import Progress as Tell
    from dataflow.training.loop import Moment

_SELDOM_S = 1.0


@contextmanager
def training_progress() -> Iterator[tuple[Callable[[Moment], None], Tell]]:
    """Takes what a training tells of its steps, and of what comes before them, for standard error.

    On a terminal a bar for each training, gone when all are over; without one a line after an epoch. Of
    what comes before a bar until it is over; without a terminal a line when it begins.
    """
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    console = Console(stderr=True)
    if not console.is_terminal:
        lines = _Lines()
        yield lines.tell, lines.prepare
        return
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=10), TextColumn("{task.fields[said]}"))
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[tuple[int, str], Any] = {}
        prepared: dict[str, Any] = {}

        def prepare(what: str, done: int, total: int) -> None:
            if what not in prepared:
                prepared[what] = bars.add_task(what, said="")
            said = f"{done:,}/{total:,}"
            bars.update(prepared[what], completed=done, total=total, said=said, visible=done < total)

        def tell(moment: Moment) -> None:
            key = moment.seed, moment.dtype
            if key not in tasks:
                tasks[key] = bars.add_task("", total=moment.steps, said="")
            bars.update(
                tasks[key],
                completed=moment.step,
                description=f"{_named(moment)}\nstep {moment.step:,}/{moment.steps:,}",
                said=f"{_going(moment)}\n{_learned(moment)}",
            )

        yield tell, prepare


class _Lines:
    """A line after an epoch, unless the last is not a second old; after the last epoch always."""

    def __init__(self) -> None:
        self.told: dict[tuple[int, str], float] = {}
        self.prepared: set[str] = set()

    def prepare(self, what: str, _done: int, total: int) -> None:
        """Is told of what comes before the first step."""
        if what not in self.prepared:
            self.prepared.add(what)
            click.echo(f"{what}: {total:,} in all", err=True)

    def tell(self, moment: Moment) -> None:
        """Is told of a step."""
        if moment.step * moment.epochs != moment.epoch * moment.steps:
            return
        key = moment.seed, moment.dtype
        if moment.step < moment.steps and moment.elapsed_s < self.told.get(key, 0.0) + _SELDOM_S:
            return
        self.told[key] = moment.elapsed_s
        click.echo(f"{_named(moment)}: {_going(moment)}, {_learned(moment)}", err=True)


def _named(moment: Moment) -> str:
    return f"seed {moment.seed}, {moment.dtype}"


def _going(moment: Moment) -> str:
    """How far it has come, and how fast it goes."""
    from reports.units import long_duration

    a_step_s = moment.elapsed_s / moment.since
    rate = moment.images / moment.step / max(a_step_s, 1e-9)
    parts = [f"epoch {moment.epoch}/{moment.epochs}", f"{rate:,.0f} images/s"]
    if moment.simulated_s is not None:
        parts.append(f"simulated {long_duration(moment.simulated_s, 3)}")
    left_s = a_step_s * (moment.steps - moment.step)
    return ", ".join([*parts, f"{long_duration(left_s, 2)} left"])


def _learned(moment: Moment) -> str:
    """Loss and errors: of the step, and of the last test."""
    return (
        f"loss {moment.loss:.3f}, error {100 * (1 - moment.accuracy):.1f} %, "
        f"test {100 * moment.tested.test_error:.1f} %, learning rate {moment.learning_rate:g}"
    )
