"""How good a network is: forward passes over examples it has not learned from, without machine or time."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from dataflow.backend import Array, Backend, Site
from dataflow.data.batches import Batch
from dataflow.experiment import Experiment
from dataflow.graph import Task, training_graph
from dataflow.network import DATA, LABEL
from dataflow.numbers.number import array_dtype
from dataflow.ops import Dropout, Phase, Scale
from dataflow.tensor import Tensor, TensorKind
from dataflow.training.data_set import Part
from dataflow.training.state import State
from dataflow.training.watch import loss_task


@dataclass(frozen=True)
class Score:
    """loss: mean over the examples. accuracy: the share of them whose class got the largest score."""

    loss: float
    accuracy: float


class Evaluator:
    """Computes forward passes of whole layers with an experiment's backend and number formats.

    Examples are taken in batches of the training's size, the last of them filled up with the first
    examples, which are not counted twice. Dropout keeps everything: as in the 2012 paper outputs are
    multiplied by the share that training keeps, where training has not divided by it.
    """

    def __init__(self, experiment: Experiment, backend: Backend) -> None:
        training = replace(experiment.training, gradient="back-propagation")
        graph = training_graph(replace(experiment, training=training, mode="training"))
        self.training = training
        self.backend = backend
        self.tensors = graph.tensors
        forward = (task for task in graph.tasks if task.phase in (Phase.FORWARD, Phase.LOSS))
        self.tasks = [_at_test(task, task.op) if isinstance(task.op, Dropout) else task for task in forward]
        loss = loss_task(graph)
        self.scores, self.losses = loss.reads["input"], loss.writes["output"]

    def score(self, part: Part, state: State) -> Score:
        """Loss and accuracy over all of a part of a data set. state: parameters by name."""
        count, batch = part.count, self.training.batch
        loss, right = 0.0, 0
        for start in range(0, count, batch):
            chosen = np.arange(start, start + batch) % count
            new = min(batch, count - start)
            examples = part.read(chosen)
            scores, losses = self.forward(examples, state)
            loss += float(np.sum(losses[:new], dtype=np.float64))
            right += int(np.sum(np.argmax(scores[:new], axis=1) == examples.labels[:new]))
        return Score(loss / count, right / count)

    def forward(self, examples: Batch, state: State) -> tuple[Array, Array]:
        """The scores (batch, class) of a batch of examples, and the loss of each of them."""
        values = {f"{DATA}@0": self._given(f"{DATA}@0", examples.images)}
        values[f"{LABEL}@0"] = examples.labels
        for name, tensor in self.tensors.items():
            if tensor.kind is TensorKind.PARAMETER and tensor.version == 0:
                values[name] = state[tensor.base]
        for task in self.tasks:
            self._compute(task, values)
        scores, losses = np.array(values[self.scores]), np.array(values[self.losses])
        for name, array in values.items():
            if self.tensors[name].kind is not TensorKind.PARAMETER and name != f"{LABEL}@0":
                self.backend.release(array)
        return scores, losses

    def _empty(self, tensor: Tensor) -> Array:
        return self.backend.empty(tensor.labels, tensor.shape, array_dtype(tensor.dtype))

    def _given(self, name: str, numbers: Array) -> Array:
        tensor = self.tensors[name]
        array = self._empty(tensor)
        self.backend.fill(array, numbers, tensor.dtype, tensor.base)
        return array

    def _compute(self, task: Task, values: dict[str, Array]) -> None:
        written = {operand: self._empty(self.tensors[name]) for operand, name in task.writes.items()}
        reads = {operand: values[name] for operand, name in task.reads.items()}
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            self.backend.compute(task.op, task.direction, reads, written, self._site(task))
        for operand, name in task.writes.items():
            values[name] = written[operand]

    def _site(self, task: Task) -> Site:
        named = {operand: self.tensors[name] for operand, name in (*task.reads.items(), *task.writes.items())}
        return Site(
            task=f"{task.name} (test)",
            seed=self.training.seed,
            dtype=self.training.dtype,
            arithmetic=self.training.arithmetic,
            tensors={operand: tensor.base for operand, tensor in named.items()},
            dtypes={operand: tensor.dtype for operand, tensor in named.items()},
            regions={operand: tensor.region for operand, tensor in named.items()},
            shapes={operand: tensor.shape for operand, tensor in named.items()},
        )


def _at_test(task: Task, op: Dropout) -> Task:
    """Dropout that keeps everything, by the kernel that does the same in inference."""
    scale = Scale(op.shape, 1.0 if op.inverted else 1.0 - op.rate)
    return replace(
        task,
        op=scale,
        direction=scale.passes[0],
        reads={"input": task.reads["input"]},
        writes={"output": task.writes["output"]},
    )
