"""Where a task finds and leaves its arrays: looked up once for a placed graph, not in every step."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import numpy as np

from dataflow.backend import Array
from dataflow.numbers.number import array_dtype
from dataflow.ops import Phase, Role
from dataflow.placement import Piece, PlacedGraph, PlacedTask, Read, Shard, TaskKind
from dataflow.region import Region
from dataflow.simulation.schedule import Instance, Schedule
from dataflow.tensor import Tensor, TensorKind
from dataflow.values.finite import may_be_first

Slices = tuple[slice, ...]
Stores = Mapping[str, dict[Instance, Array]]
"""By memory, the values that are in it."""


class Made(NamedTuple):
    """What an array is made with."""

    labels: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


def made_of(tensor: Tensor, region: Region) -> Made:
    """An array for a region of a tensor."""
    return Made(tensor.labels, region.shape, array_dtype(tensor.dtype))


class Address(NamedTuple):
    """A shard's place among the values of its memory; in step k it is k steps later, unless constant."""

    store: dict[Instance, Array]
    name: str
    later: int
    constant: bool

    def instance(self, step: int) -> Instance:
        """The key of its value in a step."""
        return self.name, (self.later if self.constant else self.later + step)


class Source(NamedTuple):
    """A piece that is read: of which shard (part; None for all of it), and its place in the operand.

    raced: taken as zero when it is not there.
    """

    shard: Shard
    at: Address
    region: Region
    place: Slices
    part: Slices | None
    raced: bool


class Bound(NamedTuple):
    """An operand that is read. whole: its one piece, where that is all of it."""

    name: str
    made: Made
    sources: tuple[Source, ...]
    whole: Source | None


class Target(NamedTuple):
    """An operand that is written. drawn: random numbers that no kernel computes. shown: when published.

    checked: whether its values may be the first that are not finite (``dataflow.values.finite``).
    """

    name: str
    shard: Shard
    at: Address
    made: Made
    drawn: bool
    shown: bool
    checked: bool


class Message(NamedTuple):
    """What a transfer writes, of what it reads at its beginning, and what that is added to at its end."""

    target: Target
    source: Bound
    addend: Bound | None


class Binding(NamedTuple):
    """All operands of a task. messages: of a transfer."""

    reads: Mapping[str, Bound]
    writes: tuple[Target, ...]
    messages: tuple[Message, ...]


class Bindings:
    """The bindings of a placed graph's tasks to the stores of its memories. shown: as of the executor."""

    def __init__(
        self, placed: PlacedGraph, schedule: Schedule, stores: Stores, shown: Collection[str] | None = None
    ) -> None:
        self._placed = placed
        self._shown = shown
        self._schedule = schedule
        self._stores = stores
        self._raced = {placed.tasks[index].name for index in schedule.raced}
        self._homes = {name for shards in placed.homes.values() for name in shards}
        self._known: dict[str, Binding] = {}

    def of(self, task: PlacedTask) -> Binding:
        """A task's binding."""
        found = self._known.get(task.name)
        if found is None:
            reads = {read.operand: self._bound(task, read) for read in task.reads}
            writes = tuple(self._target(task, operand, name) for operand, name in task.writes.items())
            messages = tuple(_message(reads, target) for target in writes) if task.ends is not None else ()
            found = self._known[task.name] = Binding(reads, writes, messages)
        return found

    def _bound(self, task: PlacedTask, read: Read) -> Bound:
        memory = task.read_memory(read)
        sources = tuple(self._source(task, read, piece, memory) for piece in read.pieces)
        # A sum of nothing has no pieces: it is of the tensor that it fills.
        name = read.pieces[0].shard if read.pieces else next(iter(task.writes.values()))
        made = made_of(self._placed.shards[name].tensor, read.region)
        whole = sources[0] if len(sources) == 1 and sources[0].region == read.region else None
        return Bound(read.operand, made, sources, whole)

    def _source(self, task: PlacedTask, read: Read, piece: Piece, memory: str) -> Source:
        shard = self._placed.shards[piece.shard]
        part = None if piece.region == shard.region else piece.region.slices_within(shard.region)
        place = piece.region.slices_within(read.region)
        raced = task.name in self._raced and shard.tensor.kind is TensorKind.ACTIVATION
        return Source(shard, self._address(shard, memory), piece.region, place, part, raced)

    def _target(self, task: PlacedTask, operand: str, name: str) -> Target:
        shard = self._placed.shards[name]
        random = () if task.op is None else task.op.by_role(Role.RANDOM)
        return Target(
            name=operand,
            shard=shard,
            at=self._address(shard, shard.memory),
            made=made_of(shard.tensor, shard.region),
            drawn=operand in [each.name for each in random],
            shown=self._is_shown(task, shard),
            checked=may_be_first(self._placed, task, shard),
        )

    def _is_shown(self, task: PlacedTask, shard: Shard) -> bool:
        if self._shown is not None and shard.tensor.base not in self._shown:
            return False
        return task.kind is TaskKind.PREPARE or (shard.name in self._homes and task.phase is not Phase.LOAD)

    def _address(self, shard: Shard, memory: str) -> Address:
        first, second = (self._schedule.instance(shard.name, step) for step in (0, 1))
        return Address(self._stores[memory], *first, first == second)


def _message(reads: Mapping[str, Bound], target: Target) -> Message:
    number = target.name.removeprefix("copy")
    return Message(target, reads[f"source{number}"], reads.get(f"addend{number}"))
