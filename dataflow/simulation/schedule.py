"""The placed graph compiled for the event loop: who waits for how many, who is told when one ends.

The graph describes one step; its instances in consecutive steps depend on each other
through what is carried over. Shards of an instance are called by a canonical pair
(shard, step), so that what step k leaves as version 1 is what step k + 1 reads as 0.
"""

from __future__ import annotations

from typing import NamedTuple

from dataflow.ops import Phase
from dataflow.placement import PlacedGraph, PlacedTask, Shard
from dataflow.region import Region

Instance = tuple[str, int]
"""A shard's name and the step in which it is of version 0 (or, if supplied, is read)."""


class Access(NamedTuple):
    """What a task of step 0 does to memories; in step k every instance is k steps later.

    reads: what it reads, each once. supplied: those of them that the run puts there. writes:
    what it writes, each with what it reads whose bytes that may take over, if anything.
    """

    reads: tuple[Instance, ...]
    supplied: tuple[Instance, ...]
    writes: tuple[tuple[Instance, Instance | None], ...]


class Schedule:
    """Dependencies of tasks within a step and on the step before, by index."""

    def __init__(self, placed: PlacedGraph) -> None:
        self.placed = placed
        self.current = self._current_of_next()
        self._at = {name: self.instance(name, 0) for name in placed.shards}
        count = len(placed.tasks)
        self.within: list[set[int]] = [set() for _ in range(count)]
        self.before: list[set[int]] = [set() for _ in range(count)]
        index_of = {task.name: index for index, task in enumerate(placed.tasks)}
        next_of = {current: following for following, current in self.current.items()}
        for shard, readers in placed.readers.items():
            for reader in readers:
                if shard in placed.writer:
                    self.within[reader].add(placed.writer[shard])
                elif shard in next_of:
                    self.before[reader].add(placed.writer[next_of[shard]])
        for index, task in enumerate(placed.tasks):
            self.within[index].update(index_of[name] for name in task.after)
            self.before[index].update(index_of[name] for name in task.after_previous)
        self.next_within = _reversed(self.within)
        self.next_after = _reversed(self.before)
        self.loads = [i for i, task in enumerate(placed.tasks) if task.phase is Phase.LOAD]
        self.everything = list(range(count))
        self._is_load = [task.phase is Phase.LOAD for task in placed.tasks]

    def _current_of_next(self) -> dict[str, str]:
        """For each shard of version 1 the shard of version 0 in the same place, if there is one."""
        following = {n: s for n, s in self.placed.shards.items() if s.tensor.version == 1 and not s.supplied}
        bases = {shard.tensor.base for shard in following.values()}
        places = {
            _place(shard): name
            for name, shard in self.placed.shards.items()
            if shard.tensor.version == 0 and shard.tensor.base in bases and name not in self.placed.writer
        }
        found: dict[str, str] = {}
        for name, shard in following.items():
            key = _place(shard)
            if key in places:
                found[name] = places[key]
        return found

    def tasks_of(self, step: int) -> list[int]:
        """The tasks of a step; before step 0 only the first batch is loaded."""
        return self.loads if step < 0 else self.everything

    def waits(self, step: int) -> list[int]:
        """For each task how many must end before it may start; -1 when it is not part of the step."""
        if step < 0:
            return [len(w) if load else -1 for w, load in zip(self.within, self._is_load, strict=True)]
        if step == 0:
            loads = (sum(self._is_load[i] for i in before) for before in self.before)
            return [len(w) + count for w, count in zip(self.within, loads, strict=True)]
        return [len(w) + len(b) for w, b in zip(self.within, self.before, strict=True)]

    def predecessors(self, step: int, index: int) -> list[tuple[int, int]]:
        """The (step, task) pairs that must end before this one may start."""
        same = [(step, i) for i in sorted(self.within[index])]
        if step < 0:
            return same
        return same + [(step - 1, i) for i in sorted(self.before[index]) if step > 0 or self._is_load[i]]

    def access(self, task: PlacedTask) -> Access:
        """What a task does to memories."""
        reads = dict.fromkeys([piece.shard for read in task.reads for piece in read.pieces])
        givers = dict(task.in_place)
        at, shards = self._at, self.placed.shards
        return Access(
            tuple([at[name] for name in reads]),
            tuple([at[name] for name in reads if shards[name].supplied]),
            tuple([(at[n], at[givers[n]] if n in givers else None) for n in task.writes.values()]),
        )

    def instance(self, shard: str, step: int) -> Instance:
        """The canonical name of a shard in a step."""
        current = self.current.get(shard)
        return (shard, step) if current is None else (current, step + 1)

    def shard_name(self, instance: Instance) -> str:
        """The name of a shard in the run, with its absolute version."""
        shard, step = self.placed.shards[instance[0]], instance[1]
        return shard.name.replace(shard.tensor.name, shard.tensor.name_in(step), 1)


class Holding(NamedTuple):
    """What is to be known of a shard while it comes and goes; its name without the version in the middle.

    readers: tasks of its step that read it. before: tasks of the step that left it that do.
    """

    memory: str
    bytes: int
    kind: str
    layer: str
    name: tuple[str, str]
    version: int
    readers: int
    before: int
    carried: bool


def _holding(shard: Shard, readers: int, before: int) -> Holding:
    start, _, end = shard.name.partition(shard.tensor.name)
    return Holding(
        memory=shard.memory,
        bytes=shard.bytes,
        kind=shard.tensor.kind.value,
        layer=shard.tensor.layer,
        name=(f"{start}{shard.tensor.base}@", end),
        version=shard.tensor.version,
        readers=readers,
        before=before,
        carried=shard.tensor.carried and shard.tensor.version == 0 and not shard.supplied,
    )


def holdings(schedule: Schedule) -> dict[str, Holding]:
    """What is to be known of every shard of a placed graph, by its name."""
    readers = {name: len(tasks) for name, tasks in schedule.placed.readers.items()}
    left = {current: readers[following] for following, current in schedule.current.items()}
    shards = schedule.placed.shards
    return {name: _holding(shard, readers[name], left.get(name, 0)) for name, shard in shards.items()}


class Compiled:
    """What a simulation needs to know of a placed graph beforehand; the same on any machine."""

    def __init__(self, placed: PlacedGraph) -> None:
        self.schedule = Schedule(placed)
        self.accesses: list[Access] = [self.schedule.access(task) for task in placed.tasks]
        self.holdings = holdings(self.schedule)
        self.keys = [(*task.priority, task.order, index) for index, task in enumerate(placed.tasks)]
        self.operations = [
            f"{task.work.kind} {task.work.direction}" if task.processor else "transfer"
            for task in placed.tasks
        ]


def _place(shard: Shard) -> tuple[str, str, Region]:
    return shard.tensor.base, shard.memory, shard.region


def _reversed(edges: list[set[int]]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in edges]
    for index, sources in enumerate(edges):
        for source in sorted(sources):
            found[source].append(index)
    return found
