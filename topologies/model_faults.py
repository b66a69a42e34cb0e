"""The rules that a machine's models of processors must meet beyond their schema."""

from __future__ import annotations

from collections.abc import Iterator

from topologies.cycles_document import CyclesModel
from topologies.hardware_document import MachineDocument
from topologies.processor_document import ProcessorModel
from topologies.tree import Keys


def model_faults(machine: MachineDocument) -> Iterator[tuple[Keys, str]]:
    """Where models, and processors of them, break a rule, and how."""
    for name, model in machine.models.items():
        yield from _faults(("models", name), model)
    for name, processor in machine.processors.items():
        known = machine.models.get(processor.model)
        if known is not None and isinstance(known.compute, CyclesModel):
            yield (
                ("processors", name, "model"),
                f"{processor.model!r} is the model of cores of an address space; name them under 'spaces'",
            )


def _faults(at: Keys, model: ProcessorModel) -> Iterator[tuple[Keys, str]]:
    if isinstance(model.compute, CyclesModel):
        for kind, memory in model.compute.memories.items():
            if memory.latency[0] > memory.latency[1]:
                low, high = memory.latency
                text = f"{low:g} to {high:g} cycles; the shortest latency stands before the longest"
                yield (*at, "compute", "memories", kind, "latency"), text
        for key in ("memory", "copy"):
            if getattr(model, key) is not None:
                text = "is of processors with a memory of their own; the banks of 'spaces' are these cores'"
                yield (*at, key), text
        return
    for key in ("memory", "copy"):
        if getattr(model, key) is None:
            yield (*at, key), "is missing"
    for kind, entry in model.compute.efficiency.items():
        if entry.source is None and (entry.compute, entry.memory) != (None, None):
            text = "'source' is missing; say who measured these fractions, or that they are assumed"
            yield (*at, "compute", "efficiency", kind), text
