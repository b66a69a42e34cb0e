"""What a report says of cores that share an address space: their banks, their idle time, their control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports import units
from reports.alike import alike, names, span, unnumbered
from reports.core_schema import BankEntry, StoredEntry
from reports.grid import Grid, Row
from reports.schema import Report

CAUSES = {
    "compute": "computes",
    "memory": "memory",
    "engine": "engine",
    "signal": "signal",
    "input": "input",
    "idle": "no more to do",
}
"""Where a core's time goes, with what columns call it, in the order in which bars are stacked."""


def times(report: Report) -> dict[str, dict[str, float]]:
    """For each core what went where, by the names of CAUSES, in seconds of a step.

    They add up to the time of the whole run over its steps. That is the step time, but where samples
    stream: a pipeline's is an interval, in which fill and drain are not.
    """
    found: dict[str, dict[str, float]] = {}
    for core, why in report.idleness.items():
        stalled_s = why.memory_s + why.engine_s
        computes_s = max(0.0, report.processors[core].busy_s - stalled_s)
        parts = (computes_s, why.memory_s, why.engine_s, why.signal_s, why.input_s, why.idle_s)
        found[core] = dict(zip(CAUSES, parts, strict=True))
    return found


def shares(report: Report) -> dict[str, dict[str, float]]:
    """For each core what share of the whole run went where, by the names of CAUSES; they add up to 1."""
    found: dict[str, dict[str, float]] = {}
    for core, parts in times(report).items():
        whole_s = sum(parts.values())
        found[core] = {cause: part_s / whole_s for cause, part_s in parts.items()}
    return found


def working(report: Report) -> dict[str, dict[str, float]]:
    """The shares of those cores that have tasks."""
    return {core: parts for core, parts in shares(report).items() if report.processors[core].busy_s > 0}


