"""A network tested with ten crops of a picture, and with one, as in the 2012 paper (section 4.1)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

import backends
from dataflow.data.batches import Batch
from dataflow.experiment import Experiment
from dataflow.layers import LossLayer
from dataflow.training.data_set import Draws, Part
from dataflow.training.evaluation import Evaluator
from dataflow.training.state import State
from tests.engine.worlds import LOSS, experiment, fc, machine, network

Images = NDArray[np.float32]


def crops_of(images: Images) -> list[Images]:
    """3 x 3 pixels of pictures of 5 x 5: the four corners, the centre, and the mirrors of these five."""
    places = [(0, 0), (0, 2), (2, 0), (2, 2), (1, 1)]
    cut = [images[:, :, top : top + 3, left : left + 3] for top, left in places]
    return [*cut, *(crop[..., ::-1] for crop in cut)]


class Pictures(Part):
    """Pictures of 5 x 5 of which networks read 3 x 3."""

    def __init__(self, images: Images, labels: NDArray[np.int32]) -> None:
        self.images = images
        self.labels = labels

    @property
    def count(self) -> int:
        """How many."""
        return len(self.labels)

    def read(self, chosen: NDArray[np.int64], draws: Draws | None = None) -> Batch:
        """The centre."""
        return Batch(crops_of(self.images[chosen])[4], self.labels[chosen])

    def begin(self, chosen: NDArray[np.int64], draws: Draws | None = None) -> Callable[[], Batch]:
        """Nothing reads ahead."""
        return partial(self.read, chosen)

    def ten_crops(self, chosen: NDArray[np.int64]) -> list[Batch]:
        """All crops, each as a batch."""
        return [Batch(crop, self.labels[chosen]) for crop in crops_of(self.images[chosen])]


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """As a textbook has it."""
    powers = np.exp(scores)
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def world(loss: LossLayer = LOSS) -> tuple[Evaluator, State, Pictures]:
    """Five pictures and a network of one fully connected layer with random weights, in batches of two."""
    random = np.random.default_rng(3)
    net = replace(network({"fc": fc(3)}, (1, 3, 3), 3), layers={"fc": fc(3), "loss": loss})
    made: Experiment = experiment(net, machine(1), batch=2, dtype="float64")
    state = {"fc.weight": random.normal(size=(3, 1, 3, 3)), "fc.bias": random.normal(size=3)}
    images = random.normal(size=(5, 1, 5, 5)).astype(np.float32)
    part = Pictures(images, np.array([0, 1, 2, 0, 1], dtype=np.int32))
    return Evaluator(made, backends.get("numpy")), state, part


def scores_by_hand(state: State, images: Images) -> NDArray[np.float64]:
    """What the one layer computes."""
    weight = state["fc.weight"].reshape(3, 9)
    return np.asarray(images.reshape(len(images), 9).astype(np.float64) @ weight.T + state["fc.bias"])


def test_ten_crops_are_the_average_of_ten_softmaxes() -> None:
    """Written out: ten scores, ten softmaxes, their mean, of which the loss is the logarithm."""
    evaluator, state, part = world()
    outcomes = list(evaluator.outcomes(part, state, crops=10))
    mean = np.mean([softmax(scores_by_hand(state, crop)) for crop in crops_of(part.images)], axis=0)
    assert np.concatenate([o.likely for o in outcomes]) == pytest.approx(mean, rel=1e-12)
    losses = -np.log(mean[np.arange(5), part.labels])
    assert np.concatenate([o.losses for o in outcomes]) == pytest.approx(losses, rel=1e-12)
    score = evaluator.score(part, state, crops=10)
    assert score.loss == pytest.approx(losses.mean(), rel=1e-12)
    assert score.wrong == np.sum(mean.argmax(axis=1) != part.labels)
    assert [(o.first, len(o.labels), o.crops) for o in outcomes] == [(0, 2, 10), (2, 2, 10), (4, 1, 10)]


def test_one_crop_is_the_centre() -> None:
    """Softmax and loss of the one crop alone."""
    evaluator, state, part = world()
    outcomes = list(evaluator.outcomes(part, state))
    scores = scores_by_hand(state, crops_of(part.images)[4])
    assert np.concatenate([o.scores for o in outcomes]) == pytest.approx(scores, rel=1e-12)
    assert np.concatenate([o.likely for o in outcomes]) == pytest.approx(softmax(scores), rel=1e-12)
    assert {o.crops for o in outcomes} == {1}


def test_ten_crops_of_mirrored_pictures_are_the_same() -> None:
    """A mirrored picture has the same ten crops in another order, and so the same average."""
    evaluator, state, part = world()
    mirrored = Pictures(np.ascontiguousarray(part.images[..., ::-1]), part.labels)
    for one, other in zip(
        evaluator.outcomes(part, state, 10), evaluator.outcomes(mirrored, state, 10), strict=True
    ):
        assert one.likely == pytest.approx(other.likely, rel=1e-13)
        assert one.losses == pytest.approx(other.losses, rel=1e-12)
    centre, other_centre = (next(evaluator.outcomes(each, state)).likely for each in (part, mirrored))
    assert centre != pytest.approx(other_centre, rel=1e-3)


def test_ten_crops_of_a_network_that_ends_in_squares() -> None:
    """Scores are averaged as they are, and the loss is that of their mean."""
    evaluator, state, part = world(LossLayer(op="mean_squared_error"))
    mean = np.mean([scores_by_hand(state, crop) for crop in crops_of(part.images)], axis=0)
    wanted = np.eye(3)[part.labels]
    score = evaluator.score(part, state, crops=10)
    assert score.loss == pytest.approx(np.mean(np.sum((mean - wanted) ** 2, axis=1) / 2), rel=1e-12)
    assert score.wrong == np.sum(mean.argmax(axis=1) != part.labels)


def test_powers_of_two() -> None:
    """Of softmax in powers of two, probabilities are such powers, and losses logarithms to base two."""
    evaluator, state, part = world(LossLayer(op="softmax_cross_entropy", base=2))
    each = [softmax(scores_by_hand(state, crop) * np.log(2)) for crop in crops_of(part.images)]
    mean = np.mean(each, axis=0)
    outcomes = list(evaluator.outcomes(part, state, 10))
    assert np.concatenate([o.likely for o in outcomes]) == pytest.approx(mean, rel=1e-12)
    losses = -np.log2(mean[np.arange(5), part.labels])
    assert np.concatenate([o.losses for o in outcomes]) == pytest.approx(losses, rel=1e-12)


def test_crops_that_are_surely_wrong_underflow_nowhere() -> None:
    """A class 5,000 behind has a probability below the least number, but a finite loss."""
    evaluator, state, part = world()
    sure = {**state, "fc.bias": np.array([0.0, 5_000.0, 0.0])}
    wrong = Pictures(part.images, np.zeros(5, dtype=np.int32))
    score = evaluator.score(wrong, sure, crops=10)
    assert score.loss == pytest.approx(5_000, rel=0.01)
    assert score.error == 1.0


def test_scores_that_are_infinite_are_seen_in_the_average() -> None:
    """They make it not a number, without a warning, and do not count as right."""
    evaluator, state, part = world()
    outcome = next(evaluator.outcomes(part, {**state, "fc.bias": np.array([0.0, np.inf, 0.0])}, crops=10))
    assert not np.isfinite(outcome.scores).any()
    assert not np.isfinite(outcome.losses).any()
