"""Two reports side by side, with ratios."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from reports import content, units
from reports.document import Json
from reports.grid import Grid, Row
from reports.reading import parse_report
from reports.schema import CommunicationEntry, Report

if TYPE_CHECKING:
    from rich.console import RenderableType

_ROWS = 100
"""Of each section; ``compare_json`` has all."""

Format = Callable[[float], str]


@dataclass(frozen=True)
class _Pair:
    """One quantity in both reports; None where a report has no such thing."""

    section: str
    name: str
    quantity: str
    a: float | None
    b: float | None
    told: Format

    @property
    def ratio(self) -> float | None:
        """B over A."""
        return self.b / self.a if self.a and self.b is not None else None


def compare(a: Mapping[str, object], b: Mapping[str, object]) -> RenderableType:
    """Two report.json objects side by side, for ``rich.print``. Raises ReportError when one is none."""
    first, second = parse_report(a, "A"), parse_report(b, "B")
    pairs = _pairs(first, second)
    heads = [_head("A", first), _head("B", second), Text(_differences(first, second), style="dim")]
    sections = list(dict.fromkeys(pair.section for pair in pairs))
    grids = [_grid(section, [pair for pair in pairs if pair.section == section]) for section in sections]
    return Group(*heads, *(Padding(grid.first(_ROWS).rich(), (1, 0, 0, 0)) for grid in grids))


def compare_json(a: Mapping[str, object], b: Mapping[str, object]) -> Json:
    """The same for programs: section, name, quantity to ``{"a", "b", "ratio"}`` (b over a, or null).

    Raises ReportError when one of the two is no report.json object.
    """
    first, second = parse_report(a, "A"), parse_report(b, "B")
    document: Json = {"version": "1", "a": _setting(first), "b": _setting(second)}
    for pair in _pairs(first, second):
        section = document.setdefault(pair.section, {})
        found = section.setdefault(pair.name, {}) if pair.name else section
        found[pair.quantity] = {"a": pair.a, "b": pair.b, "ratio": pair.ratio}
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


# -- what is compared -------------------------------------------------------------------------------


def _pairs(a: Report, b: Report) -> list[_Pair]:
    """Every quantity, section by section."""
    run_a, run_b = _run(a), _run(b)
    pairs = [_Pair("run", "", name, run_a[name][0], run_b[name][0], run_a[name][1]) for name in run_a]
    for phase in _either(a.phases, b.phases):
        pair = _Pair("phases", phase, "busy_s", a.phases.get(phase), b.phases.get(phase), units.duration)
        pairs.append(pair)
    sections: tuple[tuple[str, Callable[[Report], _Quantities]], ...] = (
        ("processors", _processors),
        ("memories", _memories),
        ("moved", _moved),
        ("collectives", _collectives),
        ("dimensions", _dimensions),
        ("layers", _layers),
    )
    for section, quantities in sections:
        found_a, found_b = quantities(a), quantities(b)
        for name in _either(found_a, found_b):
            ours, theirs = found_a.get(name, {}), found_b.get(name, {})
            for quantity in _either(ours, theirs):
                told = (ours.get(quantity) or theirs[quantity])[1]
                one, other = ours.get(quantity), theirs.get(quantity)
                pairs.append(_Pair(section, name, quantity, one and one[0], other and other[0], told))
    return pairs


_Quantities = dict[str, dict[str, tuple[float, Format]]]
"""Name of a thing to name of a quantity to its value and how that is told."""


def _either(a: Iterable[str], b: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*a, *b]))


def _run(report: Report) -> dict[str, tuple[float | None, Format]]:
    uses = report.processors.values()
    exchanged = sum(layer.transfer_bytes for layer in report.layers if layer.phase != content.LOAD)
    return {
        "step_time_s": (report.step_time_s, units.duration),
        "images_per_s": (report.images_per_s, units.number),
        "training_days": (report.training_days, units.number),
        "cold_start_s": (report.cold_start_s, units.duration),
        "loss": (report.losses[-1] if report.losses else None, units.number),
        "mean_utilisation": (sum(use.utilisation for use in uses) / max(1, len(uses)), units.percent),
        "communication_exposed_s": (sum(use.communication_exposed_s for use in uses), units.duration),
        "communication_hidden_s": (sum(use.communication_hidden_s for use in uses), units.duration),
        "waiting_for_others_s": (sum(use.waiting_for_others_s for use in uses), units.duration),
        "bubble": (report.bubble.fraction, units.percent),
        "exchanged_bytes": (exchanged, units.size),
        "peak_memory_bytes": (max((use.peak_memory_bytes for use in uses), default=0), units.size),
    }


def _processors(report: Report) -> _Quantities:
    return {
        name: {
            "utilisation": (use.utilisation, units.percent),
            "communication_exposed_s": (use.communication_exposed_s, units.duration),
        }
        for name, use in report.processors.items()
    }


def _memories(report: Report) -> _Quantities:
    return {name: {"peak_bytes": (use.peak_bytes, units.size)} for name, use in report.memories.items()}


def _moved(report: Report) -> _Quantities:
    return {
        f"{pair.source}->{pair.destination}": {"bytes": (pair.bytes, units.size)} for pair in report.traffic
    }


def _collectives(report: Report) -> _Quantities:
    return _times(report.collectives)


def _dimensions(report: Report) -> _Quantities:
    return _times(report.dimensions)


def _times(times: Iterable[CommunicationEntry]) -> _Quantities:
    return {
        time.name: {
            "bytes": (time.bytes, units.size),
            "busy_s": (time.busy_s, units.duration),
            "exposed_s": (time.exposed_s, units.duration),
        }
        for time in times
    }


def _layers(report: Report) -> _Quantities:
    found: _Quantities = {}
    for layer in report.layers:
        if layer.phase != content.LOAD:
            found.setdefault(layer.name, {})[f"{layer.phase}_s"] = (layer.time_s, units.duration)
    return found


# -- how it is shown --------------------------------------------------------------------------------

_TITLES = {
    "run": "Run",
    "phases": "Busy time by phase, all processors together",
    "processors": "Processors",
    "memories": "Memory at its fullest",
    "moved": "Bytes from memory to memory",
    "collectives": "Communication by collective",
    "dimensions": "Communication by dimension",
    "layers": "Layers, all processors together",
}
_WORDS = {
    "step_time_s": "step time",
    "images_per_s": "images/s",
    "training_days": "training, days",
    "cold_start_s": "cold start",
    "mean_utilisation": "processors busy, mean",
    "communication_exposed_s": "exposed communication",
    "communication_hidden_s": "hidden communication",
    "waiting_for_others_s": "waiting for others",
    "bubble": "bubble",
    "exchanged_bytes": "exchanged",
    "peak_memory_bytes": "peak memory, largest",
    "utilisation": "busy",
}


def _grid(section: str, pairs: list[_Pair]) -> Grid:
    note = "B / A below 1 is less in B; exchanged, exposed, hidden and waiting: summed over processors"
    named = section in ("processors", "layers", "collectives", "dimensions")
    columns = ("", "A", "B", "B / A")
    rows = tuple(_row(pair, named=named) for pair in pairs if pair.a is not None or pair.b is not None)
    return Grid(_TITLES[section], columns, rows, note=note if section == "run" else "")


def _row(pair: _Pair, *, named: bool) -> Row:
    word = _WORDS.get(pair.quantity, pair.quantity.removesuffix("_s"))
    name = f"{pair.name} {word}" if named else (pair.name or word)
    told = ["-" if value is None else pair.told(value) for value in (pair.a, pair.b)]
    return (name, *told, units.times(pair.ratio))
