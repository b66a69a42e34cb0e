"""A lower bound of a plan's step time that needs no placement."""

from __future__ import annotations

from collections.abc import Hashable

from dataflow.cost import Work
from dataflow.graph import Task, TaskGraph
from dataflow.hardware import Hardware
from dataflow.ops import GRADIENT_SUFFIX, Phase
from dataflow.ops.axis import Slices
from dataflow.placement.parts import Parts
from dataflow.plan import Plan


class WorkBound:
    """The step takes at least what its busiest processor computes forward and backward.

    Of the bytes that a task moves only those it reads are counted, and updates, sums and what is
    recomputed are left out, so that no plan is slower than its bound says.
    """

    def __init__(self, graph: TaskGraph, hardware: Hardware) -> None:
        self._graph = graph
        self._hardware = hardware
        self._tasks: dict[tuple[str, bool], list[Task]] = {}
        for task in graph.tasks:
            if task.phase is not Phase.UPDATE:
                key = (task.layer, task.phase is Phase.GRADIENT)
                self._tasks.setdefault(key, []).append(task)
        self._known: dict[Hashable, int] = {}

    def least_ps(self, plan: Plan) -> int:
        """The bound. Raises CheckError when the plan names what is not there."""
        parts = Parts(plan, self._graph.ops, self._hardware)
        busy = dict.fromkeys(self._hardware.processors, 0)
        for (layer, backward), tasks in self._tasks.items():
            for part in parts.of(layer, Phase.GRADIENT if backward else Phase.FORWARD):
                model = self._hardware.processors[part.processor].model
                key = (layer, backward, model, tuple(part.slices.items()))
                if key not in self._known:
                    self._known[key] = sum(self._time_ps(task, part.slices, part.processor) for task in tasks)
                busy[part.processor] += self._known[key]
        return max(busy.values())

    def _time_ps(self, task: Task, slices: Slices, processor: str) -> int:
        read_bytes = 0
        for operand, name in task.reads.items():
            region = task.op.region(operand.removesuffix(GRADIENT_SUFFIX), slices)
            if region is not None:
                read_bytes += region.size * self._graph.tensors[name].itemsize
        work = Work(
            kind=task.op.kind,
            direction=task.direction.name,
            flop=task.op.local(slices).flop_of(task.direction),
            bytes=0 if task.direction.view else read_bytes,
        )
        return self._hardware.processors[processor].cost.cost(work).time_ps
