"""The placed graph compiled for the event loop: who waits for how many, who is told when one ends.

The graph describes one step; its instances in later steps depend on each other through what
is carried over, and through rooms that must have been read before they are written again.
Shards of an instance are called by a canonical pair (shard, step), so that what step k leaves
as version 1 is what step k + 1 reads as 0.
"""

from __future__ import annotations

from typing import NamedTuple

from dataflow.hardware import Hardware
from dataflow.ops import Phase
from dataflow.placement import PlacedGraph, PlacedTask, TaskKind
from dataflow.tensor import TensorKind

Instance = tuple[str, int]
"""A shard's name and the step in which it is of version 0 (or, if supplied, is read)."""


class Touches(NamedTuple):
    """What a task of step 0 does to memories; in step k every instance is k steps later.

    reads: what it reads, each once. supplied: those of them that the run puts there. writes:
    what it writes, each with what it reads whose bytes that may take over, if anything.
    """

    reads: tuple[Instance, ...]
    supplied: tuple[Instance, ...]
    writes: tuple[tuple[Instance, Instance | None], ...]


class Schedule:
    """Dependencies of tasks within a step and on earlier steps, by index.

    within: for each task those of its step that it waits for. earlier: the same of steps before, as
    (steps back, task). reach: the most steps back of any. constants: shards that no step changes, of
    which there is one instance for all steps. raced: tasks that take activations as they are when
    they are signalled (``dataflow.plan.Control``). first: others that wait for none of their step.
    loads: tasks that bring the next step's batch; before step 0 they bring the first. ahead: of these the
    ones that prepare it, which go on to later batches whatever step has begun.
    """

    def __init__(self, placed: PlacedGraph) -> None:
        self.placed = placed
        self.current = self._current_of_next()
        self.constants = self._unchanging()
        self.raced = raced_tasks(placed)
        self._at = {name: self.instance(name, 0) for name in placed.shards}
        count = len(placed.tasks)
        self.within: list[set[int]] = [set() for _ in range(count)]
        self.earlier: list[set[tuple[int, int]]] = [set() for _ in range(count)]
        index_of = {task.name: index for index, task in enumerate(placed.tasks)}
        next_of = {current: following for following, current in self.current.items()}
        for shard, readers in placed.readers.items():
            activation = placed.shards[shard].tensor.kind is TensorKind.ACTIVATION
            for reader in readers:
                if shard in placed.writer:
                    if not (activation and reader in self.raced):
                        self.within[reader].add(placed.writer[shard])
                elif shard in next_of:
                    self.earlier[reader].add((1, placed.writer[next_of[shard]]))
        for index, task in enumerate(placed.tasks):
            self.within[index].update(index_of[name] for name in task.after)
            self.earlier[index].update((back, index_of[name]) for name, back in task.after_earlier)
        self.first = [i for i, same in enumerate(self.within) if not same and i not in self.raced]
        self.next_within, self.next_after = self._told()
        self.loads = [index for index, task in enumerate(placed.tasks) if self._brings_next(task)]
        self.ahead = frozenset(i for i in self.loads if placed.tasks[i].kind is TaskKind.PREPARE)
        self.everything = list(range(count))
        self.reach = max((back for edges in self.earlier for back, _ in edges), default=0)
        self._cold = frozenset(self.loads)
        self._steady = [len(w) + len(e) for w, e in zip(self.within, self.earlier, strict=True)]

    def _current_of_next(self) -> dict[str, str]:
        """For each shard of version 1 the shard of version 0 in the same place, if there is one."""
        following = {n: s for n, s in self.placed.shards.items() if s.tensor.version == 1 and not s.supplied}
        bases = {shard.tensor.base for shard in following.values()}
        places = {
            shard.place: name
            for name, shard in self.placed.shards.items()
            if shard.tensor.version == 0 and shard.tensor.base in bases and name not in self.placed.writer
        }
        return {name: places[shard.place] for name, shard in following.items() if shard.place in places}

    def _unchanging(self) -> frozenset[str]:
        """Parameters that no step leaves a next version of."""
        shards = self.placed.shards
        changing = {shard.tensor.base for shard in shards.values() if shard.tensor.version == 1}
        return frozenset(
            name
            for name, shard in shards.items()
            if shard.tensor.kind is TensorKind.PARAMETER
            and shard.tensor.base not in changing
            and name not in self.placed.writer
        )

    def _told(self) -> tuple[list[list[int]], list[list[tuple[int, int]]]]:
        """For each task who of its step waits for it, and who of later ones, as (steps later, task)."""
        within: list[list[int]] = [[] for _ in self.within]
        after: list[list[tuple[int, int]]] = [[] for _ in self.within]
        for index, (same, earlier) in enumerate(zip(self.within, self.earlier, strict=True)):
            for source in sorted(same):
                within[source].append(index)
            for back, source in sorted(earlier):
                after[source].append((back, index))
        return within, after

    def _brings_next(self, task: PlacedTask) -> bool:
        """Whether a task loads the batch of the step after its own."""
        return task.phase is Phase.LOAD and any(
            self.placed.shards[name].tensor.version == 1 for name in task.writes.values()
        )

    def tasks_of(self, step: int) -> list[int]:
        """The tasks of a step; before step 0 only the first batch is loaded, if steps load the next one's."""
        return self.loads if step < 0 else self.everything

    def waits(self, step: int) -> list[int]:
        """For each task how many must end before it may start; -1 when it is not part of the step."""
        if step < 0:
            return [len(w & self._cold) if i in self._cold else -1 for i, w in enumerate(self.within)]
        if step >= self.reach:
            return self._steady.copy()
        return [
            len(w) + sum(self._is_part(step - back, i) for back, i in e)
            for w, e in zip(self.within, self.earlier, strict=True)
        ]

    def _is_part(self, step: int, index: int) -> bool:
        return step >= 0 or (step == -1 and index in self._cold)

    def predecessors(self, step: int, index: int) -> list[tuple[int, int]]:
        """The (step, task) pairs that must end before this one may start."""
        if step < 0:
            return [(step, i) for i in sorted(self.within[index] & self._cold)]
        same = [(step, i) for i in sorted(self.within[index])]
        earlier = [(step - back, i) for back, i in sorted(self.earlier[index])]
        return same + [(s, i) for s, i in earlier if self._is_part(s, i)]

    def touches(self, task: PlacedTask) -> Touches:
        """What a task does to memories; what is there for all steps is not counted."""
        reads = dict.fromkeys([piece.shard for read in task.reads for piece in read.pieces])
        counted = [name for name in reads if name not in self.constants]
        givers = {new: old for new, old in task.in_place if old not in self.constants}
        at, shards = self._at, self.placed.shards
        return Touches(
            tuple([at[name] for name in counted]),
            tuple([at[name] for name in counted if shards[name].supplied]),
            tuple([(at[n], at[givers[n]] if n in givers else None) for n in task.writes.values()]),
        )

    def instance(self, shard: str, step: int) -> Instance:
        """The canonical name of a shard in a step."""
        if shard in self.constants:
            return (shard, 0)
        current = self.current.get(shard)
        return (shard, step) if current is None else (current, step + 1)


def raced_tasks(placed: PlacedGraph) -> frozenset[int]:
    """The forward tasks that a controller signals at fixed times, whether what they read is there or not."""
    control = placed.plan.control
    if control.kind != "static" or control.spacing_ps is None or placed.hardware.controller is None:
        return frozenset()
    told = signalled(placed.hardware)
    return frozenset(
        index
        for index, task in enumerate(placed.tasks)
        if task.phase is Phase.FORWARD and task.processor in told
    )


def signalled(hardware: Hardware) -> frozenset[str]:
    """The processors a controller signals: those that share address spaces, or all where none does."""
    sharing = frozenset(name for name, processor in hardware.processors.items() if processor.memory)
    return sharing or frozenset(hardware.processors)
