"""The main job on the full AlexNet: every tensor of every split against one processor and PyTorch."""

from __future__ import annotations

import pytest

import dataflow
from dataflow import Options, Override
from dataflow.session import simulate_experiment
from dataflow.verification.verification import Verification

FLOAT64_TOLERANCE = 1e-10
FLOAT32_TOLERANCE = 1e-4


def verified(name: str, dtype: str, reference: str, batch: int) -> Verification:
    """A step of an experiment on real photographs, compared with a reference."""
    settings = [Override("training.batch", str(batch)), Override("training.dtype", dtype)]
    return dataflow.verify(dataflow.load(name, settings), Options(reference=reference))


def assert_all_within(verification: Verification, tolerance: float, tensors: int) -> None:
    """Every one of so many tensors is within tolerance of its largest magnitude."""
    assert verification.tolerance == tolerance
    assert verification.missing == ()
    assert len(verification.comparisons) == tensors
    assert verification.passed, verification.worst


# 23 layers: 23 outputs, 22 gradients of outputs (not the loss's), 2 LRN scales and 1 softmax, and
# for each of 16 parameters its gradient, new value and velocity: 23 + 22 + 3 + 48 = 96.
ALL_TENSORS = 96
PYTORCH_TENSORS = ALL_TENSORS - 3


@pytest.mark.parametrize("name", ["alexnet-2x-gtx580", "alexnet-2x-gtx580-batch", "alexnet-2x-gtx580-rows"])
def test_every_split_of_alexnet_gives_the_numbers_of_one_processor(name: str) -> None:
    """Channels, batch or rows over two GPUs: float64 within 1e-10."""
    assert_all_within(verified(name, "float64", "one-processor", 2), FLOAT64_TOLERANCE, ALL_TENSORS)


def test_two_gpus_in_float32_are_within_rounding_of_one() -> None:
    """The main job's arithmetic: float32 within 1e-4."""
    assert_all_within(
        verified("alexnet-2x-gtx580", "float32", "one-processor", 4), FLOAT32_TOLERANCE, ALL_TENSORS
    )


@pytest.mark.parametrize(
    ("dtype", "tolerance"), [("float64", FLOAT64_TOLERANCE), ("float32", FLOAT32_TOLERANCE)]
)
def test_two_gpus_give_the_numbers_of_torch(dtype: str, tolerance: float) -> None:
    """The two-tower step on two GPUs against PyTorch's, from the same weights, images and masks."""
    pytest.importorskip("torch")
    assert_all_within(verified("alexnet-2x-gtx580", dtype, "torch", 2), tolerance, PYTORCH_TENSORS)


def test_the_two_gpu_net_trains_slightly_faster_than_the_one_gpu_net() -> None:
    """As Krizhevsky et al. 2012 say (section 3.2); two times half of the larger net, less the exchange."""
    two = simulate_experiment(dataflow.load("alexnet-2x-gtx580")).metrics
    one = simulate_experiment(dataflow.load("alexnet-one-gpu")).metrics
    assert 1.0 < one.step_time_s / two.step_time_s < 1.2


def test_the_exchange_of_the_two_towers_is_in_the_metrics_to_the_byte() -> None:
    """30,015,488 B each way in a step: half forward, half backward (fc8's one way each)."""
    traffic = simulate_experiment(dataflow.load("alexnet-2x-gtx580")).metrics.traffic
    assert traffic["gpu0", "gpu1"].bytes == 30_015_488
    assert traffic["gpu1", "gpu0"].bytes == 30_015_488
    # A batch of 128 images of 3 x 227 x 227 float32; the labels, 4 B each, go where the loss is.
    assert traffic["host", "gpu1"].bytes == 128 * 3 * 227 * 227 * 4
    assert traffic["host", "gpu0"].bytes == 128 * 3 * 227 * 227 * 4 + 128 * 4
