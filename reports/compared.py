"""What reports are compared by: every quantity, section by section."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from reports import content, core_tables, precision_tables, units
from reports.schema import CommunicationEntry, Report

Format = Callable[[float], str]


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


def quantities(reports: Sequence[Report]) -> list[Quantity]:
    """Every quantity that any report has, section by section, in the order of the first that has it."""
    found: dict[str, dict[str, dict[str, Quantity]]] = {}
    for index, report in enumerate(reports):
        for section, things in _sections(report).items():
            there = found.setdefault(section, {})
            for name, each in things.items():
                mine = there.setdefault(name, {})
                for quantity, (value, told) in each.items():
                    without: list[float | None] = [None] * len(reports)
                    entry = mine.setdefault(quantity, Quantity(section, name, quantity, told, without))
                    entry.values[index] = value
    by_thing = [entries for section in found.values() for entries in section.values()]
    return [entry for entries in by_thing for entry in entries.values()]


def _sections(report: Report) -> dict[str, _Things]:
    """What a report has, section by section."""
    return {
        "run": {"": _run(report)},
        "phases": {phase: {"busy_s": (time_s, units.duration)} for phase, time_s in report.phases.items()},
        "cores": _cores(report),
        "pipeline": _pipeline(report),
        "numbers": _numbers(report),
        "processors": _processors(report),
        "memories": _memories(report),
        "moved": _moved(report),
        "collectives": _times(report.collectives),
        "dimensions": _times(report.dimensions),
        "layers": _layers(report),
    }


_Quantities = Mapping[str, tuple[float | None, Format]]
"""Name of a quantity to its value and how that is told."""

_Things = dict[str, _Quantities]


def _input(report: Report) -> _Quantities:
    """What hosts that make batches could do, where any does."""
    return {} if report.input is None else {"prepared_images_per_s": (report.input.images_per_s, units.count)}


def _run(report: Report) -> _Quantities:
    # Cores without tasks say nothing of the plan.
    uses = [use for use in report.processors.values() if use.busy_s or not report.idleness]
    exchanged = sum(layer.transfer_bytes for layer in report.layers if layer.phase != content.LOAD)
    return {
        "step_time_s": (report.step_time_s, units.duration),
        "time_per_example_s": (1 / report.images_per_s if report.images_per_s else None, units.duration),
        "images_per_s": (report.images_per_s, units.count),
        "training_days": (report.training_days if report.mode == "training" else None, _days),
        "cold_start_s": (report.cold_start_s, units.duration),
        **_input(report),
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


def _cores(report: Report) -> _Things:
    """Mean shares of the cores' time, and what control costs of it."""
    each = core_tables.working(report)
    mean = core_tables.mean_share(each)
    found: _Things = {}
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


def _pipeline(report: Report) -> _Things:
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
    known = {name: (time_s, units.duration) for name, time_s in times.items() if time_s is not None}
    return {"pipeline": known}


def _numbers(report: Report) -> _Things:
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


def _processors(report: Report) -> _Things:
    return {
        name: {
            "utilisation": (use.utilisation, units.percent),
            "communication_exposed_s": (use.communication_exposed_s, units.duration),
        }
        for name, use in report.processors.items()
    }


def _memories(report: Report) -> _Things:
    return {name: {"peak_bytes": (use.peak_bytes, units.size)} for name, use in report.memories.items()}


def _moved(report: Report) -> _Things:
    return {
        f"{pair.source}->{pair.destination}": {"bytes": (pair.bytes, units.size)} for pair in report.traffic
    }


def _times(times: Iterable[CommunicationEntry]) -> _Things:
    return {
        time.name: {
            "bytes": (time.bytes, units.size),
            "busy_s": (time.busy_s, units.duration),
            "exposed_s": (time.exposed_s, units.duration),
        }
        for time in times
    }


def _layers(report: Report) -> _Things:
    found: dict[str, dict[str, tuple[float | None, Format]]] = {}
    for layer in report.layers:
        if layer.phase != content.LOAD:
            found.setdefault(layer.name, {})[f"{layer.phase}_s"] = (layer.time_s, units.duration)
    return {**found}
