"""How good a network is: forward passes over examples it has not learned from, without machine or time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from math import log

import numpy as np
from numpy.typing import NDArray

from dataflow.backend import Array, Backend, Site
from dataflow.data.batches import Batch
from dataflow.errors import DataError, InterruptedTrainingError
from dataflow.experiment import Experiment
from dataflow.graph import Task, evaluation_graph
from dataflow.network import DATA, LABEL
from dataflow.numbers.number import array_dtype
from dataflow.ops import Loss
from dataflow.tensor import Tensor, TensorKind
from dataflow.training.data_set import Part
from dataflow.training.ranking import TOP, Powers, best, log_mean, log_probabilities, powers_of
from dataflow.training.state import State
from dataflow.training.watch import loss_task

_AHEAD = 2
"""Batches that are read ahead of the one that is computed."""


@dataclass(frozen=True)
class Score:
    """What came of so many examples.

    loss: mean over them. wrong: of how many another class got the largest score. wrong_top5: of how
    many none of the five largest was of their class; None where there are no more than five classes.
    Of equal scores the class that comes first counts as the larger.
    """

    count: int
    loss: float
    wrong: int
    wrong_top5: int | None = None

    @property
    def accuracy(self) -> float:
        """The share of examples whose class got the largest score."""
        return (self.count - self.wrong) / self.count

    @property
    def error(self) -> float:
        """The top-1 error: the share of examples that were taken for another class."""
        return self.wrong / self.count

    @property
    def top5_error(self) -> float | None:
        """The share of examples whose class was not among the best five; None with up to five classes."""
        return None if self.wrong_top5 is None else self.wrong_top5 / self.count


@dataclass(frozen=True)
class Outcome:
    """What a network says of some examples of a part.

    first: the index of the first of them. labels: their classes. scores: (example, class), of which
    the largest is of the class they are taken for. powers: what the scores are exponents of. losses:
    of each. crops: of how many crops of each picture this is the mean.
    """

    first: int
    labels: NDArray[np.int32]
    scores: Array
    powers: Powers
    losses: Array
    crops: int = 1

    @property
    def likely(self) -> Array:
        """Probabilities (example, class); scores where those are no logarithms of any."""
        return self.scores if self.powers is None else np.exp(log_probabilities(self.scores, self.powers))


class Evaluator:
    """Computes forward passes of whole layers with an experiment's backend and number formats.

    Examples are taken in batches of the training's size, the last of them filled up with the first
    examples, which are not counted twice. Layers are as in inference: dropout keeps everything (as in the
    2012 paper outputs are multiplied by the share that training keeps, where training has not
    divided by it), and batch normalisation uses running statistics. Each value is given back as
    soon as it has been read for the last time, and parameters are not copied.
    """

    def __init__(self, experiment: Experiment, backend: Backend) -> None:
        graph = evaluation_graph(experiment)
        self.network = graph.network
        self.training = graph.training
        self.backend = backend
        self.tensors = graph.tensors
        self.tasks = graph.tasks
        loss = loss_task(graph)
        assert isinstance(loss.op, Loss)
        self.powers = powers_of(loss.op)
        self.scores, self.losses = loss.reads["input"], loss.writes["output"]

    @property
    def parameters(self) -> dict[str, Tensor]:
        """What a state must have, by name: weights, biases and running statistics."""
        return {
            tensor.base: tensor for tensor in self.tensors.values() if tensor.kind is TensorKind.PARAMETER
        }

    def score(
        self, part: Part, state: State, crops: int = 1, stop: Callable[[], bool] | None = None
    ) -> Score:
        """Loss and errors over all of a part of a data set; see ``outcomes``.

        stop: asked after every batch. Raises InterruptedTrainingError when it says so.
        """
        loss, wrong, wrong_top5 = 0.0, 0, 0
        for outcome in self.outcomes(part, state, crops):
            if stop is not None and stop():
                raise InterruptedTrainingError("interrupted in a test, whose result is lost")
            found = best(outcome.scores, TOP) == outcome.labels[:, np.newaxis]
            loss += float(np.sum(outcome.losses, dtype=np.float64))
            wrong += int(np.sum(~found[:, 0]))
            wrong_top5 += int(np.sum(~found.any(axis=1)))
        more = self.network.classes > TOP
        return Score(part.count, loss / part.count, wrong, wrong_top5 if more else None)

    def outcomes(self, part: Part, state: State, crops: int = 1) -> Iterator[Outcome]:
        """What the network says of each example of a part, batch by batch.

        state: parameters by name. crops: 1 for the centre of a picture; 10 for its four corners, its
        centre and their mirrors, of which softmax is averaged (Krizhevsky et al. 2012, section 4.1).
        Raises DataError when there are no examples.
        """
        if not part.count:
            raise DataError(
                f"network {self.network.name!r} cannot be tested: there are no examples for it; a class "
                "of one image leaves none for the test, give more or a part of their own"
            )
        held = {name: state[name] for name in self.parameters}
        for start, new, views in _batches(part, self.training.batch, crops):
            labels = part.labels[start : start + new]
            said = [self.forward(view, held) for view in views]
            if len(said) == 1:
                yield Outcome(start, labels, said[0][0][:new], self.powers, said[0][1][:new])
            else:
                yield self._averaged(start, labels, [scores[:new] for scores, _ in said])

    def _averaged(self, first: int, labels: NDArray[np.int32], crops: Sequence[Array]) -> Outcome:
        """Softmax averaged over crops; of a network that ends in squares, scores."""
        each = np.arange(len(labels))
        if self.powers is None:
            mean = np.asarray(np.mean(crops, axis=0, dtype=np.float64))
            wanted = np.zeros_like(mean)
            wanted[each, labels] = 1.0
            losses = np.asarray(0.5 * np.sum((mean - wanted) ** 2, axis=1))
            return Outcome(first, labels, mean, None, losses, len(crops))
        with np.errstate(invalid="ignore"):  # scores may be infinite
            logs = log_mean([log_probabilities(scores, self.powers) for scores in crops])
        losses = -logs[each, labels] / (log(2) if self.powers == 2 else 1.0)
        return Outcome(first, labels, logs, "e", losses, len(crops))

    def forward(self, examples: Batch, state: State) -> tuple[Array, Array]:
        """The scores (batch, class) of a batch of examples, and the loss of each of them."""
        values = self._computed(examples, state, (self.scores, self.losses))
        return values[self.scores], values[self.losses]

    def activations(self, examples: Batch, state: State, layers: Sequence[str]) -> dict[str, Array]:
        """What layers make of a batch of examples, batch first, by the layers' names; labels do not matter.

        layers: of the network (``features.layers.named_layer`` says so of a user's). Dropout that was
        ``inverted`` in training hands on what it reads. No more is computed than they need.
        """
        named = {layer: self._output_of(layer) for layer in layers}
        values = self._computed(examples, state, tuple(named.values()))
        return {layer: values[name] for layer, name in named.items()}

    def _output_of(self, layer: str) -> str:
        """The tensor that a layer writes, or reads where it is nothing in inference."""
        while f"{layer}@0" not in self.tensors:
            (layer,) = self.network.inputs[layer]
        return f"{layer}@0"

    def _computed(self, examples: Batch, state: State, wanted: Iterable[str]) -> dict[str, Array]:
        """Copies of the values of these tensors; nothing that they do not need is computed."""
        wanted = dict.fromkeys(wanted)
        tasks = self._needed(wanted)
        values: dict[str, Array] = {}
        found: dict[str, Array] = {}
        if f"{DATA}@0" in wanted or any(f"{DATA}@0" in task.reads.values() for task in tasks):
            values[f"{DATA}@0"] = self._given(f"{DATA}@0", examples.images)
        last = {name: task for task in tasks for name in (*task.writes.values(), *task.reads.values())}
        for task in tasks:
            self._compute(task, values, examples, state)
            for name in [name for name in values if last.get(name) is task]:
                array = values.pop(name)
                if name in wanted:
                    found[name] = np.array(array)
                self.backend.release(array)
        found |= {name: np.array(array) for name, array in values.items()}
        return found

    def _needed(self, wanted: Iterable[str]) -> list[Task]:
        """The tasks that these tensors depend on, in order."""
        names, found = set(wanted), []
        for task in reversed(self.tasks):
            if not names.isdisjoint(task.writes.values()):
                names.update(task.reads.values())
                found.append(task)
        return found[::-1]

    def _empty(self, tensor: Tensor) -> Array:
        return self.backend.empty(tensor.labels, tensor.shape, array_dtype(tensor.dtype))

    def _given(self, name: str, numbers: Array) -> Array:
        tensor = self.tensors[name]
        array = self._empty(tensor)
        self.backend.fill(array, numbers, tensor.dtype, tensor.base)
        return array

    def _compute(self, task: Task, values: dict[str, Array], examples: Batch, state: State) -> None:
        written = {operand: self._empty(self.tensors[name]) for operand, name in task.writes.items()}
        reads = {operand: self._read(name, values, examples, state) for operand, name in task.reads.items()}
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            self.backend.compute(task.op, task.direction, reads, written, self._site(task))
        for operand, name in task.writes.items():
            values[name] = written[operand]

    def _read(self, name: str, values: dict[str, Array], examples: Batch, state: State) -> Array:
        tensor = self.tensors[name]
        if tensor.base == LABEL:
            return examples.labels
        return state[tensor.base] if tensor.kind is TensorKind.PARAMETER else values[name]

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


def _batches(part: Part, batch: int, crops: int) -> Iterator[tuple[int, int, Sequence[Batch]]]:
    """Of each batch the index of its first example, how many are new, and one or several views of it.

    The next ones are begun before one is handed out.
    """
    begun: deque[Callable[[], Sequence[Batch]]] = deque()
    starts = range(0, part.count, batch)
    for start in starts:
        for ahead in starts[start // batch + len(begun) :][: 1 + _AHEAD - len(begun)]:
            chosen = np.arange(ahead, ahead + batch) % part.count
            begun.append(_begun(part, chosen, crops))
        yield start, min(batch, part.count - start), begun.popleft()()


def _begun(part: Part, chosen: NDArray[np.int64], crops: int) -> Callable[[], Sequence[Batch]]:
    if crops == 1:
        reading = part.begin(chosen)
        return lambda: [reading()]
    return partial(part.ten_crops, chosen)
