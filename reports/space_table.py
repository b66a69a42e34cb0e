"""Address spaces of a machine as tables and as JSON: cores, banks, engines, the controller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dataflow.bank import Bank
from dataflow.cycles import Cycles
from dataflow.hardware import Controller, Hardware, Memory
from dataflow.picoseconds import PS_PER_S
from reports import units
from reports.alike import alike, names, span
from reports.grid import Grid, Row

Json = dict[str, Any]


def core_json(cost: Cycles) -> Json:
    """What a core is, for ``hardware_json``."""
    return {
        "clock_hz": cost.clock_hz,
        "threads": cost.threads,
        "program_store": cost.program_store,
        "stack_bytes": cost.stack_bytes,
        "floats": cost.floats,
        "loops": cost.loops,
        "memories": {
            kind: {
                "latency_cycles": list(memory.latency),
                "blocking": memory.blocking,
                "spacing_cycles": memory.spacing,
                "issue_cycles": memory.issue,
            }
            for kind, memory in cost.memories.items()
        },
    }


def memory_json(memory: Memory, hardware: Hardware) -> Json:
    """A memory of a machine and its banks, if it has any."""
    known: Json = {"capacity_bytes": memory.capacity_bytes}
    if memory.banks:
        known["banks"] = [_bank(bank, memory, hardware) for bank in memory.banks]
    return known


def _bank(bank: Bank, memory: Memory, hardware: Hardware) -> Json:
    cost = _cost(hardware, hardware.processors_in(memory.name), bank.kind)
    return {
        "name": bank.name,
        "kind": bank.kind,
        "capacity_bytes": bank.capacity_bytes,
        "cache_bytes": bank.cache_bytes,
        "reached_by": len(bank.reached_by),
        "engines": dict(bank.engines),
        "core_bytes_per_s": None if cost is None else cost.bandwidth_bytes_per_s(bank.kind),
        "engine_bytes_per_s": None if cost is None else _through_engine(hardware, cost, bank),
    }


def _through_engine(hardware: Hardware, cost: Cycles, bank: Bank) -> float | None:
    """What the engine of reads lets through; without one there is no limit but the cores' own."""
    engine = bank.engines.get("read")
    if engine is None:
        return None
    return hardware.engines[engine].operations_per_s * cost.access_bytes(bank.kind)


def controller_json(controller: Controller | None) -> Json | None:
    """What it takes to signal, to dispatch and to test a semaphore."""
    if controller is None:
        return None
    return {
        "signal_s": controller.signal_ps / PS_PER_S,
        "dispatch_s": controller.dispatch_ps / PS_PER_S,
        "semaphore_s": controller.semaphore_ps / PS_PER_S,
    }


def space_grids(document: Json, hardware: Hardware) -> tuple[Grid, ...]:
    """Tables of cores, banks, engines and the controller; of other machines they have no rows."""
    return (_cores(document["processors"]), _banks(hardware), _bandwidths(hardware), _engines(document))


def _cores(processors: Mapping[str, Json]) -> Grid:
    known = {name: each for name, each in processors.items() if "core" in each}
    rows: list[Row] = []
    for group in alike(known, lambda name: repr(known[name])):
        each = known[group[0]]
        core = each["core"]
        rows.append(
            (
                names(group),
                each["model"],
                each["memory"],
                f"{units.number(core['clock_hz'] / 1e6)} MHz",
                str(core["threads"]),
                f"{core['program_store']:,}",
                units.size(core["stack_bytes"]),
                "yes" if core["floats"] else "no",
                units.flops(each["peak_flops"], 3),
            )
        )
    columns = ("cores", "model", "memory", "clock", "threads", "instructions", "stack", "floats", "peak")
    note = "instructions: the program store; +n: so many more alike; peak: operations that nothing exceeds"
    return Grid("Cores", columns, tuple(rows), left=("model", "memory"), note=note)


