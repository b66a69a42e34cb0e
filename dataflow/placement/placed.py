"""The placed graph: what every processor computes, holds, sends and receives in one step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import networkx as nx

from dataflow.bank import Bank
from dataflow.errors import CheckError
from dataflow.hardware import Hardware
from dataflow.placement.fixed_place import FixedPlace
from dataflow.placement.placed_task import PlacedTask, Read, Shard, TaskKind
from dataflow.plan import Plan
from dataflow.region import uncovered
from dataflow.task_graph import TaskGraph


@dataclass(frozen=True)
class PlacedGraph:
    """One step on a machine. Raises CheckError, on construction, listing what is wrong.

    homes: for each tensor the shards that hold its final value, in a fixed order. fixed_places: where
    shards in address spaces of banks are, in the order of the shards.
    """

    task_graph: TaskGraph
    hardware: Hardware
    plan: Plan
    shards: Mapping[str, Shard]
    homes: Mapping[str, tuple[str, ...]]
    tasks: tuple[PlacedTask, ...]
    fixed_places: tuple[FixedPlace, ...] = ()

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise CheckError(f"placed graph of {self.task_graph.network.name!r}", faults)

    def _faults(self) -> Iterator[str]:
        """Reads are local and complete, shards are written once, and nothing waits in a circle."""
        unknown = list(self._unknown_shards())
        if unknown:
            yield from unknown
            return
        names = Counter(task.name for task in self.tasks)
        yield from (
            f"{task.name!r} is to come after {name!r}, which is no task"
            for task in self.tasks
            for name in (*task.after, *(name for name, _ in task.after_earlier))
            if name not in names
        )
        yield from (
            f"{task.name!r} is to come after {name!r} of {steps} steps earlier; at least 1 is possible"
            for task in self.tasks
            for name, steps in task.after_earlier
            if steps < 1
        )
        yield from (f"two tasks are called {name!r}" for name, count in names.items() if count > 1)
        seen: set[str] = set()
        for task in self.tasks:
            for read in task.reads:
                yield from self._read_faults(task, read)
            for name in task.writes.values():
                if name in seen:
                    yield f"{task.name!r} writes {name!r}, which another task writes too"
                if self.shards[name].memory != task.memory:
                    yield f"{task.name!r} on {task.memory!r} writes {name!r}, which is elsewhere"
                seen.add(name)
        for name, shard in self.shards.items():
            from_start = shard.supplied or (shard.tensor.carried and shard.tensor.version == 0)
            if name not in seen and not from_start:
                yield f"shard {name!r} is never written"
        if all(name in names for task in self.tasks for name in task.after) and self._waits_in_a_circle():
            circle = " -> ".join(repr(edge[0]) for edge in nx.find_cycle(self.graph))
            yield (
                f"tasks wait for one another in a cycle: {circle} -> ...; where a layer needs sums over all "
                "micro-batches before it can go on, 'order: gpipe' may do"
            )

    def _waits_in_a_circle(self) -> bool:
        """Whether some tasks can never start (Kahn 1962); far quicker than by networkx."""
        index_of = {task.name: index for index, task in enumerate(self.tasks)}
        following: list[list[int]] = [[] for _ in self.tasks]
        for name, writer in self.writer.items():
            following[writer] += self.readers[name]
        for index, task in enumerate(self.tasks):
            for name in task.after:
                following[index_of[name]].append(index)
        waiting = [0] * len(self.tasks)
        for indices in following:
            for index in indices:
                waiting[index] += 1
        free = [index for index, count in enumerate(waiting) if count == 0]
        started = 0
        while free:
            started += 1
            for index in following[free.pop()]:
                waiting[index] -= 1
                if waiting[index] == 0:
                    free.append(index)
        return started < len(self.tasks)

    def on(self, hardware: Hardware) -> PlacedGraph:
        """The same placement on a machine that differs in speeds and sizes alone; it is not checked again."""
        other = copy(self)
        object.__setattr__(other, "hardware", hardware)
        return other

    def _unknown_shards(self) -> Iterator[str]:
        """Every shard that is read, written or called a home is there."""
        for task in self.tasks:
            read = [piece.shard for operand in task.reads for piece in operand.pieces]
            for name in (*read, *task.writes.values()):
                if name not in self.shards:
                    yield f"{task.name!r} reads or writes {name!r}, which is no shard"
        for tensor, homes in self.homes.items():
            for name in homes:
                if name not in self.shards:
                    yield f"{name!r} is called a home of {tensor!r}, but is no shard"

    def _read_faults(self, task: PlacedTask, read: Read) -> Iterator[str]:
        where = task.read_memory(read)
        for piece in read.pieces:
            shard = self.shards[piece.shard]
            if shard.memory != where:
                yield f"{task.name!r} on {where!r} reads {piece.shard!r}, which is in {shard.memory!r}"
            if not shard.region.contains(piece.region):
                yield f"{task.name!r} reads more of {piece.shard!r} than it holds"
        if task.kind is not TaskKind.SUM:
            missing = uncovered(read.region, (piece.region for piece in read.pieces))
            if missing:
                yield f"{task.name!r} lacks {missing} of its operand {read.operand!r}"

    @cached_property
    def banks(self) -> Mapping[str, Bank]:
        """The bank of each shard in an address space that has any."""
        return {name: place.bank for place in self.fixed_places for name in place.shards}

    @cached_property
    def writer(self) -> Mapping[str, int]:
        """For each shard that is written, the index of the task that writes it."""
        return {name: index for index, task in enumerate(self.tasks) for name in task.writes.values()}

    @cached_property
    def readers(self) -> Mapping[str, tuple[int, ...]]:
        """For each shard the indices of the tasks that read it, each once."""
        found: dict[str, list[int]] = {name: [] for name in self.shards}
        for index, task in enumerate(self.tasks):
            for name in dict.fromkeys(piece.shard for read in task.reads for piece in read.pieces):
                found[name].append(index)
        return {name: tuple(indices) for name, indices in found.items()}

    @cached_property
    def graph(self) -> nx.DiGraph[str]:
        """The networkx graph: nodes are task names with a ``task``, edges carry the ``shard``."""
        graph: nx.DiGraph[str] = nx.DiGraph()
        for task in self.tasks:
            graph.add_node(task.name, task=task)
        for name, index in self.writer.items():
            for reader in self.readers[name]:
                graph.add_edge(self.tasks[index].name, self.tasks[reader].name, shard=name)
        for task in self.tasks:
            for name in task.after:
                if not graph.has_edge(name, task.name):
                    graph.add_edge(name, task.name)
        return graph

    @property
    def transfers(self) -> tuple[PlacedTask, ...]:
        """The tasks that move data between memories."""
        return tuple(task for task in self.tasks if task.kind is TaskKind.TRANSFER)
