"""Three reports or more side by side: every quantity of the first, and of the others what they have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from reports import units
from reports.compared import Format, pairs_of
from reports.compared_words import TITLES, row_name
from reports.grid import Grid, Row
from reports.schema import Report

SECTIONS = ("run", "phases", "cores", "pipeline", "numbers", "layers")
"""What stands side by side on a console; the rest is of what each machine is made of."""


@dataclass
class Quantity:
    """One quantity of all reports; None where a report has no such thing."""

    section: str
    name: str
    quantity: str
    told: Format
    values: list[float | None]

    @property
    def ratios(self) -> list[float | None]:
        """Those of the others over the first."""
        first, *others = self.values
        return [other / first if first and other is not None else None for other in others]


def letter(index: int) -> str:
    """What a report is called: A, B, C."""
    return chr(ord("A") + index)


def quantities(reports: Sequence[Report]) -> list[Quantity]:
    """Every quantity that any of the reports has, in the order of the first that has it."""
    found: dict[tuple[str, str, str], Quantity] = {}
    for index, report in enumerate(reports):
        for pair in pairs_of(report, report):
            key = pair.section, pair.name, pair.quantity
            entry = found.setdefault(key, Quantity(*key, pair.told, [None] * len(reports)))
            entry.values[index] = pair.a
    order = list(dict.fromkeys(entry.section for entry in found.values()))
    return sorted(found.values(), key=lambda entry: order.index(entry.section))


def grids(reports: Sequence[Report], rows_shown: int) -> Iterator[Grid]:
    """A table for each section that is told."""
    letters = [letter(index) for index in range(len(reports))]
    columns = ("", *letters, *(f"{each} / A" for each in letters[1:]))
    every = quantities(reports)
    for section in SECTIONS:
        told = [entry for entry in every if entry.section == section and any(_known(entry))]
        if told:
            yield Grid(TITLES[section], columns, tuple(map(_row, told))).first(rows_shown)


def _known(entry: Quantity) -> Iterator[bool]:
    return (value is not None for value in entry.values)


def _row(entry: Quantity) -> Row:
    values = ("-" if value is None else entry.told(value) for value in entry.values)
    name = row_name(entry.section, entry.name, entry.quantity)
    return (name, *values, *(units.times(ratio) for ratio in entry.ratios))
