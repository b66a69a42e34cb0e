"""Reports side by side: a table for each section, every report beside the first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from reports import units
from reports.compared import Quantity, quantities
from reports.compared_words import TITLES, row_name
from reports.grid import Grid, Row
from reports.schema import Report

_OF_MANY = ("run", "phases", "cores", "pipeline", "numbers", "layers")
"""What of three and more reports stands side by side; the rest is of what each machine is made of."""

_THINGS = ("processors", "memories", "moved")
"""Sections of what machines are made of; these may have nothing in common."""

_APART = 4
"""More rows than this of things that only one report has are left out: they stand beside nothing."""


def letter(index: int) -> str:
    """What a report is called: A, B, C."""
    return chr(ord("A") + index)


def grids(reports: Sequence[Report]) -> Iterator[Grid]:
    """A table for each section of which there is something to tell."""
    every = [entry for entry in quantities(reports) if any(value is not None for value in entry.values)]
    for section in dict.fromkeys(entry.section for entry in every):
        if len(reports) == 2 or section in _OF_MANY:
            yield _grid(section, [entry for entry in every if entry.section == section], len(reports))


def _grid(section: str, entries: Sequence[Quantity], count: int) -> Grid:
    letters = [letter(index) for index in range(count)]
    ratios = [f"{each} / A" for each in letters[1:]]
    shared = {entry.name for entry in entries if sum(value is not None for value in entry.values) > 1}
    apart = [entry for entry in entries if entry.name not in shared]
    note = ""
    if section == "run":
        note = "B / A below 1 is less in B; exchanged, exposed, hidden and waiting: summed over processors"
    elif section in _THINGS and len(apart) > _APART:
        entries = [entry for entry in entries if entry.name in shared]
        told = " and ".join(f"{_alone(apart, index)} in {each} alone" for index, each in enumerate(letters))
        note = f"{told} are left out; --json has them"
    columns = ("", *letters, *ratios)
    return Grid(TITLES[section], columns, tuple(map(_row, entries)), note=note, apart=len(ratios))


def _alone(apart: Sequence[Quantity], index: int) -> int:
    return len({entry.name for entry in apart if entry.values[index] is not None})


def _row(entry: Quantity) -> Row:
    values = ("-" if value is None else entry.told(value) for value in entry.values)
    name = row_name(entry.section, entry.name, entry.quantity)
    return (name, *values, *(units.times(ratio) for ratio in entry.ratios))
