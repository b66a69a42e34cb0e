"""Who uses which shard of an address space of banks, and how much: what decides where it is kept."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from dataflow.hardware import Hardware
from dataflow.placement.placed_task import PlacedTask, Shard
from dataflow.placement.streaming import places_of, readers_of
from dataflow.plan import Plan
from dataflow.task_graph import TaskGraph
from dataflow.tensor import TensorKind


@dataclass(frozen=True)
class Usage:
    """The use that is made of what one place holds.

    shards: what shares it: a parameter and what it is updated to, this batch and the next.
    tensor: its name without a version. bytes_each: of one value. copies: values that there must
    be room for, two of a batch. users: the processors that access it, and the name of the
    memory where its copy engines do. accesses: to its elements in a step. passed_on: whether one
    processor writes it and the next one alone reads it.
    """

    shards: tuple[str, ...]
    tensor: str
    memory: str
    bytes_each: int
    copies: int
    users: frozenset[str]
    accesses: int
    passed_on: bool

    @property
    def bytes(self) -> int:
        """All the room that is needed."""
        return self.bytes_each * self.copies

    @property
    def density(self) -> float:
        """Accesses a byte."""
        return self.accesses / max(1, self.bytes)


@dataclass
class _Tally:
    """What has been seen of a place so far."""

    shards: list[Shard] = field(default_factory=list)
    writers: dict[str, None] = field(default_factory=dict)
    readers: dict[str, None] = field(default_factory=dict)
    accesses: int = 0
    copies: int = 1


def usages_of(
    graph: TaskGraph, hardware: Hardware, plan: Plan, shards: Mapping[str, Shard], tasks: Sequence[PlacedTask]
) -> tuple[Usage, ...]:
    """The use of every place in memories that have banks, in the order of their first shards.

    Where a controller hands tasks to any free processor, all that work in a memory use all of it.
    """
    if not any(memory.banks for memory in hardware.memories.values()):
        return ()
    fixed = {n: shard for n, shard in shards.items() if hardware.memories[shard.memory].banks}
    tallies: dict[str, _Tally] = {}
    for shard in fixed.values():
        tallies.setdefault(shard.place, _Tally()).shards.append(shard)
    readers = readers_of(tasks)
    for task in tasks:
        for name, accesses in _reads(task):
            if name in fixed:
                tally = tallies[fixed[name].place]
                tally.readers[task.processor or fixed[name].memory] = None
                tally.accesses += accesses
        for name in task.writes.values():
            if name in fixed:
                tally = tallies[fixed[name].place]
                tally.writers[task.processor or fixed[name].memory] = None
                tally.accesses += fixed[name].region.size
                if graph.mode == "pipeline":
                    tally.copies = max(tally.copies, places_of(task, readers.get(name, []), plan.buffers))
    pools = _pools(tasks) if plan.control.kind == "dynamic" else {}
    return tuple(_usage(tally, hardware, pools) for tally in tallies.values())


def _pools(tasks: Sequence[PlacedTask]) -> dict[str, frozenset[str]]:
    """By memory the processors that work there."""
    found: dict[str, frozenset[str]] = {}
    for task in tasks:
        if task.processor is not None:
            there = found.get(task.computes_in, frozenset())
            found[task.computes_in] = there | {task.processor}
    return found


def _reads(task: PlacedTask) -> Iterator[tuple[str, int]]:
    """The shards a task reads and how often it accesses their elements: each product reads both factors."""
    for read in task.reads:
        products = 0
        if task.op is not None and task.direction is not None and task.op.multiplies:
            products = task.op.macs_of(task.direction) // max(1, task.direction.products)
        whole = max(1, read.region.size)
        for piece in read.pieces:
            yield piece.shard, max(piece.region.size, products * piece.region.size // whole)


def _usage(tally: _Tally, hardware: Hardware, pools: Mapping[str, frozenset[str]]) -> Usage:
    first = tally.shards[0]
    users = frozenset((*tally.writers, *tally.readers))
    there = hardware.processors_in(first.memory)
    versions = len(tally.shards)
    passed_on = False
    if len(tally.writers) == len(tally.readers) == versions == 1:
        (writer,), (reader,) = tally.writers, tally.readers
        passed_on = (writer, reader) in pairwise(there)
    return Usage(
        shards=tuple(shard.name for shard in tally.shards),
        tensor=first.tensor.base,
        memory=first.memory,
        bytes_each=first.bytes,
        copies=max(tally.copies, versions if first.tensor.kind is TensorKind.BATCH else 1),
        users=users | pools.get(first.memory, frozenset()),
        accesses=tally.accesses,
        passed_on=passed_on and first.memory not in pools,
    )
