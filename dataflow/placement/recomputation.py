"""Activations that are computed again for the gradients rather than kept.

Chen et al., "Training deep nets with sublinear memory cost", arXiv 1604.06174.
"""

from __future__ import annotations

from dataclasses import replace

from dataflow.ops import Phase
from dataflow.plan import Plan
from dataflow.task_graph import Task, TaskGraph
from dataflow.tensor import Tensor, TensorKind

AGAIN = ".again"


def with_recomputation(graph: TaskGraph, plan: Plan) -> TaskGraph:
    """The same step with the forward passes of some layers done a second time, before their gradients.

    A plan says which layers. What they compute for each image is then freed after the forward
    pass; what a layer elsewhere has sent is kept, and so are masks and sums over the batch. The
    second time begins when the gradient that needs it first could begin.
    """
    layers = {layer for layer in graph.ops if plan.rule(layer).recompute}
    if not layers:
        return graph
    return _Recomputation(graph, plan, layers).graph()


class _Recomputation:
    """The state of one rewriting."""

    def __init__(self, graph: TaskGraph, plan: Plan, layers: set[str]) -> None:
        self._graph = graph
        self._plan = plan
        self._stages = plan.stages(tuple(graph.ops))
        self._makers = {
            name: task
            for task in graph.tasks
            if task.phase is Phase.FORWARD and task.layer in layers
            for name in task.writes.values()
            if self._is_of_images(graph.tensors[name])
        }
        self._tensors = dict(graph.tensors)
        self._again: dict[str, Task] = {}

    def graph(self) -> TaskGraph:
        """The rewritten graph."""
        tasks: list[Task] = []
        for task in self._graph.tasks:
            if task.phase is Phase.GRADIENT:
                made: list[Task] = []
                reads = self._reads(task, task, made)
                tasks += [*made, replace(task, reads=reads)]
            else:
                tasks.append(task)
        numbered = tuple(replace(task, order=order) for order, task in enumerate(tasks))
        return replace(self._graph, tensors=self._tensors, tasks=numbered)

    @staticmethod
    def _is_of_images(tensor: Tensor) -> bool:
        return tensor.kind in (TensorKind.ACTIVATION, TensorKind.SAVED) and "batch" in tensor.labels

    def _reads(self, reader: Task, gradient: Task, made: list[Task]) -> dict[str, str]:
        """What a task reads, with what is recomputed in place of what is not kept."""
        reads: dict[str, str] = {}
        for operand, name in reader.reads.items():
            maker = self._makers.get(name)
            if maker is None or not self._together(maker.layer, reader.layer):
                reads[operand] = name
                continue
            if maker.name not in self._again:
                self._make_again(maker, gradient, made)
            tensor = self._tensors[name]
            reads[operand] = f"{tensor.base}{AGAIN}@0"
        return reads

    def _make_again(self, maker: Task, gradient: Task, made: list[Task]) -> None:
        """Adds a task that does the work of a forward task a second time, when a gradient needs it."""
        kept = {o: name for o, name in maker.writes.items() if name not in self._makers}
        writes: dict[str, str] = {}
        for operand, name in maker.writes.items():
            if operand not in kept:
                tensor = self._tensors[name]
                again = replace(tensor, base=tensor.base + AGAIN, kind=TensorKind.RECOMPUTED)
                self._tensors[again.name] = again
                writes[operand] = again.name
        reads = self._reads(maker, gradient, made) | kept
        task = replace(
            maker,
            name=maker.name + AGAIN,
            direction=replace(maker.direction, phase=Phase.GRADIENT),
            reads=reads,
            writes=writes,
            after=self._before(gradient),
        )
        self._again[maker.name] = task
        made.append(task)

    def _before(self, gradient: Task) -> tuple[str, ...]:
        """The tasks that make the gradient which a gradient task starts from."""
        names = [
            writer.name
            for name in gradient.reads.values()
            if self._tensors[name].kind is TensorKind.ACTIVATION_GRADIENT
            for writer in self._graph.writers[name]
        ]
        return tuple(dict.fromkeys(names))

    def _together(self, layer: str, other: str) -> bool:
        """Whether two layers are placed on the same processors."""
        rule, others = self._plan.rule(layer), self._plan.rule(other)
        return (self._stages[layer], rule.at, rule.on) == (self._stages[other], others.at, others.on)
