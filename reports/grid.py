"""A table as such: what it says, apart from how a console or a page draws it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.console import Group

Row = tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """A titled table of text. The first column and those named in ``left`` are flush left.

    note: what a reader must know to read it.
    """

    title: str
    columns: Row
    rows: tuple[Row, ...]
    left: Row = ()
    note: str = ""

    def is_left(self, index: int) -> bool:
        """Whether a column is flush left."""
        return index == 0 or self.columns[index] in self.left

    def first(self, count: int) -> Grid:
        """At most so many rows, and a last one that says how many there are besides."""
        more = len(self.rows) - count
        if more <= 0:
            return self
        rest = (f"... {more} more", *[""] * (len(self.columns) - 1))
        return Grid(self.title, self.columns, (*self.rows[:count], rest), self.left, self.note)

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
        return Grid(self.title, self.columns, rows, self.left, note)

    def rich(self) -> Group:
        """Title, table and note for a console."""
        from rich import box
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
        for index, name in enumerate(self.columns):
            left = self.is_left(index)
            justify: Literal["left", "right"] = "left" if left else "right"
            table.add_column(Text(name), justify=justify, overflow="fold", no_wrap=index == 0 or not left)
        for row in self.rows:
            table.add_row(*(Text(cell) for cell in row))
        parts: list[Text | Table] = [Text(self.title, style="bold"), table]
        if self.note:
            parts.append(Text(self.note, style="dim"))
        return Group(*parts)

    def markdown(self) -> str:
        """The table in GitHub's Markdown, without its title."""
        rule = ["---" if self.is_left(index) else "---:" for index in range(len(self.columns))]
        lines = [_line(self.columns), _line(tuple(rule)), *(_line(row) for row in self.rows)]
        return "\n".join(lines)


def _name_of(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} +{len(names) - 1}"


def _line(cells: Row) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|').replace(chr(10), ' ') for cell in cells)} |"
