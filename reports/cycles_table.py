"""What cores execute: costs of instructions, and for each op of an experiment its loops and cycles."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from dataflow.cycles import Breakdown, Cycles, Instructions, Routine
from dataflow.hardware import Hardware
from dataflow.picoseconds import PS_PER_S
from dataflow.placement import PlacedGraph, PlacedTask
from reports.grid import Grid, Row

Json = dict[str, Any]
_SHORT = {
    "multiply": "mul",
    "multiply_word": "word mul",
    "compare": "cmp",
    "branch_taken": "taken",
    "branch_not_taken": "not taken",
    "divide": "div",
}
"""How a table calls the classes of instructions with longer names."""


def core_models(hardware: Hardware) -> Mapping[str, Cycles]:
    """The cycle cost models of a machine, by the name of the processors' model."""
    found: dict[str, Cycles] = {}
    for processor in hardware.processors.values():
        if isinstance(processor.cost, Cycles):
            found.setdefault(processor.model, processor.cost)
    return found


def instructions_grid(hardware: Hardware) -> Grid:
    """A row for each class of instructions of each model of core; no rows for machines without cores."""
    rows = tuple(row for name, core in core_models(hardware).items() for row in _class_rows(name, core))
    note = "a load is from local memory, its latency not hidden by threads; loop: one more turn of a loop"
    return Grid("Instructions", ("instruction", "model", "cycles"), rows, left=("model",), note=note)


def _class_rows(name: str, core: Cycles) -> Iterator[Row]:
    costs = core.costs
    for bits, cycles in sorted(costs.multiply.items()):
        yield f"multiply, {bits} bits", name, str(cycles)
    yield "divide, 16 bits, in software", name, _cycles(costs.cycles(Instructions(divide=1), 16, 0))
    yield "branch taken", name, str(costs.branch_taken)
    yield "branch not taken", name, str(costs.branch_not_taken)
    low, high = core.load_cycles(0), core.load_cycles(1)
    yield "load", name, f"{low:g} to {high:g}" if low != high else f"{low:g}"
    yield "add, shift, compare, store, move", name, str(costs.basic)
    yield "loop", name, _cycles(costs.cycles(costs.loop, 16, 0))


def _cycles(count: float) -> str:
    return f"{round(count, 1):,g}" if count < 100 else f"{count:,.0f}"


@dataclass(frozen=True)
class _Executed:
    """The longest task of a layer's pass, and how many there are."""

    task: PlacedTask
    count: int
    core: Cycles
    breakdown: Breakdown
    routine: Routine

    @property
    def turn_cycles(self) -> float:
        """Of one turn of the innermost loop, going round it included."""
        wide, width = self.routine.wide, self.breakdown.wide_bits
        return self._of(self.routine.inner) + self.core.costs.cycles(wide, width, self.core.load_cycles())

    @property
    def output_cycles(self) -> float:
        """Of one output element, going round its loop included."""
        return self._of(self.routine.output)

    def _of(self, counts: Instructions) -> float:
        if not counts.counts():
            return 0.0
        around = self.core.costs.loop if self.core.loops else Instructions()
        return self.core.costs.cycles(counts + around, self.breakdown.bits, self.core.load_cycles())


def _executed(placed: PlacedGraph) -> Iterator[_Executed]:
    """One for each layer and pass that cores execute, in the order of the tasks; sums of shards are one."""
    alike: dict[tuple[str, str, str], list[PlacedTask]] = {}
    for task in placed.tasks:
        if task.processor is None or (task.direction is not None and task.direction.view):
            continue
        if isinstance(placed.hardware.processors[task.processor].cost, Cycles):
            work = task.work
            alike.setdefault((task.layer, work.kind, work.direction), []).append(task)
    for tasks in alike.values():
        found: list[tuple[float, int, Cycles, Breakdown]] = []
        for index, task in enumerate(tasks):
            core = placed.hardware.processors[task.processor or ""].cost
            assert isinstance(core, Cycles)
            breakdown = core.breakdown(task.work)
            found.append((breakdown.cycles, -index, core, breakdown))
        _, index, core, breakdown = max(found, key=lambda each: each[:2])
        task = tasks[-index]
        yield _Executed(task, len(tasks), core, breakdown, core.routine_for(task.work))


