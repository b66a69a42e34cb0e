"""Address spaces of a machine as tables and as JSON: cores, banks, engines, the controller."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from dataflow.bank import Bank
from dataflow.cost import PS_PER_S
from dataflow.cycles import Cycles
from dataflow.hardware import Controller, Hardware, Memory
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


def memory_json(memory: Memory) -> Json:
    """A memory and its banks, if it has any."""
    known: Json = {"capacity_bytes": memory.capacity_bytes}
    if memory.banks:
        known["banks"] = [_bank(bank) for bank in memory.banks]
    return known


def _bank(bank: Bank) -> Json:
    return {
        "name": bank.name,
        "kind": bank.kind,
        "capacity_bytes": bank.capacity_bytes,
        "reached_by": len(bank.reached_by),
        "engines": dict(bank.engines),
    }


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
    return (_cores(document["processors"]), _banks(hardware), _engines(document))


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
        for group in alike(memory.banks, lambda bank: (bank.kind, bank.capacity_bytes, len(bank.reached_by))):
            bank = group[0]
            reached = [name for name in there if name in bank.reached_by]
            told = span(reached, len(there)) if len(group) == 1 else f"{len(reached)} cores each"
            rows.append(
                (
                    names([each.name for each in group]),
                    bank.kind,
                    units.size(bank.capacity_bytes),
                    "its core" if len(reached) == 1 else told,
                    _latency(hardware, there, bank.kind),
                    ", ".join(dict.fromkeys(bank.engines.values())) or "-",
                )
            )
    columns = ("bank", "kind", "capacity", "reached by", "latency", "engines")
    note = "latency: published, from the shortest to the longest; engines: all accesses go through them"
    left = ("kind", "reached by", "engines")
    return Grid("Banks", columns, tuple(rows), left=left, note=note)


def _latency(hardware: Hardware, cores: tuple[str, ...], kind: str) -> str:
    """In cycles of the first core that says so."""
    for name in cores:
        cost = hardware.processors[name].cost
        if isinstance(cost, Cycles) and kind in cost.memories:
            least, most = cost.memories[kind].latency
            told = units.number(least, 3) if least == most else f"{least:g} to {most:g}"
            return f"{told} cycles"
    return "-"


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
