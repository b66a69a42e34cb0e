"""Two reports side by side, with ratios."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from reports import content, units
from reports.compared import Pair, pairs_of
from reports.compared_words import TITLES, row_name
from reports.document import Json
from reports.grid import Grid, Row
from reports.reading import parse_report
from reports.schema import Report
from reports.side_by_side import grids, letter, quantities

if TYPE_CHECKING:
    from rich.console import RenderableType

_ROWS = 100
"""Of each section; ``compare_json`` has all."""

_APART = 4
"""More rows than this of things that only one report has are left out: they stand beside nothing."""


def compare(
    a: Mapping[str, object], b: Mapping[str, object], *others: Mapping[str, object]
) -> RenderableType:
    """Report.json objects side by side, for ``rich.print``. Raises ReportError when one is none.

    Of three and more the machines' parts are left out.
    """
    reports = _parsed(a, b, *others)
    if others:
        told = [_head(letter(index), report) for index, report in enumerate(reports)]
        return Group(*told, *(Padding(_shown(grid), (1, 0, 0, 0)) for grid in grids(reports, _ROWS)))
    first, second = reports
    pairs = pairs_of(first, second)
    heads = [_head("A", first), _head("B", second), Text(_differences(first, second), style="dim")]
    sections = list(dict.fromkeys(pair.section for pair in pairs))
    found = [_grid(section, [pair for pair in pairs if pair.section == section]) for section in sections]
    return Group(*heads, *(Padding(_shown(grid), (1, 0, 0, 0)) for grid in found))


def _parsed(*documents: Mapping[str, object]) -> list[Report]:
    return [parse_report(document, letter(index)) for index, document in enumerate(documents)]


def _shown(grid: Grid) -> RenderableType:
    if grid.rows:
        return grid.first(_ROWS).rich()
    return Text.assemble((grid.title, "bold"), (f"  {grid.note}", "dim"))


def compare_json(a: Mapping[str, object], b: Mapping[str, object], *others: Mapping[str, object]) -> Json:
    """The same for programs: section, name, quantity to ``{"a", "b", "ratio"}`` (b over a, or null).

    Of more reports ``c`` and ``ratio_c`` (c over a), and so on. Raises ReportError when one is no
    report.json object.
    """
    reports = _parsed(a, b, *others)
    letters = [letter(index).lower() for index in range(len(reports))]
    document: Json = {"version": "1"}
    document |= {each: _setting(report) for each, report in zip(letters, reports, strict=True)}
    ratios = ["ratio", *(f"ratio_{each}" for each in letters[2:])]
    for entry in quantities(reports):
        section = document.setdefault(entry.section, {})
        found = section.setdefault(entry.name, {}) if entry.name else section
        found[entry.quantity] = dict(zip(letters, entry.values, strict=True))
        found[entry.quantity] |= dict(zip(ratios, entry.ratios, strict=True))
    return document


def _setting(report: Report) -> dict[str, str | int]:
    return {
        "experiment": report.experiment,
        "network": report.network.name,
        "hardware": report.hardware.name,
        "processors": report.hardware.processors,
        "batch": report.batch,
        "steps": report.steps,
        "dtype": report.dtype,
        "backend": report.backend,
        "seed": report.seed,
    }


def _head(letter: str, report: Report) -> Text:
    return Text.assemble((f"{letter}  {report.experiment}", "bold"), f"  {content.setting(report)}")


def _differences(a: Report, b: Report) -> str:
    one, other = _setting(a), _setting(b)
    differ = [f"{key} {one[key]} / {other[key]}" for key in one if one[key] != other[key]]
    return (
        f"they differ in {', '.join(differ)}" if differ else "same experiment, network, hardware and training"
    )


# -- how it is shown --------------------------------------------------------------------------------

_THINGS = ("processors", "memories", "moved")
"""Sections of what machines are made of; these may have nothing in common."""


def _grid(section: str, pairs: list[Pair]) -> Grid:
    note = "B / A below 1 is less in B; exchanged, exposed, hidden and waiting: summed over processors"
    columns = ("", "A", "B", "B / A")
    there = [pair for pair in pairs if pair.a is not None or pair.b is not None]
    both = {pair.name for pair in there if pair.a is not None and pair.b is not None}
    told = note if section == "run" else ""
    apart = [pair for pair in there if pair.name not in both]
    if section in _THINGS and len(apart) > _APART:
        there = [pair for pair in there if pair.name in both]
        counts = (len({pair.name for pair in apart if side(pair)}) for side in (_in_a, _in_b))
        told = "{} in A alone and {} in B alone are left out; --json has them".format(*counts)
    rows = tuple(map(_row, there))
    return Grid(TITLES[section], columns, rows, note=told)


def _in_a(pair: Pair) -> bool:
    return pair.a is not None


def _in_b(pair: Pair) -> bool:
    return pair.b is not None


def _row(pair: Pair) -> Row:
    told = ["-" if value is None else pair.told(value) for value in (pair.a, pair.b)]
    return (row_name(pair.section, pair.name, pair.quantity), *told, units.times(pair.ratio))
