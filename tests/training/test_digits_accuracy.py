"""How well scikit-learn's digits are learned in integers, beside float32 from the same starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

import numpy as np
import pytest

import topologies
from dataflow.override import Override
from dataflow.plan import Plan
from dataflow.session import TrainingOptions, train_experiment
from dataflow.training.cadence import Cadence
from dataflow.training.checkpoint import load_checkpoint
from dataflow.verification.references import one_processor

PERCEPTRON = "mlp-digits-cpu"
CNN = "digits-cnn-cpu"
Q8_8 = {"training.dtype": "q8.8", "training.loss_scale": "batch", "backend": "fixed"}
SMALL_BATCHES = {"training.batch": "16", "training.learning_rate": "0.125"}
TRUNCATING = {"training.arithmetic.rounding": "truncate"}
STOCHASTIC_Q4_4 = {
    "training.dtype": "q4.4",
    "training.arithmetic.rounding": "stochastic",
    "training.arithmetic.wide_logits": "true",
}
MASTER_Q4_4 = {
    "training.dtype": "q4.4",
    "training.arithmetic.wide_logits": "true",
    "training.arithmetic.master_weights": "q4.12",
}


@dataclass(frozen=True)
class Learned:
    """Test accuracy in the end, by seed: in the experiment's format and, if asked for, in float32."""

    found: tuple[float, ...]
    float32: tuple[float, ...]


def learned(
    name: str, settings: Mapping[str, str], epochs: int, seeds: int, *, against: bool = False
) -> Learned:
    """Trains an experiment's network with these fields on one processor, from several seeds."""
    experiment = topologies.load(name, [Override(path, value) for path, value in settings.items()])
    experiment = replace(experiment, hardware=one_processor(), plan=Plan())
    options = TrainingOptions(
        epochs=epochs,
        seeds=tuple(range(seeds)),
        checkpoint_every=Cadence(epochs),
        against="float32" if against else None,
        limits=False,
    )
    with TemporaryDirectory() as folder:
        trained = train_experiment(experiment, options, folder, lambda _: None, lambda: False)
    plain = trained.against.curves if trained.against else ()
    return Learned(
        tuple(curve.last.test_accuracy for curve in trained.curves),
        tuple(curve.last.test_accuracy for curve in plain),
    )


@cache
def perceptron() -> Learned:
    """The perceptron after 12 epochs in Q8.8, rounding to the nearest, and in float32."""
    return learned(PERCEPTRON, {**Q8_8, **SMALL_BATCHES}, 12, 4, against=True)


def test_the_cnn_learns_in_q8_8_what_it_learns_in_float32() -> None:
    """65 weights, batch 16, 30 epochs, four seeds: 0.60 on average, none below 0.50, 0.03 from float32."""
    cnn = learned(CNN, Q8_8, 30, 4, against=True)
    assert mean(cnn.found) >= 0.60
    assert min(cnn.found) >= 0.50
    assert abs(mean(cnn.found) - mean(cnn.float32)) <= 0.03
    for ours, plain in zip(cnn.found, cnn.float32, strict=True):
        assert abs(ours - plain) <= 0.03


def test_the_perceptron_learns_in_q8_8_what_it_learns_in_float32() -> None:
    """64-16-10, batch 16, 12 epochs, four seeds: 0.95, and 0.01 from float32."""
    found = perceptron()
    assert min(found.found) >= 0.95
    assert abs(mean(found.found) - mean(found.float32)) <= 0.01


def test_truncation_costs_the_perceptron_dearly() -> None:
    """Rounding down biases every sum: 0.05 at least are lost, from every seed."""
    truncated = learned(PERCEPTRON, {**Q8_8, **SMALL_BATCHES, **TRUNCATING}, 12, 2)
    for found, nearest in zip(truncated.found, perceptron().found, strict=False):
        assert found <= nearest - 0.05


@pytest.mark.parametrize(
    ("settings", "least"), [(STOCHASTIC_Q4_4, 0.92), (MASTER_Q4_4, 0.94)], ids=["stochastic", "master"]
)
def test_eight_bits_are_enough_with_care(settings: Mapping[str, str], least: float) -> None:
    """In Q4.4 with wide logits, stochastic rounding or 16-bit master weights let small updates count."""
    assert mean(learned(PERCEPTRON, {**Q8_8, **SMALL_BATCHES, **settings}, 12, 2).found) >= least


def test_eight_bits_alone_are_not() -> None:
    """Rounded to the nearest, updates of less than half a step are lost, and nothing is learned."""
    plain = {**MASTER_Q4_4}
    del plain["training.arithmetic.master_weights"]
    assert mean(learned(PERCEPTRON, {**Q8_8, **SMALL_BATCHES, **plain}, 12, 1).found) < 0.5


def test_57_cores_learn_the_bits_of_one_processor(tmp_path: Path) -> None:
    """After an epoch as placed on the card every weight is that of one processor."""
    card = topologies.load("digits-cnn-agilio")
    alone = replace(card, hardware=one_processor(), plan=Plan())
    weights = []
    for index, experiment in enumerate((card, alone)):
        folder = tmp_path / str(index)
        train_experiment(
            experiment, TrainingOptions(epochs=1, limits=False), folder, lambda _: None, lambda: False
        )
        weights.append(load_checkpoint(folder / "checkpoint-seed0.npz").position.state)
    there, here = weights
    assert there is not None
    assert here is not None
    assert sorted(there) == sorted(here) == ["conv.weight", "fc.weight"]
    for name, array in here.items():
        np.testing.assert_array_equal(there[name], array)