def _banks(hardware: Hardware) -> Grid:
    rows: list[Row] = []
    for memory in hardware.memories.values():
        there = hardware.processors_in(memory.name)
        for group in _kinds(memory):
            bank = group[0]
            reached = [name for name in there if name in bank.users]
            told = span(reached, len(there)) if len(group) == 1 else f"{len(reached)} cores each"
            rows.append(
                (
                    names([each.name for each in group]),
                    bank.kind,
                    units.size(bank.capacity_bytes),
                    units.size(bank.cache_bytes) if bank.cache_bytes else "-",
                    "its core" if len(reached) == 1 else told,
                    _latency(hardware, there, bank.kind),
                    ", ".join(dict.fromkeys(bank.engines.values())) or "-",
                )
            )
    columns = ("bank", "kind", "capacity", "cache", "reached by", "latency", "engines")
    note = "latency: published, from the shortest to the longest; engines: all accesses go through them"
    if any(bank.cache_bytes for memory in hardware.memories.values() for bank in memory.banks):
        note += "; what a cache has no room for takes the longest"
    left = ("kind", "reached by", "engines")
    return Grid("Banks", columns, tuple(rows), left=left, note=note)


def _kinds(memory: Memory) -> list[list[Bank]]:
    """The banks of a memory, those alike together."""
    return alike(memory.banks, lambda bank: (bank.kind, bank.capacity_bytes, len(bank.reached_by)))


def _latency(hardware: Hardware, cores: tuple[str, ...], kind: str) -> str:
    """In cycles of the first core that says so."""
    cost = _cost(hardware, cores, kind)
    if cost is None:
        return "-"
    least, most = cost.memories[kind].latency
    told = units.number(least, 3) if least == most else f"{least:g} to {most:g}"
    return f"{told} cycles"


def _cost(hardware: Hardware, cores: tuple[str, ...], kind: str) -> Cycles | None:
    """The cost model of the first core that knows a kind of bank."""
    for name in cores:
        cost = hardware.processors[name].cost
        if isinstance(cost, Cycles) and kind in cost.memories:
            return cost
    return None


def _bandwidths(hardware: Hardware) -> Grid:
    """What the costs of accesses make of each kind of bank: for a core, and for all."""
    rows: list[Row] = []
    for memory in hardware.memories.values():
        there = hardware.processors_in(memory.name)
        for bank, *_ in _kinds(memory):
            cost = _cost(hardware, there, bank.kind)
            if cost is not None:
                rows.append((bank.kind, *_of_core(cost, bank.kind), *_of_all(hardware, cost, bank)))
    columns = ("kind of bank", "a core", "which reads", "all cores", "through")
    note = "at most, reading and nothing else, at the shortest latency; follows from what accesses cost"
    return Grid("Bandwidth of banks", columns, tuple(rows), left=("which reads", "through"), note=note)


def _of_core(cost: Cycles, kind: str) -> tuple[str, str]:
    memory = cost.memories[kind]
    size = units.size(cost.access_bytes(kind))
    every = f"{size} every {units.number(memory.at_least(cost.threads), 3)} cycles"
    return units.bandwidth(cost.bandwidth_bytes_per_s(kind)), every


def _of_all(hardware: Hardware, cost: Cycles, bank: Bank) -> tuple[str, str]:
    through = _through_engine(hardware, cost, bank)
    return ("-", "-") if through is None else (units.bandwidth(through), f"engine {bank.engines['read']}")


def _engines(document: Json) -> Grid:
    """Engines and the controller: what all cores share."""
    rows = tuple(_shared(document))
    return Grid("What cores share", ("unit", "what it takes"), rows, left=("what it takes",))


def _shared(document: Json) -> Iterator[Row]:
    for name, rate in document["engines"].items():
        yield f"engine {name}", f"at most {units.number(rate / 1e6)} million operations/s"
    controller = document["controller"]
    if controller is not None:
        told = (
            f"{units.duration(controller['signal_s'])} a signal, {units.duration(controller['dispatch_s'])} "
            f"to hand out a task, {units.duration(controller['semaphore_s'])} a semaphore operation of a core"
        )
        yield "controller", told
