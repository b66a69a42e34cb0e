"""A table as such: what it says, apart from how a console or a page draws it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Group

Row = tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """A titled table of text. The first column and those named in ``left`` are flush left.

    note: what a reader must know to read it. apart: so many columns at the end begin a table of their
    own where a console has no room for all side by side.
    """

    title: str
    columns: Row
    rows: tuple[Row, ...]
    left: Row = ()
    note: str = ""
    apart: int = 0

    def is_left(self, index: int) -> bool:
        """Whether a column is flush left."""
        return index == 0 or self.columns[index] in self.left

    def first(self, count: int) -> Grid:
        """At most so many rows, and a last one that says how many there are besides."""
        more = len(self.rows) - count
        if more <= 0:
            return self
        rest = (f"... {more} more", *[""] * (len(self.columns) - 1))
        return replace(self, rows=(*self.rows[:count], rest))

    def folded(self, count: int) -> Grid:
        """The same when there are at most so many rows; else those that differ in their name alone as one."""
        if len(self.rows) <= count:
            return self
        alike: dict[Row, list[str]] = {}
        for name, *cells in self.rows:
            alike.setdefault(tuple(cells), []).append(name)
        rows = tuple((_name_of(names), *cells) for cells, names in alike.items())
        if len(rows) == len(self.rows):
            return self
        note = "; ".join(part for part in (self.note, "+n: so many more that differ in name alone") if part)
        return replace(self, rows=rows, note=note)

    def rich(self) -> Group:
        """Title, table and note for a console. Nothing is cropped: see ``Blocks``."""
        from rich.console import Group
        from rich.text import Text

        from reports.blocks import Blocks

        note = (Text(self.note, style="dim"),) if self.note else ()
        return Group(Text(self.title, style="bold"), Blocks(self), *note)

    def markdown(self) -> str:
        """The table in GitHub's Markdown, without its title."""
        rule = ["---" if self.is_left(index) else "---:" for index in range(len(self.columns))]
        lines = [_line(self.columns), _line(tuple(rule)), *(_line(row) for row in self.rows)]
        return "\n".join(lines)


def _name_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} +{len(names) - 1}"


def _line(cells: Row) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"
