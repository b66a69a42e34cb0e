"""What a report says, as sentences and grids: shared by the console summary and report.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from reports import units
from reports.grid import Grid, Row
from reports.schema import LayerEntry, ProcessorEntry, Report, TensorEntry, VerificationEntry

LOAD = "load"
"""The phase that brings the next batch; every other transfer is an exchange."""

_SECONDS_PER_DAY = 86_400


def setting(report: Report) -> str:
    """What was run, in one line."""
    steps = "1 step" if report.steps == 1 else f"{report.steps} steps"
    return (
        f"{report.network.name} on {report.hardware.name}: batch {report.batch}, {report.dtype}, "
        f"backend {report.backend}, seed {report.seed}, {steps}"
    )


def rate(report: Report) -> str:
    """How many examples a second."""
    return f"{units.number(report.images_per_s)} {report.network.examples}/s"


def training_time(report: Report) -> str:
    """How long the whole training takes."""
    images = f"{report.training.images_per_epoch:,} {report.network.examples}"
    epochs = "1 epoch" if report.training.epochs == 1 else f"{report.training.epochs} epochs"
    return f"{units.long_duration(report.training_days * _SECONDS_PER_DAY)} for {epochs} of {images}"


def loss(report: Report) -> str:
    """The loss of the last step, and of the first where there were more."""
    if not report.losses:
        return "not computed"
    shown = [units.number(value, 5) if value is not None else "not finite" for value in report.losses]
    return (
        shown[-1]
        if len(shown) == 1
        else f"{shown[-1]} in the last of {len(shown)} steps, {shown[0]} in the first"
    )


def limit_sentences(report: Report) -> list[str]:
    """What each kind of resource, twice as fast, would make of the step; most useful first."""
    return [
        f"{best.resource} twice as fast: {units.duration(best.step_time_s)} a step ({units.times(best.gain)})"
        for best in report.limits
    ]


def limiting(report: Report) -> str:
    """What limits the step and by how much, then what does not."""
    if not report.limits:
        return "unknown"
    best, *others = report.limits
    text = f"{best.resource}: twice as fast, a step would take {units.duration(best.step_time_s)} "
    text += f"({units.times(best.gain)} the speed)"
    if others:
        rest = ", ".join(f"{limit.resource} {units.times(limit.gain)}" for limit in others)
        text += f"; {rest}"
    return text


def critical_path(report: Report, shown: int = 6) -> str:
    """The critical path in words."""
    parts = report.critical_path
    told = [f"{units.percent(part.share)} {part.what}" for part in parts[:shown]]
    rest = parts[shown:]
    if rest:
        told.append(f"{units.percent(sum(part.share for part in rest))} in {len(rest)} more")
    return f"of {units.duration(report.step_time_s)}: {', '.join(told)}"


def verdict(verification: VerificationEntry | None) -> str:
    """Whether the numbers were checked and hold, and how far off the worst was."""
    if verification is None:
        return "not done"
    if verification.worst_tensor is None:
        return f"FAILED: nothing was compared with {verification.reference}"
    outcome = "passed" if verification.passed else "FAILED"
    text = (
        f"{outcome} against {verification.reference} ({verification.dtype}): worst relative error "
        f"{units.scientific(verification.max_relative_error)} ({verification.worst_tensor}), "
        f"tolerance {verification.tolerance:g}, {len(verification.tensors)} tensors"
    )
    if verification.missing:
        text += f"; missing on one side: {', '.join(verification.missing[:5])}"
    return text


def processors(report: Report) -> Grid:
    """A row for each processor; the model is in the title where they all have the same."""
    models = list(dict.fromkeys(use.model for use in report.processors.values()))
    rows: list[Row] = []
    for name, use in report.processors.items():
        model = (use.model,) if len(models) > 1 else ()
        waited = (units.duration(use.waiting_for_input_s, 3),) if report.input else ()
        rows.append((name, *model, *_processor_cells(use), *waited))
    return Grid(
        "Processors" if len(models) > 1 else f"Processors ({models[0]})",
        (
            "name",
            *(("model",) if len(models) > 1 else ()),
            *("busy", "of step", "attained", "of peak", "exposed", "hidden", "others"),
            *(("input",) if report.input else ()),
        ),
        tuple(rows),
        left=("model",),
        note="idle for transfers: exposed, for others' work: others; transfers behind work: hidden"
        + ("; idle for batches to be prepared: input" if report.input else ""),
    )


def _processor_cells(use: ProcessorEntry) -> Row:
    return (
        units.duration(use.busy_s),
        units.percent(use.utilisation),
        units.flops(use.attained_flops),
        units.percent(use.attained_flops / use.peak_flops) if use.peak_flops else "-",
        units.duration(use.communication_exposed_s, 3),
        units.duration(use.communication_hidden_s, 3),
        units.duration(use.waiting_for_others_s, 3),
    )


def memories(report: Report, kinds: int = 20) -> Grid:
    """A row for each memory: its peak and what held it, by so many kinds of tensor."""
    rows = [
        (
            name,
            units.size(use.peak_bytes),
            units.percent(use.peak_bytes / use.capacity_bytes) if use.capacity_bytes else "-",
            units.size(use.capacity_bytes),
            units.duration(use.peak_at_s),
            _by_kind(use.by_kind, kinds),
        )
        for name, use in report.memories.items()
    ]
    return Grid(
        "Memory at its fullest",
        ("memory", "peak", "full", "capacity", "at", "held by"),
        tuple(rows),
        left=("held by",),
        note="MB = 1,000,000 B; at: since the first step began",
    )


def _by_kind(by_kind: Mapping[str, int], shown: int) -> str:
    kinds = list(by_kind.items())
    told = [f"{kind} {units.size(count, 3)}" for kind, count in kinds[:shown]]
    if kinds[shown:]:
        told.append(f"other {units.size(sum(count for _, count in kinds[shown:]), 3)}")
    return ", ".join(told)


def links(report: Report) -> Grid:
    """A row for each link direction that carried anything."""
    used = {name: use for name, use in report.links.items() if use.bytes}
    rows = [
        (
            name,
            units.size(use.bytes),
            units.size(sum(m.bytes for m in use.movements if m.phase != LOAD)),
            units.duration(use.busy_s),
            units.percent(use.utilisation),
        )
        for name, use in used.items()
    ]
    idle = [name for name, use in report.links.items() if not use.bytes]
    return Grid(
        "Links",
        ("from->to", "bytes", "exchanged", "busy", "of step"),
        tuple(rows),
        note="exchanged: all but the load of the next batch" + (f"; idle: {_few(idle)}" if idle else ""),
    )


def _few(names: Sequence[str], shown: int = 4) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def layers(report: Report) -> Grid:
    """A row for each layer, with a column for the time of each phase."""
    by_layer: dict[str, list[LayerEntry]] = {}
    for entry in report.layers:
        if entry.phase != LOAD:
            by_layer.setdefault(entry.name, []).append(entry)
    loaded = sum(entry.transfer_bytes for entry in report.layers if entry.phase == LOAD)
    return Grid(
        "Layers",
        ("layer", "forward", "gradient", "update", "FLOP", "bytes", "exchanged", "bound"),
        tuple(_layer_row(name, entries) for name, entries in by_layer.items()),
        left=("bound",),
        note=f"summed over processors; exchanged: between memories, without the batch ({units.size(loaded)})",
    )


def _layer_row(name: str, entries: Sequence[LayerEntry]) -> Row:
    times = {entry.phase: entry.time_s for entry in entries}

    def told(*phases: str) -> str:
        present = [times[phase] for phase in phases if phase in times]
        return units.duration(sum(present)) if present else ""

    flop = sum(entry.flop for entry in entries)
    exchanged = sum(entry.transfer_bytes for entry in entries)
    return (
        name,
        told("forward", "loss"),
        told("gradient"),
        told("update"),
        units.flop(flop) if flop else "",
        units.size(sum(entry.bytes for entry in entries)),
        units.size(exchanged) if exchanged else "",
        max(entries, key=lambda entry: entry.time_s).bound,
    )


def latency(report: Report) -> str:
    """How long exchanges took from ready to end."""
    told = report.transfer_latency
    if not told.count:
        return "no exchanges"
    return (
        f"{told.count} exchanges from ready to end: median {units.duration(told.p50_s)}, "
        f"99th percentile {units.duration(told.p99_s)}, longest {units.duration(told.max_s)}"
    )


def worst_first(tensors: Iterable[TensorEntry]) -> list[TensorEntry]:
    """Tensors by relative error, what is not finite first."""

    def badness(entry: TensorEntry) -> tuple[bool, float, str]:
        error = entry.max_relative_error
        return error is None, error or 0.0, entry.tensor

    return sorted(tensors, key=badness, reverse=True)


def tensors(verification: VerificationEntry, shown: int) -> Grid:
    """The worst tensors of a verification."""
    worst = worst_first(verification.tensors)[:shown]
    rows = tuple(
        (
            t.tensor,
            t.kind,
            "x".join(map(str, t.shape)) or "scalar",
            units.scientific(t.scale),
            units.scientific(t.max_absolute_error),
            units.scientific(t.max_relative_error),
            "yes" if t.passed else "NO",
        )
        for t in worst
    )
    return Grid(
        f"The worst {len(worst)} of {len(verification.tensors)} tensors",
        ("tensor", "kind", "shape", "scale", "absolute error", "relative error", "passed"),
        rows,
        left=("kind", "shape", "passed"),
        note="scale: the reference's largest magnitude; relative error: absolute error over scale",
    )


def tensor_kinds(verification: VerificationEntry) -> Grid:
    """The largest error of each kind of tensor."""
    worst_of = {t.kind: t for t in reversed(worst_first(verification.tensors))}
    count = Counter(t.kind for t in verification.tensors)
    rows = tuple(
        (kind, str(count[kind]), units.scientific(t.max_relative_error), t.tensor)
        for kind, t in sorted(worst_of.items())
    )
    columns = ("kind", "tensors", "largest relative error", "in")
    return Grid("By kind of tensor", columns, rows, left=("in",))