def mean_share(each: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The mean over cores of the share of each cause; zeros of no cores."""
    return {cause: sum(parts[cause] for parts in each.values()) / max(1, len(each)) for cause in CAUSES}


def cores(report: Report, shown: int | None = None) -> Grid:
    """A row for the mean and for cores that are alike to the percent; of more than ``shown`` the busiest.

    Those that have no task are counted in the note alone.
    """
    each = working(report)
    mean = mean_share(each)
    groups = alike(each, lambda core: tuple(round(100 * part) for part in each[core].values()))
    kept = groups if shown is None else sorted(groups, key=lambda group: -_working(each[group[0]]))[:shown]
    rows = [(names(group), *_percents(each[group[0]])) for group in kept]
    left_out = sum(len(group) for group in groups) - sum(len(group) for group in kept)
    note = "memory, engine: in its tasks, for memory and for shared engines; signal, input: before them"
    if len(groups) < len(each):
        note += "; +n: so many more that are alike to the percent"
    if left_out:
        note += f"; {left_out} less busy cores in report.json"
    if len(each) < len(report.idleness):
        note += f"; {len(report.idleness) - len(each)} cores have no task"
    head = [(f"mean of {len(each)}", *_percents(mean))] if len(each) > 1 else []
    title = f"Where the cores' time goes, of {whole(report)}"
    return Grid(title, ("core", *CAUSES.values()), (*head, *rows) if each else (), note=note)


def whole(report: Report) -> str:
    """The time whose shares are told: a step's; of samples that stream that of the whole run."""
    if report.pipeline is None:
        return f"{units.duration(report.step_time_s)} a {step(report)}"
    count = report.pipeline.samples
    one = step(report)
    samples = f"1 {one}" if count == 1 else f"{count} " + ("samples" if report.batch == 1 else f"x {one}")
    return f"{units.duration(count * _span_s(report))} for {samples}"


def _span_s(report: Report) -> float:
    """The time of the whole run over its steps; the step time where no cores share an address space."""
    each = times(report)
    return sum(next(iter(each.values())).values()) if each else report.step_time_s


def _working(part: dict[str, float]) -> float:
    return part["compute"] + part["memory"] + part["engine"]


def _percents(part: dict[str, float]) -> Row:
    return tuple(units.percent(part[cause]) if part[cause] > 0 else "\N{MIDDLE DOT}" for cause in CAUSES)


def control(report: Report) -> str:
    """What starting tasks cost, in one line; empty where it costs nothing."""
    use = report.control
    if use is None:
        return ""
    who = "cores" if use.kind == "dataflow" else "controller"
    what = "semaphore operations" if use.kind == "dataflow" else "signals"
    total_s = _span_s(report) * max(1, len(working(report)))
    return (
        f"{use.kind}: {units.number(use.signals)} {what} a {step(report)}, {who} busy with them for "
        f"{units.duration(use.busy_s)} ({units.percent(use.utilisation)}), cores lose "
        f"{units.duration(use.overhead_s)} together ({units.percent(use.overhead_s / total_s)} of their time)"
    )


def step(report: Report) -> str:
    """What a step of the report's mode is called."""
    if report.mode == "training":
        return "step"
    return "sample" if report.batch == 1 else f"batch of {report.batch}"


# -- the memory map ---------------------------------------------------------------------------------


def memory_map(report: Report, tensors: int = 8) -> Grid:
    """A row for each bank that holds anything, those alike in one; so many tensors of each."""
    groups = banks_alike(report)
    used = [group for group in groups if group[0].stored]
    empty = sum(len(group) for group in groups if not group[0].stored)
    rows = tuple(_bank_row(report, group, tensors) for group in used)
    note = "places are fixed for the whole run; kB = 1,000 B"
    if any(each.misses for group in used for each in group[0].stored):
        note += "; uncached: the bank's cache has no room for it"
    if any(len(group) > 1 for group in used):
        note += "; +n: so many more banks alike"
    if empty:
        note += f"; {empty} of {len(report.memory_map)} banks hold nothing"
    columns = ("bank", "used", "capacity", "full", "reached by", "holds")
    return Grid("Memory map", columns, rows, left=("reached by", "holds"), note=note)


def bank_kinds(report: Report) -> Grid:
    """A row for each kind of bank: how many, and how full all of them and the fullest are."""
    rows: list[Row] = []
    for group in alike(report.memory_map, lambda bank: (bank.memory, bank.kind)):
        capacity = sum(bank.capacity_bytes for bank in group)
        used = sum(bank.used_bytes for bank in group)
        fullest = max(group, key=lambda bank: bank.used_bytes / max(1, bank.capacity_bytes))
        rows.append(
            (
                group[0].kind,
                str(len(group)),
                str(sum(bool(bank.stored) for bank in group)),
                units.size(used),
                units.size(capacity),
                f"{fullest.name} {fill(fullest)}" if fullest.stored else "-",
            )
        )
    columns = ("kind of bank", "banks", "in use", "used", "capacity", "fullest")
    return Grid("Banks", columns, tuple(rows), left=("fullest",))


def banks_alike(report: Report) -> list[list[BankEntry]]:
    """Banks of a kind that hold the same numbers of bytes of the same tensors, though other slices."""
    return alike(report.memory_map, _looks)


def _looks(bank: BankEntry) -> tuple[object, ...]:
    held = tuple((unnumbered(each.tensor), each.bytes, each.misses) for each in bank.stored)
    same = bank.memory, bank.kind, bank.capacity_bytes, bank.cache_bytes, len(bank.reached_by), held
    return same if bank.stored or bank.capacity_bytes else (*same, bank.name)


def fill(bank: BankEntry) -> str:
    """How full a bank is."""
    return units.percent(bank.used_bytes / bank.capacity_bytes) if bank.capacity_bytes else "-"


def _bank_row(report: Report, group: Sequence[BankEntry], tensors: int) -> Row:
    bank = group[0]
    return (
        names([each.name for each in group]),
        units.size(bank.used_bytes),
        units.size(bank.capacity_bytes),
        fill(bank),
        _reached(report, group),
        held(bank, tensors, regions=len(group) == 1),
    )


def _reached(report: Report, group: Sequence[BankEntry]) -> str:
    if len(group) > 1 and len(group[0].reached_by) == 1:
        return "its core"
    if len(group) > 1 and len({bank.reached_by for bank in group}) > 1:
        return f"{len(group[0].reached_by)} cores each"
    return span(group[0].reached_by, len(report.idleness))


def held(bank: BankEntry, tensors: int, *, regions: bool) -> str:
    """The largest tensors of a bank with their bytes; slices of one tensor together, unless it is one.

    Before them how much is in the bank's cache, if it has one.
    """
    by_tensor = alike(bank.stored, lambda each: each.part_of or each.tensor)
    ordered = sorted(by_tensor, key=lambda slices: -sum(each.bytes for each in slices))
    told = []
    for slices in ordered[:tensors]:
        one = slices[0]
        which = one.region if regions and len(slices) == 1 else ""
        count = f" in {len(slices)} slices" if len(slices) > 1 else ""
        parts = len({each.tensor for each in slices}) > 1
        name = f"{one.part_of}.parts" if parts and one.part_of else one.tensor
        size = units.size(sum(each.bytes for each in slices), 3)
        told.append(f"{name}{which} {size}{count}{_missed(slices)}")
    rest = ordered[tensors:]
    if rest:
        told.append(f"{len(rest)} more {units.size(sum(e.bytes for slices in rest for e in slices), 3)}")
    return _cached(bank) + ", ".join(told)


def _missed(slices: Sequence[StoredEntry]) -> str:
    """That slices are not in the cache of their bank, or how many."""
    count = sum(each.misses for each in slices)
    return "" if not count else " uncached" if count == len(slices) else f", {count} uncached"


def _cached(bank: BankEntry) -> str:
    """How much of a bank is in its cache."""
    if not bank.cache_bytes or not bank.stored:
        return ""
    which = "all" if bank.cached_bytes == bank.used_bytes else units.size(bank.cached_bytes, 3)
    return f"{which} in its cache of {units.size(bank.cache_bytes, 3)}: "
