"""Reports set side by side, with ratios, for people and for programs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from reports import content
from reports.compared import quantities
from reports.document import Json
from reports.grid import Grid
from reports.reading import parse_report
from reports.schema import Report
from reports.side_by_side import grids, letter

if TYPE_CHECKING:
    from rich.console import RenderableType

_ROWS = 100
"""Of each section; ``compare_json`` has all."""


def compare(
    a: Mapping[str, object], b: Mapping[str, object], *others: Mapping[str, object]
) -> RenderableType:
    """Report.json objects side by side, for ``rich.print``. Raises ReportError when one is none.

    Of three and more the machines' parts are left out.
    """
    reports = _parsed(a, b, *others)
    heads = [_head(letter(index), report) for index, report in enumerate(reports)]
    if not others:
        heads.append(Text(_differences(*reports), style="dim"))
    return Group(*heads, *(Padding(_shown(grid), (1, 0, 0, 0)) for grid in grids(reports)))


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
