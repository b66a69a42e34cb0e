"""How a console draws a table that is wider than the console: in blocks of columns, none of them cropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Literal

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions

    from reports.grid import Grid

_GAP = 2
"""Between two columns."""

_WORD = 20
"""A word longer than this in a column that is flush left may be folded."""


class Blocks:
    """The body of a grid. Columns that are flush right, which are numbers, are always whole.

    Where not all columns fit, blocks of them stand one below the other, each with the first column, and
    with about as many columns as the next. The first column is folded if it takes more than half the
    console, others that are flush left as far as their words allow.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Table | Text]:
        """The tables, each within the width that there is."""
        first = min(self._widest(0), options.max_width // 2)
        room = options.max_width - first
        for number, block in enumerate(self._blocks(room)):
            if number:
                yield Text()
            yield self._table((0, *block), first, room - _GAP)

    def _blocks(self, room: int) -> list[list[int]]:
        """The columns after the first, in blocks that are at most so wide."""
        columns = list(range(1, len(self.grid.columns)))
        if not columns or self._needs(columns) <= room:
            return [columns]
        begin = len(columns) - self.grid.apart
        return [block for part in (columns[:begin], columns[begin:]) for block in self._even(part, room)]

    def _even(self, columns: list[int], room: int) -> list[list[int]]:
        """As few blocks as can be, of as many columns each; what fits nowhere is alone."""
        for count in range(1, len(columns) + 1):
            size = -(-len(columns) // count)
            blocks = [columns[begin : begin + size] for begin in range(0, len(columns), size)]
            if all(self._needs(block) <= room for block in blocks):
                return blocks
        return [[column] for column in columns]

    def _needs(self, columns: list[int]) -> int:
        return sum(_GAP + self._least(column) for column in columns)

    def _least(self, column: int) -> int:
        """The width below which a column would lose its form."""
        if not self.grid.is_left(column):
            return self._widest(column)
        words = (word for cell in self._cells(column) for word in cell.split())
        return min(_WORD, max(map(cell_len, words), default=0))

    def _widest(self, column: int) -> int:
        return max(cell_len(line) for cell in self._cells(column) for line in (cell.splitlines() or [""]))

    def _cells(self, column: int) -> list[str]:
        return [self.grid.columns[column], *(row[column] for row in self.grid.rows)]

    def _table(self, columns: tuple[int, ...], first: int, room: int) -> Table:
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
        for column in columns:
            left = self.grid.is_left(column)
            justify: Literal["left", "right"] = "left" if left else "right"
            whole = self._widest(column) <= (first if column == 0 else room) and (column == 0 or not left)
            table.add_column(Text(self.grid.columns[column]), justify=justify, overflow="fold", no_wrap=whole)
        for row in self.grid.rows:
            table.add_row(*(Text(row[column]) for column in columns))
        return table
