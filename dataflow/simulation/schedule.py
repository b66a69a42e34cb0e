"""The placed graph compiled for the event loop: who waits for how many, who is told when one ends.

The graph describes one step; its instances in consecutive steps depend on each other
through what is carried over. Shards of an instance are called by a canonical pair
(shard, step), so that what step k leaves as version 1 is what step k + 1 reads as 0.
"""

from __future__ import annotations

from dataclasses import replace

from dataflow.ops import Phase
from dataflow.placement import PlacedGraph, Shard

Instance = tuple[str, int]
"""A shard's name and the step in which it is of version 0 (or, if supplied, is read)."""


class Schedule:
    """Dependencies of tasks within a step and on the step before, by index."""

    def __init__(self, placed: PlacedGraph) -> None:
        self.placed = placed
        self.current = self._current_of_next()
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
            self.before[index].update(index_of[name] for name in task.after_previous)
        self.next_within = _reversed(self.within)
        self.next_after = _reversed(self.before)
        self.loads = [i for i, task in enumerate(placed.tasks) if task.phase is Phase.LOAD]
        self.everything = list(range(count))

    def _current_of_next(self) -> dict[str, str]:
        """For each shard of version 1 the shard of version 0 in the same place."""
        places = {_place(shard): name for name, shard in self.placed.shards.items()}
        found: dict[str, str] = {}
        for name, shard in self.placed.shards.items():
            if shard.tensor.version == 1 and not shard.supplied:
                key = _place(replace(shard, tensor=replace(shard.tensor, version=0)))
                found[name] = places[key]
        return found

    def tasks_of(self, step: int) -> list[int]:
        """The tasks of a step; before step 0 only the first batch is loaded."""
        return self.loads if step < 0 else self.everything

    def waits(self, step: int, index: int) -> int:
        """How many tasks must end before this one may start."""
        return len(self.predecessors(step, index))

    def _is_load(self, index: int) -> bool:
        return self.placed.tasks[index].phase is Phase.LOAD

    def predecessors(self, step: int, index: int) -> list[tuple[int, int]]:
        """The (step, task) pairs that must end before this one may start."""
        same = [(step, i) for i in sorted(self.within[index])]
        if step < 0:
            return same
        return same + [(step - 1, i) for i in sorted(self.before[index]) if step > 0 or self._is_load(i)]

    def instance(self, shard: str, step: int) -> Instance:
        """The canonical name of a shard in a step."""
        current = self.current.get(shard)
        return (shard, step) if current is None else (current, step + 1)

    def readers(self, instance: Instance) -> int:
        """How many tasks of its step read this shard."""
        return len(self.placed.readers[instance[0]])

    def kept(self, instance: Instance, steps: int) -> bool:
        """Whether a run of so many steps leaves this shard in memory."""
        shard = self.placed.shards[instance[0]]
        return shard.tensor.carried and not shard.supplied and instance[1] >= steps

    def shard_name(self, instance: Instance) -> str:
        """The name of a shard in the run, with its absolute version."""
        shard, step = self.placed.shards[instance[0]], instance[1]
        return shard.name.replace(shard.tensor.name, shard.tensor.name_in(step), 1)


def _place(shard: Shard) -> tuple[str, str, object]:
    return shard.tensor.name, shard.memory, shard.region


def _reversed(edges: list[set[int]]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in edges]
    for index, sources in enumerate(edges):
        for source in sorted(sources):
            found[source].append(index)
    return found
