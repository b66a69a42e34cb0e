"""The small AlexNet: its loss is that of one processor, and of PyTorch, step by step from the same starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import topologies
from dataflow.experiment import Experiment
from dataflow.override import Override
from dataflow.session import TrainingOptions, train_experiment
from dataflow.training.step_losses import StepLosses

BATCH = 13
"""Of which an epoch of 1,347 digits has 103: more than the 100 steps that are compared."""

STEPS = 100


def mini(dtype: str) -> Experiment:
    """The experiment that ships, in small batches and at one learning rate."""
    settings = {"training.dtype": dtype, "training.batch": str(BATCH), "training.schedule": "null"}
    return topologies.load("alexnet-mini-digits", [Override(*each) for each in settings.items()])


def losses_beside(against: str, dtype: str, folder: Path) -> StepLosses:
    """An epoch of two towers, beside the same computed in another way."""
    options = TrainingOptions(epochs=1, against=against, limits=False)
    trained = train_experiment(mini(dtype), options, folder, lambda _: None, lambda: False)
    assert trained.against is not None
    (losses,) = trained.against.losses
    assert len(set(losses.own)) == len(losses.steps) >= STEPS
    return losses


def far(losses: StepLosses, steps: int) -> float:
    """How far apart losses are at most in the first steps, relative to themselves."""
    largest = losses.largest(steps)
    assert largest is not None
    return largest.relative


@pytest.fixture
def one_torch_thread() -> Iterator[None]:
    """PyTorch with one thread: for tensors as small as these more of them only wait for each other."""
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("one_torch_thread")
@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-9)])
def test_two_towers_lose_what_pytorch_does(dtype: str, tolerance: float, tmp_path: Path) -> None:
    """Convolutions, response normalisation, overlapping pooling, dropout, momentum and decay together."""
    assert far(losses_beside("torch", dtype, tmp_path), STEPS) < tolerance


def test_two_towers_lose_what_one_processor_does(tmp_path: Path) -> None:
    """Splitting changes only the order of additions: in float64 all steps are the same.

    In float32 sooner or later a ReLU is so near to its kink that rounding decides, and from there on two
    trainings learn differently; the comparison with PyTorch follows the run's choices there.
    """
    assert far(losses_beside("one-processor", "float64", tmp_path), STEPS) < 1e-9
