"""What every slice of every task contributes to a tensor, and which of it is summed where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dataflow.graph import Task, TaskGraph
from dataflow.ops import Op, Phase
from dataflow.ops.axis import Slices
from dataflow.plan import Part
from dataflow.region import Range, Region

Work = tuple[str, tuple[tuple[str, Range], ...]]
"""A task and a slice of its loops: equal for replicas, which do the same work."""


@dataclass(frozen=True)
class Home:
    """A region of a tensor whose final value is to be in a memory."""

    region: Region
    memory: str


@dataclass(frozen=True)
class Contribution:
    """The region that one slice of a task, on one processor, adds to a tensor."""

    work: Work
    region: Region
    memory: str
    task: Task
    operand: str


class Contributions:
    """All contributions to all tensors, as a plan slices the tasks that write them."""

    def __init__(self, graph: TaskGraph, parts: Mapping[str, tuple[Part, ...]]) -> None:
        self._by_tensor: dict[str, list[Contribution]] = {}
        self._summed: dict[tuple[str, Home], list[Contribution]] = {}
        self._numbers: dict[str, dict[Work, int]] = {}
        self._final: dict[str, dict[int, bool]] = {}
        for task in graph.tasks:
            if task.phase is Phase.UPDATE:
                continue
            for operand, name in task.writes.items():
                for part in parts[task.layer]:
                    region = task.op.region(operand.removesuffix(".grad"), part.slices)
                    if region is not None:
                        work = (task.name, _work_done(task.op, part.slices))
                        self._by_tensor.setdefault(name, []).append(
                            Contribution(work, region, part.processor, task, operand)
                        )

    def to(self, tensor: str) -> list[Contribution]:
        """The contributions to a tensor, in the order of tasks and processors."""
        return self._by_tensor[tensor]

    def number(self, tensor: str, contribution: Contribution) -> int:
        """The place of a contribution's work among those to its tensor; replicas share it."""
        if tensor not in self._numbers:
            works = sorted({c.work for c in self.to(tensor)})
            self._numbers[tensor] = {work: number for number, work in enumerate(works)}
        return self._numbers[tensor][contribution.work]

    def summed_at(self, tensor: str, home: Home) -> list[Contribution]:
        """What must be summed at a home: of each piece of work one replica, the home's own if it has one."""
        if (tensor, home) not in self._summed:
            chosen: dict[Work, Contribution] = {}
            for contribution in self.to(tensor):
                if contribution.region.intersection(home.region) is None:
                    continue
                before = chosen.get(contribution.work)
                if before is None or (before.memory != home.memory and contribution.memory == home.memory):
                    chosen[contribution.work] = contribution
            self._summed[tensor, home] = list(chosen.values())
        return self._summed[tensor, home]

    def is_final(self, tensor: str, contribution: Contribution, homes: Sequence[Home]) -> bool:
        """Whether a contribution is all there is at every home that takes it, so that no sum is needed.

        homes: all of the tensor's, the same whenever it is asked about.
        """
        if tensor not in self._final:
            final = {id(c): True for c in self.to(tensor)}
            for home in homes:
                summed = self.summed_at(tensor, home)
                for c in summed:
                    if len(summed) > 1 or not c.region.contains(home.region):
                        final[id(c)] = False
            self._final[tensor] = final
        return self._final[tensor][id(contribution)]


def _work_done(op: Op, slices: Slices) -> tuple[tuple[str, Range], ...]:
    return tuple((loop, slices[loop]) for loop in op.loops)
