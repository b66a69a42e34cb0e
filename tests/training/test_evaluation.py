"""Tests of the network between epochs: the right numbers from the right parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import backends
from dataflow.data.batches import Batch
from dataflow.layers import DropoutLayer
from dataflow.training.data_set import ArrayPart
from dataflow.training.evaluation import Evaluator
from tests.engine.worlds import experiment, fc, machine, network

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
