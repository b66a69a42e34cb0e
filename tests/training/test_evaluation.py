"""Tests of the network between epochs: the right numbers from the right parameters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

import backends
from dataflow.backend import Array, Backend
from dataflow.data.batches import Batch
from dataflow.experiment import Experiment
from dataflow.layers import DropoutLayer
from dataflow.training.data_set import ArrayPart
from dataflow.training.evaluation import Evaluator
from dataflow.training.state import State
from tests.engine.worlds import RELU, experiment, fc, machine, network

WEIGHT = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
STATE = {"fc.weight": WEIGHT, "fc.bias": np.zeros(3)}
IMAGES = np.array([[4, 0], [0, 4], [1, 3], [3, 1], [2, 2]], dtype=np.float32).reshape(5, 2, 1, 1)
LABELS = np.array([0, 1, 0, 0, 2], dtype=np.int32)


def test_loss_and_accuracy() -> None:
    """Five examples in batches of two, the last filled up with one that is not counted twice."""
    made = experiment(network({"fc": fc(3)}, classes=3), machine(1), batch=2)
    score = Evaluator(made, backends.get("numpy")).score(ArrayPart(Batch(IMAGES, LABELS)), STATE)
    scores = IMAGES.reshape(5, 2) @ WEIGHT.T
    assert scores.argmax(axis=1).tolist() == [0, 1, 1, 0, 0]  # right: the first, second and fourth
    losses = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(5), LABELS]
    assert score.accuracy == 3 / 5
    assert score.loss == pytest.approx(losses.mean(), rel=1e-12)


@pytest.mark.parametrize(("inverted", "factor"), [(False, 0.75), (True, 1.0)])
def test_dropout_keeps_everything(inverted: bool, factor: float) -> None:
    """The paper multiplies by the share that training keeps; who divided by it then does nothing now."""
    layers = {"drop": DropoutLayer(op="dropout", rate=0.25, inverted=inverted), "fc": fc(3)}
    made = experiment(network(layers, classes=3), machine(1), batch=5)
    scores, _ = Evaluator(made, backends.get("numpy")).forward(Batch(IMAGES, LABELS), STATE)
    assert scores == pytest.approx(factor * IMAGES.reshape(5, 2) @ WEIGHT.T)


def test_the_same_every_time() -> None:
    """A test does not change what it tests, nor does it depend on the batch."""
    part = ArrayPart(Batch(IMAGES, LABELS))
    made = experiment(network({"fc": fc(3)}, classes=3), machine(1), batch=2)
    evaluator = Evaluator(made, backends.get("numpy"))
    first = evaluator.score(part, STATE)
    assert evaluator.score(part, STATE) == first
    larger = replace(made, training=replace(made.training, batch=64))
    assert Evaluator(larger, backends.get("numpy")).score(part, STATE).loss == pytest.approx(first.loss)


def test_top_five_counts_ties_by_the_order_of_classes() -> None:
    """Of equal scores the first class ranks first: class 5 of six equal ones is sixth, class 4 fifth."""
    made = experiment(network({"fc": fc(6)}, classes=6), machine(1), batch=2)
    state = {"fc.weight": np.zeros((6, 2)), "fc.bias": np.zeros(6)}
    labels = np.array([0, 4, 5, 5, 1], dtype=np.int32)
    score = Evaluator(made, backends.get("numpy")).score(ArrayPart(Batch(IMAGES, labels)), state)
    assert (score.wrong, score.wrong_top5) == (4, 2)
    assert (score.error, score.top5_error, score.accuracy) == (0.8, 0.4, 0.2)


def test_no_top_five_of_five_classes() -> None:
    """Among five answers of five classes the right one always is."""
    made = experiment(network({"fc": fc(5)}, classes=5), machine(1), batch=2)
    state = {"fc.weight": np.zeros((5, 2)), "fc.bias": np.zeros(5)}
    score = Evaluator(made, backends.get("numpy")).score(ArrayPart(Batch(IMAGES, LABELS)), state)
    assert score.top5_error is None


def deep(inverted: bool = False) -> tuple[Experiment, State]:
    """A layer, its ReLU, dropout, and another layer, with weights by hand."""
    drop = DropoutLayer(op="dropout", rate=0.25, inverted=inverted)
    layers = {"fc1": fc(3), "relu1": RELU, "drop1": drop, "fc2": fc(2)}
    state = {**STATE, "fc1.weight": WEIGHT, "fc1.bias": np.array([0.0, -1.0, -2.0])}
    state |= {"fc2.weight": np.array([[1.0, 1.0, 1.0], [0.0, 0.0, 2.0]]), "fc2.bias": np.zeros(2)}
    return experiment(network(layers, classes=2), machine(1), batch=5), state


@pytest.mark.parametrize("inverted", [False, True])
def test_activations(inverted: bool) -> None:
    """Any layers by name, batch first; inverted dropout is nothing in a test."""
    made, state = deep(inverted)
    evaluator = Evaluator(made, backends.get("numpy"))
    found = evaluator.activations(Batch(IMAGES, LABELS), state, ["fc2", "drop1", "fc1", "data"])
    assert list(found) == ["fc2", "drop1", "fc1", "data"]
    first = IMAGES.reshape(5, 2) @ WEIGHT.T + [0.0, -1.0, -2.0]
    dropped = np.maximum(first, 0) * (1.0 if inverted else 0.75)
    assert np.array_equal(found["data"], IMAGES)
    assert found["fc1"] == pytest.approx(first)
    assert found["drop1"] == pytest.approx(dropped)
    assert found["fc2"] == pytest.approx(dropped @ state["fc2.weight"].T)


class Counted(Mapping[str, Array]):
    """A state that remembers what it was asked for."""

    def __init__(self, state: State) -> None:
        self.state = state
        self.asked: list[str] = []

    def __getitem__(self, name: str) -> Array:
        self.asked.append(name)
        return self.state[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.state)

    def __len__(self) -> int:
        return len(self.state)


class Lending:
    """NumPy's backend, which counts the values that are lent and not yet given back."""

    def __init__(self) -> None:
        self.most = 0
        self.lent: dict[int, Array] = {}
        self.inner = backends.get("numpy")
        self.fill = self.inner.fill
        self.compute = self.inner.compute

    def empty(self, labels: Sequence[str], shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """Lends one."""
        array = self.inner.empty(labels, shape, dtype)
        self.lent[id(array)] = array
        self.most = max(self.most, len(self.lent))
        return array

    def release(self, array: Array) -> None:
        """Takes it back, once."""
        del self.lent[id(array)]


def test_no_more_than_is_asked_for() -> None:
    """Of the first layer only its own parameters are read; a score reads each once, whatever the batches."""
    made, state = deep()
    counted = Counted(state)
    evaluator = Evaluator(made, backends.get("numpy"))
    evaluator.activations(Batch(IMAGES, LABELS), counted, ["relu1"])
    assert counted.asked == ["fc1.weight", "fc1.bias"]
    counted.asked.clear()
    twice = ArrayPart(Batch(np.concatenate([IMAGES, IMAGES]), np.tile(LABELS % 2, 2)))
    evaluator.score(twice, counted)
    assert sorted(counted.asked) == sorted(evaluator.parameters)


def test_values_are_given_back_once_read() -> None:
    """A chain of layers never holds more than two values, or a layer's two results and what it read."""
    made, state = deep()
    backend = Lending()
    Evaluator(made, cast("Backend", backend)).forward(Batch(IMAGES, LABELS % 2), state)
    assert not backend.lent
    assert backend.most == 3  # the loss: scores, losses and probabilities
