"""From a processor's model to the engine's cost model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace

from dataflow.cost import CostModel, Efficiency, Roofline
from dataflow.cycles import Cycles, InstructionCosts, Instructions, MemoryCost, Routine, routine_of
from dataflow.ops import KERNEL_OPS
from topologies.cycles_document import (
    CountsDocument,
    CyclesModel,
    InstructionCostDocument,
    RoutineDocument,
)
from topologies.op_kinds import PRICED_AS
from topologies.processor_document import DEFAULT, Attained, OfKind, ProcessorModel

PASSES = ("forward", "moments", "input_gradient", "weight_gradient", "update")


def cost_of(model: ProcessorModel) -> CostModel:
    """The cost model that a processor's model describes; of a roofline its memory must be given."""
    if isinstance(model.compute, CyclesModel):
        return _cycles(model.compute)
    assert model.memory is not None
    return Roofline(
        peak_flops=model.compute.peak.value,
        bandwidth_bytes_per_s=model.memory.bandwidth.value,
        launch_overhead_ps=model.compute.launch_overhead.value,
        efficiency=_efficiency(model.compute.efficiency),
    )


def _efficiency(efficiencies: Mapping[str, OfKind]) -> Mapping[tuple[str, str], Efficiency]:
    """By (kind, pass). What a pass leaves out its kind has, then the default, then 1.

    A kind that is not named has what is given for the one that it is priced as, pass by pass.
    """
    shared = {
        kind: efficiencies[other]
        for kind, other in PRICED_AS.items()
        if kind not in efficiencies and other in efficiencies
    }
    base = _attained(efficiencies.get(DEFAULT), Efficiency(1.0, 1.0))
    table = {("", ""): base}
    for kind, entry in {**efficiencies, **shared}.items():
        if kind == DEFAULT:
            continue
        of_kind = _attained(entry, base)
        if of_kind != base:
            table[kind, ""] = of_kind
        passes = {name: getattr(entry, name) for name in PASSES}
        table |= {(kind, name): _attained(one, of_kind) for name, one in passes.items() if one is not None}
    return table


def _attained(entry: Attained | OfKind | None, base: Efficiency) -> Efficiency:
    if entry is None:
        return base
    return Efficiency(
        base.compute if entry.compute is None else entry.compute,
        base.memory if entry.memory is None else entry.memory,
    )


def _cycles(document: CyclesModel) -> Cycles:
    return Cycles(
        clock_hz=document.clock.value,
        threads=document.threads.value,
        costs=_instruction_costs(document.costs),
        memories={
            kind: MemoryCost(
                latency=memory.latency,
                blocking=memory.blocking,
                spacing=memory.spacing,
                issue=memory.issue,
            )
            for kind, memory in document.memories.items()
        },
        program_store=document.program_store.value,
        stack_bytes=document.stack.value,
        staging_bytes=document.staging.value,
        burst_bytes=document.burst.value,
        floats=document.floats,
        loops=document.loops,
        routines={
            (kind, direction): _routine(kind, direction, routine)
            for kind, passes in document.instructions.items()
            for direction, routine in passes.items()
        },
    )


def _instruction_costs(document: InstructionCostDocument) -> InstructionCosts:
    return InstructionCosts(
        multiply={
            8: document.multiply_8.value,
            16: document.multiply_16.value,
            32: document.multiply_32.value,
        },
        basic=document.other.value,
        branch_taken=document.branch_taken.value,
        branch_not_taken=document.branch_not_taken.value,
    )


def _routine(kind: str, direction: str, document: RoutineDocument) -> Routine:
    """The routine that comes with Dataflow, changed by what a description says."""
    multiplies = any(op.kind == kind and op.multiplies for op in KERNEL_OPS)
    known = routine_of(kind, direction, {}, multiplies=multiplies)
    return Routine(
        inner=_counts(known.inner, document.inner),
        wide=_counts(known.wide, document.wide),
        output=_counts(known.output, document.output),
        bias=_counts(known.bias, document.bias),
        task=_counts(known.task, document.task),
        scans=known.scans if document.scans is None else document.scans,
        kept=known.kept if document.kept is None else document.kept,
        result=known.result,
    )


def _counts(known: Instructions, document: CountsDocument) -> Instructions:
    given = {each.name: getattr(document, each.name) for each in fields(document)}
    return replace(known, **{name: count for name, count in given.items() if count is not None})
