"""What the command line prints, and the progress it shows meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from dataflow.session import Progress


def print_json(value: Any) -> None:
    """Prints strict JSON to standard output."""
    click.echo(json.dumps(value, indent=2, allow_nan=False))


def print_tables(renderable: Any) -> None:
    """Prints what rich can render to standard output; 100 columns where there is no terminal."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        console = Console(width=100)
    console.print(renderable)


@contextmanager
def progress_bars() -> Iterator[Progress]:
    """A progress bar for each thing that is being done, on standard error, gone when it is over."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        tasks: dict[str, Any] = {}

        def tell(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done)

        yield tell
