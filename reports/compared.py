"""What two reports are compared by: every quantity, section by section."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reports import content, core_tables, precision_tables, units
from reports.schema import CommunicationEntry, Report

Format = Callable[[float], str]


@dataclass(frozen=True)
class Pair:
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


def pairs_of(a: Report, b: Report) -> list[Pair]:
    """Every quantity, section by section."""
    run_a, run_b = _run(a), _run(b)
    pairs = [Pair("run", "", name, run_a[name][0], run_b[name][0], run_a[name][1]) for name in run_a]
    for phase in _either(a.phases, b.phases):
        pair = Pair("phases", phase, "busy_s", a.phases.get(phase), b.phases.get(phase), units.duration)
        pairs.append(pair)
    sections: tuple[tuple[str, Callable[[Report], _Quantities]], ...] = (
        ("cores", _cores),
        ("pipeline", _pipeline),
        ("numbers", _numbers),
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
                pairs.append(Pair(section, name, quantity, one and one[0], other and other[0], told))
    return pairs


_Quantities = dict[str, dict[str, tuple[float, Format]]]
"""Name of a thing to name of a quantity to its value and how that is told."""


def _either(a: Iterable[str], b: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*a, *b]))


def _run(report: Report) -> dict[str, tuple[float | None, Format]]:
    # Cores without tasks say nothing of the plan.
    uses = [use for use in report.processors.values() if use.busy_s or not report.idleness]
    exchanged = sum(layer.transfer_bytes for layer in report.layers if layer.phase != content.LOAD)
    return {
        "step_time_s": (report.step_time_s, units.duration),
        "time_per_example_s": (1 / report.images_per_s if report.images_per_s else None, units.duration),
        "images_per_s": (report.images_per_s, units.number),
        "training_days": (report.training_days if report.mode == "training" else None, _days),
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


def _days(days: float) -> str:
    return units.long_duration(days * 86_400)


def _cores(report: Report) -> _Quantities:
    """Mean shares of the cores' time, and what control costs of it."""
    each = core_tables.working(report)
    mean = core_tables.mean_share(each)
    found: _Quantities = {}
    for cause, told in core_tables.CAUSES.items():
        if each:
            found[told] = {"share": (mean[cause], units.percent)}
    for name, share in report.engines.items():
        if share > 0:
            found[f"engine {name} busy"] = {"share": (share, units.percent)}
    if report.control is not None:
        total_s = report.step_time_s * max(1, len(each))
        found["control"] = {
            "signals": (report.control.signals, units.number),
            "control_overhead": (report.control.overhead_s / total_s, units.percent),
        }
    return found


def _pipeline(report: Report) -> _Quantities:
    pipeline = report.pipeline
    if pipeline is None:
        return {}
    times = {
        "interval_s": pipeline.interval_s,
        "balanced_interval_s": pipeline.balanced_interval_s,
        "fill_s": pipeline.fill_s,
        "drain_s": pipeline.drain_s,
        "latency_p50_s": pipeline.latency.p50_s,
        "latency_p99_s": pipeline.latency.p99_s,
    }
    return {"pipeline": {name: (time_s, units.duration) for name, time_s in times.items()}}


def _numbers(report: Report) -> _Quantities:
    """What the number format costs; nothing of floating point."""
    if report.precision is None or not report.precision.tensors:
        return {}
    tensors = report.precision.tensors
    errors = [error for entry in tensors if (error := precision_tables.relative(entry)) is not None]
    values = sum(entry.values for entry in tensors)
    lost = [entry.underflowed / entry.values for entry in tensors if entry.values]
    found: dict[str, tuple[float, Format]] = {
        "saturated": (sum(entry.saturated for entry in tensors) / max(1, values), units.percent),
        "updates_lost": (max(lost, default=0.0), units.percent),
    }
    if errors:
        found["worst_relative_error"] = (max(errors), units.percent)
    return {"numbers": found}


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
