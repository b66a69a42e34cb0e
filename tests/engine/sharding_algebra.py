"""What must be moved, counted element by element from a plan and the ops' regions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from dataflow.graph import Task, TaskGraph
from dataflow.ops import GRADIENT_SUFFIX, Op, Phase
from dataflow.plan import ON, Plan, Split, axes_of
from dataflow.region import Range, Region
from dataflow.tensor import Tensor, TensorKind

Mask = NDArray[np.bool_]
"""Which elements of a tensor."""


@dataclass(frozen=True)
class Doing:
    """A slice of a layer's loops that a processor does, in one micro-batch."""

    processor: str
    slices: Mapping[str, Range]

    def work(self, task: Task) -> tuple[object, ...]:
        """Equal for replicas of the same work."""
        return (task.name, *(self.slices[loop] for loop in task.op.loops))


@dataclass(frozen=True)
class Algebra:
    """A plan applied to a task graph. mesh: the processors of the plan's mesh, in order."""

    graph: TaskGraph
    plan: Plan
    mesh: tuple[str, ...]

    def doing(self, task: Task) -> list[Doing]:
        """Who does which slices of a task."""
        rule = self.plan.rule(task.layer)
        split: Split = rule.gradient if task.phase is Phase.GRADIENT and rule.gradient else rule
        op = self.graph.ops[task.layer]
        count = (rule.microbatches or self.plan.microbatches) if "batch" in op.shardable else 1
        cuts = [(turn, *place) for turn in range(count) for place in self._places(split, task.layer)]
        found: list[Doing] = []
        for turn, processor, place in cuts:
            slices = dict(op.whole)
            if count > 1:
                slices["batch"] = _share(slices["batch"], [1] * count, turn)
            for name, axes in split.shard.items():
                if split.on:
                    shares, index = [1] * len(split.on), place[ON]
                else:
                    shares, index = self._position(axes_of(axes), place)
                _cut(op, slices, name, shares, index)
            if all(start < stop for start, stop in slices.values()):
                found.append(Doing(processor, slices))
        return found

    def _places(self, split: Split, layer: str) -> Iterator[tuple[str, Mapping[str, int]]]:
        if split.on:
            yield from ((processor, {ON: index}) for index, processor in enumerate(split.on))
            return
        at = dict(split.at)
        if self.plan.pipeline:
            at = {self.plan.pipeline.axis: self.plan.stages(tuple(self.graph.ops))[layer], **at}
        coordinates = product(*(range(length) for length in self.plan.mesh.values()))
        for processor, indices in zip(self.mesh, coordinates, strict=True):
            place = dict(zip(self.plan.mesh, indices, strict=True))
            if at.items() <= place.items():
                yield processor, place

    def _position(self, axes: tuple[str, ...], place: Mapping[str, int]) -> tuple[list[int], int]:
        """The proportions along several axes together, and which of them a place has."""
        each = [self.plan.shares.get(axis, (1,) * self.plan.mesh[axis]) for axis in axes]
        combined = list(product(*(range(len(shares)) for shares in each)))
        proportions = [
            int(np.prod([shares[i] for shares, i in zip(each, indices, strict=True)])) for indices in combined
        ]
        return proportions, combined.index(tuple(place[axis] for axis in axes))

    # -- what is where, and what is needed ----------------------------------------------------

    def written(self, tensor: Tensor) -> list[tuple[Doing, Task, Mask]]:
        """What every slice contributes to a tensor."""
        return [
            (doing, task, mask(tensor, region))
            for task in self.graph.writers.get(tensor.name, ())
            for doing in self.doing(task)
            for operand, name in task.writes.items()
            if name == tensor.name
            for region in [task.op.region(operand.removesuffix(GRADIENT_SUFFIX), doing.slices)]
            if region is not None
        ]

    def read(self, tensor: Tensor, *phases: Phase) -> dict[str, Mask]:
        """By memory what the slices of tasks of some phases read of a tensor."""
        found: dict[str, Mask] = {}
        for task in self.graph.tasks:
            if task.phase in phases and tensor.name in task.reads.values():
                for doing in self.doing(task):
                    for operand, name in task.reads.items():
                        region = task.op.region(operand.removesuffix(GRADIENT_SUFFIX), doing.slices)
                        if name == tensor.name and region is not None:
                            before = found.get(doing.processor, np.zeros(tensor.shape, np.bool_))
                            found[doing.processor] = before | mask(tensor, region)
        return found

    def homes(self, tensor: Tensor) -> dict[str, Mask]:
        """By memory what is to be there of a tensor's final value; parameters are stored nowhere else."""
        if tensor.kind is TensorKind.PARAMETER:
            return self.read(tensor, Phase.FORWARD, Phase.LOSS)
        if tensor.kind is TensorKind.PARAMETER_GRADIENT:
            return self.homes(self.graph.tensors[tensor.name.replace(GRADIENT_SUFFIX, "")])
        found: dict[str, Mask] = {}
        if tensor.kind is TensorKind.ACTIVATION_GRADIENT:
            primal = self.graph.tensors[tensor.name.replace(GRADIENT_SUFFIX, "")]
            (maker,) = self.graph.writers[primal.name]
            operand = next(o for o, name in maker.writes.items() if name == primal.name)
            tasks = [t for t in self.graph.tasks if t.layer == maker.layer and t.phase is Phase.GRADIENT]
            regions = [(d.processor, maker.op.region(operand, d.slices)) for d in self.doing(tasks[0])]
            made = [(memory, mask(tensor, region)) for memory, region in regions if region is not None]
        else:
            made = [(doing.processor, touched) for doing, _, touched in self.written(tensor)]
        for memory, touched in made:
            found[memory] = found.get(memory, np.zeros(tensor.shape, np.bool_)) | touched
        return found

    # -- what must be moved -------------------------------------------------------------------

    def copied_bytes(self, tensor: Tensor) -> Counter[str]:
        """By memory the bytes of a tensor's value that are needed there and are not.

        Parameters are copied anew for the gradients; all else stays until it was last read.
        """
        homes, found = self.homes(tensor), Counter[str]()
        for memory, needed in self.read(tensor, Phase.FORWARD, Phase.LOSS, Phase.GRADIENT).items():
            there = homes.get(memory, np.zeros(tensor.shape, np.bool_))
            found[memory] += int((needed & ~there).sum()) * tensor.itemsize
        return +found

    def summed_bytes(self, tensor: Tensor) -> Counter[str] | None:
        """By memory the bytes of contributions that are summed there and were made elsewhere.

        Each work once, however many replicas of it there are; None where one memory contributes
        more than once, so that it may add what it has before it sends it.
        """
        contributions = self.written(tensor)
        makers = Counter(doing.processor for doing, _, _ in contributions)
        if makers and max(makers.values()) > 1:
            return None
        works: dict[tuple[object, ...], tuple[set[str], Mask]] = {}
        for doing, task, touched in contributions:
            works.setdefault(doing.work(task), (set(), touched))[0].add(doing.processor)
        found: Counter[str] = Counter()
        for memory, home in self.homes(tensor).items():
            for replicas, touched in works.values():
                if memory not in replicas:
                    found[memory] += int((touched & home).sum()) * tensor.itemsize
        return +found


def mask(tensor: Tensor, region: Region) -> Mask:
    """The elements of a region."""
    found = np.zeros(tensor.shape, np.bool_)
    found[tuple(slice(*ends) for ends in region.ranges)] = True
    return found


def _share(whole: Range, shares: list[int], index: int) -> Range:
    """Range ``index`` of those that cut a whole in proportion, ends rounded down."""
    ends = [whole[0] + (whole[1] - whole[0]) * sum(shares[:i]) // sum(shares) for i in (index, index + 1)]
    return ends[0], ends[1]


def _cut(op: Op, slices: dict[str, Range], name: str, shares: list[int], index: int) -> None:
    """Cuts a loop, or whole units of one."""
    if name not in op.divisions:
        slices[name] = _share(slices[name], shares, index)
        return
    loop, units = op.divisions[name]
    first, last = _share((0, len(units)), shares, index)
    slices[loop] = (units[first][0], units[last - 1][1]) if first < last else (0, 0)
