"""The small AlexNet: its loss is that of one processor, and of PyTorch, step by step from the same starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import topologies
from dataflow.override import Override
from dataflow.session import TrainingOptions, train_experiment
from dataflow.training.step_losses import StepLosses

STEPS = 100
"""As many are compared; three epochs of the experiment are a few more."""


def losses_beside(against: str, dtype: str, folder: Path) -> StepLosses:
    """The experiment as it ships, in a format, beside the same computed in another way."""
    made = topologies.load("alexnet-mini-digits", [Override("training.dtype", dtype)])
    options = TrainingOptions(epochs=3, against=against, limits=False)
    trained = train_experiment(made, options, folder, lambda _: None, lambda: False)
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


FORMATS = pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-4), ("float64", 1e-9)])
"""A format, and how far apart losses may be in it."""


@pytest.mark.usefixtures("one_torch_thread")
@FORMATS
def test_two_towers_lose_what_pytorch_does(dtype: str, tolerance: float, tmp_path: Path) -> None:
    """Convolutions, response normalisation, overlapping pooling, dropout, momentum and decay together."""
    assert far(losses_beside("torch", dtype, tmp_path), STEPS) < tolerance


@FORMATS
def test_two_towers_lose_what_one_processor_does(dtype: str, tolerance: float, tmp_path: Path) -> None:
    """Splitting changes only the order of additions, and the choices that rounding decides are the run's."""
    assert far(losses_beside("one-processor", dtype, tmp_path), STEPS) < tolerance
