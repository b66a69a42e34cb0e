"""Batch normalisation on several processors: what is summed, and what groups of images save."""

from __future__ import annotations

import numpy as np

import backends
from dataflow.layers import BatchNormalizationLayer
from dataflow.ops import BatchNormalization
from dataflow.plan import Plan
from tests.backends.running import random_values, run
from tests.engine.worlds import conv, experiment, fc, machine, network, placed, split

BATCH_OVER_TWO = Plan(mesh={"data": 2}, layers={"*": split(batch="data")})


def sent(images: int | None) -> dict[str, int]:
    """Bytes that are moved of each of a normalisation's tensors, four images over two processors."""
    norm = BatchNormalizationLayer(op="batch_normalization", images=images)
    net = network({"c": conv(3, 1, bias=False), "n": norm, "f": fc(2)}, image=(2, 2, 2))
    graph = placed(experiment(net, machine(2), BATCH_OVER_TWO, batch=4))
    moved: dict[str, int] = {}
    for task in graph.transfers:
        for name in task.writes.values():
            base = graph.shards[name].tensor.base.split(".part")[0].split(".copy")[0]
            if base.startswith("n."):
                moved[base] = moved.get(base, 0) + task.bytes
    return moved


def test_sums_are_exchanged_so_that_any_split_computes_the_same() -> None:
    """Two sums of three channels in float64 each way, forward and backward; the gradients as ever."""
    moved = sent(None)
    assert moved["n.sums"] == moved["n.gradient_sums"] == 2 * (2 * 3 * 8)
    assert moved["n.weight.grad"] == moved["n.bias.grad"] == 2 * (3 * 8)


def test_groups_of_each_processor_s_own_images_exchange_nothing() -> None:
    """With two images a group, which is what unsynchronised data parallelism computes, no sum is sent."""
    moved = sent(2)
    assert set(moved) == {"n.weight.grad", "n.bias.grad"}


def test_groups_are_normalised_alone() -> None:
    """Normalising four images in groups of two is normalising two and two."""
    backend = backends.get("numpy")
    whole = BatchNormalization((4, 3, 2, 2), images=2, count=8)
    half = BatchNormalization((2, 3, 2, 2), images=2, count=8)
    values = random_values(whole, seed=1)
    written = run(backend, whole, values)
    for start in (0, 2):
        part = {
            name: array[start : start + 2] if name in ("input", "output.grad") else array
            for name, array in values.items()
        }
        alone = run(backend, half, part)
        for name in ("output", "input.grad"):
            np.testing.assert_allclose(written[name][start : start + 2], alone[name], rtol=1e-12, atol=1e-14)


def test_normalised_values_have_mean_zero_and_deviation_one() -> None:
    """Of each channel, but for epsilon; scaled by the weight and shifted by the bias."""
    op = BatchNormalization((8, 2, 3, 3), images=8, count=72, epsilon=1e-12)
    values = random_values(op, seed=2)
    values["weight"][...], values["bias"][...] = [1.0, 3.0], [0.0, 5.0]
    output = run(backends.get("numpy"), op, values)["output"]
    np.testing.assert_allclose(output.mean(axis=(0, 2, 3)), [0, 5], atol=1e-12)
    np.testing.assert_allclose(output.std(axis=(0, 2, 3)), [1, 3], rtol=1e-9)


def test_a_channel_without_variation_stays_finite() -> None:
    """All elements equal: the output is the bias, whatever rounding leaves of the variance."""
    op = BatchNormalization((3, 1, 2, 2), images=3, count=12)
    values = random_values(op, seed=3)
    values["input"][...] = 0.1
    written = run(backends.get("numpy"), op, values)
    np.testing.assert_allclose(written["output"], values["bias"][0] * np.ones((3, 1, 2, 2)), atol=1e-6)
    assert all(np.isfinite(array).all() for array in written.values())
