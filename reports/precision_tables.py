"""What a report says of number formats: how far from float32, how often at the end of the range."""

from __future__ import annotations

from reports import units
from reports.core_schema import TensorPrecisionEntry
from reports.grid import Grid, Row
from reports.schema import Report


def relative(entry: TensorPrecisionEntry) -> float | None:
    """The root mean square error over the largest magnitude; None when that is not known or zero."""
    if entry.rms_error is None or not entry.scale:
        return None
    return entry.rms_error / entry.scale


def worst_first(entries: tuple[TensorPrecisionEntry, ...]) -> list[TensorPrecisionEntry]:
    """Tensors by their relative error, those without one by what saturated."""

    def badness(entry: TensorPrecisionEntry) -> tuple[float, float, str]:
        return -(relative(entry) or 0.0), -_share(entry.saturated, entry), entry.tensor

    return sorted(entries, key=badness)


def summary(report: Report) -> str:
    """The formats, the worst tensor, and what saturated and underflowed in all; empty of floating point."""
    precision = report.precision
    if precision is None or not precision.tensors:
        return ""
    formats = ", ".join(dict.fromkeys(entry.dtype for entry in precision.tensors))
    worst = worst_first(precision.tensors)[0]
    told = [formats]
    error = relative(worst)
    if error is not None:
        told.append(
            f"worst {worst.tensor}, off by {units.percent(error)} of its largest (rms, against "
            f"{precision.reference})"
        )
    values = sum(entry.values for entry in precision.tensors)
    saturated = sum(entry.saturated for entry in precision.tensors)
    told.append(f"{units.percent(saturated / values if values else 0.0)} of all numbers saturated")
    updates = [entry for entry in precision.tensors if entry.underflowed]
    if updates:
        most = max(updates, key=lambda entry: _share(entry.underflowed, entry))
        share = units.percent(_share(most.underflowed, most))
        told.append(f"updates lost to rounding: most in {most.tensor}, {share}")
    return "; ".join(told)


def tensors(report: Report, shown: int) -> Grid:
    """The tensors that are furthest from float32, each in its format."""
    entries = report.precision.tensors if report.precision else ()
    worst = worst_first(entries)[:shown]
    title = "Number formats, tensor by tensor"
    if len(worst) < len(entries):
        title = f"Number formats: the worst {len(worst)} of {len(entries)} tensors"
    columns = ("tensor", "kind", "format", "rms error", "largest", "of scale", "saturated", "updates lost")
    note = (
        "errors against float32 with the same starts, in the tensor's own unit; of scale: rms error over "
        "the largest magnitude; updates lost: left a parameter as it was although its gradient was not zero"
    )
    return Grid(title, columns, tuple(_row(entry) for entry in worst), left=("kind", "format"), note=note)


def _row(entry: TensorPrecisionEntry) -> Row:
    error = relative(entry)
    return (
        entry.tensor,
        entry.kind,
        entry.dtype,
        _error(entry.rms_error),
        _error(entry.max_error),
        "-" if error is None else units.percent(error),
        units.percent(_share(entry.saturated, entry)) if entry.saturated else "\N{MIDDLE DOT}",
        units.percent(_share(entry.underflowed, entry)) if entry.underflowed else "\N{MIDDLE DOT}",
    )


def _error(error: float | None) -> str:
    return "-" if error is None else units.scientific(error)


def _share(count: int, entry: TensorPrecisionEntry) -> float:
    return count / entry.values if entry.values else 0.0
