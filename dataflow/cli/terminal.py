"""What the command line prints, and the progress it shows meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dataflow.session import Progress


_NARROWEST = 80
"""Columns below which tables would lose what they say; a terminal wraps their lines instead."""

_WITHOUT_TERMINAL = 100


def print_json(value: Any) -> None:
    """Prints strict JSON to standard output."""
    click.echo(json.dumps(value, indent=2, allow_nan=False))


def print_tables(renderable: Any) -> None:
    """Prints what rich can render to standard output: 100 columns without a terminal, else at least 80."""
    from rich.console import Console

    class Output(Console):
        """A console that leaves a broken pipe to ``main``, which knows the exit code."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    console = Output()
    console.width = max(_NARROWEST, console.width) if console.is_terminal else _WITHOUT_TERMINAL
    console.print(renderable)


@contextmanager
def progress_bars() -> Iterator[Progress | None]:
    """A progress bar for each thing that is being done, gone when it is over; None without a terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    if not console.is_terminal:
        yield None
        return
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        yield tell
