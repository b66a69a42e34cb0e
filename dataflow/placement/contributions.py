"""What every slice of every task contributes to a tensor, and which of it makes up each home."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from dataflow.ops import GRADIENT_SUFFIX, Op, Phase
from dataflow.ops.axis import Slices
from dataflow.placement.parts import Part, Parts
from dataflow.region import Range, Region, RegionIndex
from dataflow.task_graph import Task, TaskGraph

Work = tuple[str, tuple[tuple[str, Range], ...]]
"""A task and a slice of its loops: equal for replicas, which do the same work."""

Nearest = Callable[[Sequence[str], str], str]
"""Of several memories the one nearest to another."""


@dataclass(frozen=True)
class Home:
    """A region of a tensor whose final value is to be in a memory.

    processor: who works on it there; empty for whoever the work itself suggests. It does not
    tell homes apart: a region has one home in a memory, however many processors share that.
    """

    region: Region
    memory: str
    processor: str = field(default="", compare=False)


@dataclass(frozen=True)
class Contribution:
    """The region that one slice of a task, on one processor, adds to a tensor in a memory."""

    work: Work
    region: Region
    memory: str
    processor: str
    task: Task
    operand: str
    microbatch: int


@dataclass(frozen=True)
class Group:
    """Works over one region that are done in the same memories: replicas of one another.

    microbatch: the only one whose works are in it, None when all may be added together.
    contributions: for each memory those of its works, in the order in which they are made.
    """

    region: Region
    microbatch: int | None
    contributions: Mapping[str, tuple[Contribution, ...]]

    def microbatches(self, memory: str) -> set[int]:
        """The micro-batches that a memory's works belong to."""
        return {contribution.microbatch for contribution in self.contributions[memory]}


Share = tuple[Group, str]
"""A group and the memory whose replica of it is taken."""


@dataclass(frozen=True)
class Delivery:
    """How a tensor's contributions reach its homes. taken: for each home the shares to be added there."""

    homes: tuple[Home, ...]
    taken: Mapping[Home, tuple[Share, ...]]
    final: frozenset[int] = field(repr=False)
    """The ids of contributions that are all there is wherever they go, so that no sum is needed."""

    def is_final(self, contribution: Contribution) -> bool:
        """Whether a contribution already is the tensor's value, not a part of a sum."""
        return id(contribution) in self.final


class Contributions:
    """All contributions to all tensors, as a plan slices the tasks that write them."""

    def __init__(self, graph: TaskGraph, parts: Parts) -> None:
        self._by_tensor: dict[str, list[Contribution]] = {}
        self._by_part: dict[tuple[str, int], list[tuple[str, Contribution]]] = {}
        self._numbers: dict[str, dict[Work, int]] = {}
        for task in graph.tasks:
            if task.phase is not Phase.UPDATE:
                for index, part in enumerate(parts.of(task.layer, task.phase)):
                    self._add(task, index, part)

    def _add(self, task: Task, index: int, part: Part) -> None:
        work = (task.name, _work_done(task.op, part.slices))
        for operand, name in task.writes.items():
            region = task.op.region(operand.removesuffix(GRADIENT_SUFFIX), part.slices)
            if region is not None:
                contribution = Contribution(
                    work, region, part.memory, part.processor, task, operand, part.microbatch
                )
                self._by_tensor.setdefault(name, []).append(contribution)
                self._by_part.setdefault((task.name, index), []).append((name, contribution))

    def to(self, tensor: str) -> list[Contribution]:
        """The contributions to a tensor, in the order of tasks, micro-batches and processors."""
        return self._by_tensor.get(tensor, [])

    def by(self, task: Task, part: int) -> list[tuple[str, Contribution]]:
        """What one part of a task contributes, each with the tensor's name."""
        return self._by_part.get((task.name, part), [])

    def number(self, tensor: str, contribution: Contribution) -> int:
        """The place of a contribution's work among those to its tensor; replicas share it."""
        if tensor not in self._numbers:
            works = sorted({c.work for c in self.to(tensor)})
            self._numbers[tensor] = {work: number for number, work in enumerate(works)}
        return self._numbers[tensor][contribution.work]

    def delivery(
        self, tensor: str, homes: Sequence[Home], nearest: Nearest, *, backwards: bool, scattered: bool
    ) -> Delivery:
        """Which contributions are added at each home: of replicas the home's own, or else the nearest.

        backwards: the last micro-batch comes first. scattered: those of different
        micro-batches are not added before they are delivered.
        """
        groups = self._groups(tensor, backwards=backwards, scattered=scattered)
        index = RegionIndex([group.region for group in groups])
        taken: dict[Home, tuple[Share, ...]] = {}
        final = {id(c) for group in groups for each in group.contributions.values() for c in each}
        for home in homes:
            overlapping = [groups[i] for i in index.overlapping(home.region)]
            taken[home] = tuple((g, nearest(tuple(g.contributions), home.memory)) for g in overlapping)
            for group in overlapping:
                alone = len(overlapping) == 1 and all(len(each) == 1 for each in group.contributions.values())
                if not alone or not group.region.contains(home.region):
                    final -= {id(c) for each in group.contributions.values() for c in each}
        return Delivery(tuple(homes), taken, frozenset(final))

    def _groups(self, tensor: str, *, backwards: bool, scattered: bool) -> list[Group]:
        memories: dict[Work, set[str]] = {}
        for c in self.to(tensor):
            memories.setdefault(c.work, set()).add(c.memory)
        found: dict[tuple[Region, frozenset[str], int | None], dict[str, list[Contribution]]] = {}
        for c in self.to(tensor):
            key = (c.region, frozenset(memories[c.work]), c.microbatch if scattered else None)
            found.setdefault(key, {}).setdefault(c.memory, []).append(c)

        def ordered(contributions: list[Contribution]) -> tuple[Contribution, ...]:
            sign = -1 if backwards else 1
            return tuple(sorted(contributions, key=lambda c: (sign * c.microbatch, c.task.order)))

        return [
            Group(region, microbatch, {memory: ordered(each) for memory, each in by_memory.items()})
            for (region, _, microbatch), by_memory in found.items()
        ]


def _work_done(op: Op, slices: Slices) -> tuple[tuple[str, Range], ...]:
    return tuple((loop, slices[loop]) for loop in op.loops)
