"""From address spaces in a document to memories made of banks, engines and controllers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from dataflow.bank import Bank, Engine
from dataflow.cycles.model import LOCAL
from dataflow.hardware import Controller, Memory
from dataflow.near import did_you_mean
from dataflow.picoseconds import PS_PER_S
from topologies.assemble import Space
from topologies.cycles_document import CyclesModel
from topologies.hardware_document import MachineDocument
from topologies.space_document import BankDocument, SpaceDocument
from topologies.tree import Keys


def memory_of(space: Space) -> Memory:
    """The address space as a memory: its banks, and what moves tensors into it and out of it."""
    banks = tuple(_banks(space))
    return Memory(
        name=space.name,
        capacity_bytes=sum(bank.capacity_bytes for bank in banks),
        banks=banks,
        copy_engines=space.document.dma.engines.value,
        copy_overhead_ps=space.document.dma.overhead.value,
    )


def engines_of(spaces: Iterable[Space]) -> Mapping[str, Engine]:
    """The shared engines of all spaces, by name."""
    return {
        name: Engine(name, engine.rate.value)
        for space in spaces
        for key, engine in space.document.engines.items()
        for name in (_named(space, key),)
    }


def controller_of(spaces: Iterable[Space]) -> Controller | None:
    """The controller of the first space that has one; its cycles are those of the cores there."""
    for space in spaces:
        found, compute = space.document.controller, space.model.compute
        if found is not None and isinstance(compute, CyclesModel):
            ps = PS_PER_S / compute.clock.value
            costs = (found.signal, found.dispatch, found.semaphore)
            return Controller(*(round(cost.value * ps) for cost in costs))
    return None


def space_faults(machine: MachineDocument) -> Iterator[tuple[Keys, str]]:
    """Where the spaces of a machine break a rule, and how."""
    controlled = [name for name, space in machine.spaces.items() if space.controller is not None]
    for name in controlled[1:]:
        text = f"{controlled[0]!r} has a controller already; a machine has one"
        yield ("spaces", name, "controller"), text
    engines: dict[str, str] = {}
    for name, space in machine.spaces.items():
        for engine in space.engines:
            if engine in engines:
                text = f"{engines[engine]!r} has an engine of this name too; give it another"
                yield ("spaces", name, "engines", engine), text
            engines[engine] = name
        yield from _faults_of(("spaces", name), space, machine)


def _faults_of(at: Keys, space: SpaceDocument, machine: MachineDocument) -> Iterator[tuple[Keys, str]]:
    model = machine.models.get(space.model)
    if model is None:
        return
    if not isinstance(model.compute, CyclesModel):
        text = f"{space.model!r} costs by {model.compute.cost}; the cores of a space need 'cost: cycles'"
        yield (*at, "model"), text
        return
    known = model.compute.memories
    for kind, bank in space.banks.items():
        if kind not in known:
            near = did_you_mean(kind, known)
            there = ", ".join(known) or "none"
            text = f"model {space.model!r} has no memory {kind!r}{near or ';'} it has costs for: {there}"
            yield (*at, "banks", kind), text
        for engine in bank.engines.values():
            if engine not in space.engines:
                there = ", ".join(space.engines) or "none"
                yield (*at, "banks", kind, "engines"), f"there is no engine {engine!r}; there are: {there}"
        if bank.cache is not None and bank.cache.value > bank.capacity.value:
            text = f"a cache of {bank.cache.value:,} B is larger than its bank of {bank.capacity.value:,} B"
            yield (*at, "banks", kind, "cache"), f"{text}; leave it out or make it smaller"
        if kind == LOCAL and bank.capacity.value <= _reserved_bytes(model.compute):
            text = f"holds no more than stack and staging, {_reserved_bytes(model.compute)} B, leave no room"
            yield (*at, "banks", kind, "capacity"), text


def _reserved_bytes(model: CyclesModel) -> int:
    """What a core's local memory holds beside tensors."""
    return model.stack.value + model.staging.value


def _banks(space: Space) -> Iterator[Bank]:
    for kind, document in space.document.banks.items():
        yield from _of_kind(space, kind, document)


def _of_kind(space: Space, kind: str, document: BankDocument) -> Iterator[Bank]:
    """The banks of one kind: of each core, of each island, or the one of the space."""
    engines: dict[str, str] = {use: _named(space, name) for use, name in document.engines.items()}
    size = document.capacity.value
    cache = 0 if document.cache is None else document.cache.value

    def bank(name: str, cores: Sequence[str]) -> Bank:
        return Bank(name, kind, size, tuple(cores), engines, cache, document.next)

    islands = _islands(space)
    if document.per == "space":
        yield bank(kind, space.cores)
    elif document.per == "island":
        yield from (bank(f"island{index}.{kind}", island) for index, island in enumerate(islands))
    else:
        compute = space.model.compute
        if kind == LOCAL and isinstance(compute, CyclesModel):
            size -= _reserved_bytes(compute)
        for island in islands:
            for index, core in enumerate(island):
                if not document.next:
                    yield bank(f"{core}.{kind}", (core,))
                elif index + 1 < len(island):
                    yield bank(f"{core}.{kind}", island[index : index + 2])


def _islands(space: Space) -> list[tuple[str, ...]]:
    """The cores in islands; the last may be smaller."""
    size = space.document.per_island.value
    return [space.cores[first : first + size] for first in range(0, len(space.cores), size)]


def _named(space: Space, engine: str) -> str:
    """An engine's name in the machine."""
    return f"{space.node}/{engine}" if space.node else engine