def ops_grid(placed: PlacedGraph) -> Grid:
    """A row for each layer and pass on cores; no rows when there are none."""
    rows = tuple(_op_row(each) for each in _executed(placed))
    columns = (
        "layer and pass",
        "tasks",
        "a turn",
        "cycles",
        "turns",
        "output",
        "outputs",
        "task",
        "waits",
        "bound",
    )
    note = (
        "of the longest task: instructions and cycles of a turn of its innermost loop, turns; cycles of an "
        "output, outputs; cycles in all, and those of them in which its core waits. Instructions can be "
        "overridden under hardware.models.MODEL.compute.instructions"
    )
    return Grid("Loops and cycles", columns, rows, left=("a turn", "bound"), note=note)


def _op_row(each: _Executed) -> Row:
    task, found = each.task, each.breakdown
    return (
        f"{task.layer} {_pass_of(task)}",
        str(each.count),
        _told(each.routine.inner + each.routine.wide),
        _cycles(each.turn_cycles),
        f"{found.turns.inner:,}" if each.turn_cycles else "0",
        _cycles(each.output_cycles),
        f"{found.turns.outputs:,}",
        _cycles(found.cycles),
        _cycles(found.cycles - found.issue_cycles) if found.cycles > found.issue_cycles else "0",
        found.bound,
    )


def _pass_of(task: PlacedTask) -> str:
    """The pass, or what is no op: the sum of shards."""
    return "sum" if task.op is None else task.work.direction.replace("_", " ")


def _told(counts: Instructions) -> str:
    """Such as ``mul 1, add 2``."""
    return ", ".join(f"{_SHORT.get(name, name)} {count:g}" for name, count in counts.counts().items()) or "-"


def instructions_json(hardware: Hardware) -> Json:
    """Cycles of each class of instructions and the routines given in place of the usual ones, by model."""
    return {
        name: {
            "multiply_cycles": {str(bits): cycles for bits, cycles in sorted(core.costs.multiply.items())},
            "branch_taken_cycles": core.costs.branch_taken,
            "branch_not_taken_cycles": core.costs.branch_not_taken,
            "other_cycles": core.costs.basic,
            "load_cycles": [core.load_cycles(0), core.load_cycles(1)],
            "loop": core.costs.loop.counts(),
            "burst_bytes": core.burst_bytes,
            "staging_bytes": core.staging_bytes,
            "own_routines": [f"{kind}.{direction}" for kind, direction in core.routines],
        }
        for name, core in core_models(hardware).items()
    }


def ops_json(placed: PlacedGraph) -> list[Json]:
    """The loops and cycles of the longest task of each layer and pass on cores."""
    return [
        {
            "layer": each.task.layer,
            "op": each.task.work.kind,
            "pass": each.task.work.direction,
            "tasks": each.count,
            "processor": each.task.processor,
            "operand_bits": each.breakdown.bits,
            "instructions": {
                part: getattr(each.routine, part).counts()
                for part in ("inner", "wide", "output", "bias", "task")
            },
            "turns": each.breakdown.turns.inner,
            "outputs": each.breakdown.turns.outputs,
            "turn_cycles": each.turn_cycles,
            "output_cycles": each.output_cycles,
            "issue_cycles": each.breakdown.issue_cycles,
            "occupied_cycles": each.breakdown.occupied_cycles,
            "waited_cycles": each.breakdown.waited_cycles,
            "threads": each.breakdown.threads,
            "cycles": each.breakdown.cycles,
            "seconds": each.core.picoseconds(each.breakdown.cycles) / PS_PER_S,
            "bound": each.breakdown.bound,
            "operations": dict(each.breakdown.operations),
            "code": each.core.code(each.task.op, each.task.direction),
            "stack_bytes": each.core.stack(each.task.op, each.task.direction),
        }
        for each in _executed(placed)
    ]
