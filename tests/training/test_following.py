"""Which choices of a run are followed: those that rounding may have decided, and no others."""

from __future__ import annotations

import numpy as np
import pytest

import backends
from dataflow.backend import Array, Site
from dataflow.ops import MaxPooling, Op, Relu
from dataflow.region import Region
from dataflow.verification.following import Following
from tests.backends.running import Values, operand_of, run_passes

WITHIN = 1e-4
POOLINGS = (
    MaxPooling(3, 4, 7, 9, (3, 3), (2, 2), ((0, 0), (0, 0))),
    MaxPooling(3, 4, 7, 9, (3, 2), (1, 2), ((1, 0), (0, 1))),
    MaxPooling(3, 4, 8, 6, (2, 2), (2, 3), ((1, 1), (1, 1))),
)


def computed(op: Op, name: str, values: Values, seen: Values, task: str = "chooses") -> Array:
    """What one pass writes of a task that follows what a run has seen, from the third channel of six on."""
    direction = next(each for each in op.passes if each.name == name)
    (written,) = direction.writes
    target = np.full(operand_of(op, written).shape, np.nan, next(iter(values.values())).dtype)
    operands = {operand.name: operand.shape for operand in op.operands}
    site = Site(
        step=7,
        task=task,
        tensors={each: each for each in operands},
        regions={
            each: Region(((0, s[0]), (2, 2 + s[1]), *((0, n) for n in s[2:]))) for each, s in operands.items()
        },
        shapes={each: (s[0], 6, *s[2:]) for each, s in operands.items()},
    )
    wholes = {f"{each}@7": np.concatenate((array[:, :2] * 0, array), axis=1) for each, array in seen.items()}
    reads = {each: values[each] for each in direction.reads}
    following = Following(backends.get("numpy"), wholes.get, WITHIN, {"chooses"})
    following.compute(op, direction, reads, {written: target}, site)
    return target


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_sides_of_relu(dtype: str) -> None:
    """Of inputs within 1e-4 of the largest magnitude, 2, the run's side is taken: 0, or just above it."""
    op = Relu((1, 4, 2))
    x = np.array([2, -2, 1.9e-4, -1.9e-4, 2.1e-4, -2.1e-4, 0, 1], dtype).reshape(op.shape)
    run = np.array([0, 9, 0, 9, 0, 9, 9, 9], dtype).reshape(op.shape)
    least = np.finfo(dtype).tiny
    own = computed(op, "forward", {"input": x}, {})
    assert own.ravel().tolist() == np.maximum(x, 0).ravel().tolist()
    followed = computed(op, "forward", {"input": x}, {"output": run})
    assert followed.ravel().tolist() == np.array([2, 0, 0, least, 2.1e-4, 0, least, 1], dtype).tolist()
    reads = {"output": followed, "output.grad": np.ones_like(x)}
    gradient = computed(op, "input_gradient", reads, {"output": run})
    assert gradient.ravel().tolist() == [1, 0, 0, 1, 1, 0, 1, 1]
    assert np.array_equal(computed(op, "forward", {"input": x}, {"output": run}, "differences"), own)


def both_passes(op: MaxPooling, x: Array, gradient: Array) -> tuple[Values, Array]:
    """What the gradient pass reads, and what it writes that follows nobody."""
    given = {"input": x, "output.grad": gradient}
    written = run_passes(backends.get("numpy"), op, op.passes, given)
    return {**given, "output": written["output"]}, written["input.grad"]


@pytest.mark.parametrize("op", POOLINGS)
@pytest.mark.parametrize("few", [1, 1 << 22])
def test_the_largest_of_windows(op: MaxPooling, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Among many ties the gradient goes where it does with the run's values, which rounding has changed.

    Where the run's values are further away nothing is followed.
    """
    monkeypatch.setattr("dataflow.verification.following._TOGETHER_BYTES", few)
    random = np.random.default_rng(4)
    shape = op.operand("input").shape
    x = random.integers(-3, 3, shape) + 1e-6 * random.normal(size=shape)
    run = np.rint(x) + 1e-6 * random.normal(size=shape)
    gradient = random.normal(size=op.operand("output").shape)
    values, own = both_passes(op, x, gradient)
    _, runs = both_passes(op, run, gradient)
    assert np.abs(own - runs).max() > 1
    followed = computed(op, "input_gradient", values, {"input": run})
    np.testing.assert_allclose(followed, runs, rtol=0, atol=1e-14)
    values, _ = both_passes(op, np.rint(x), gradient)
    followed = computed(op, "input_gradient", values, {"input": run})
    np.testing.assert_allclose(followed, runs, rtol=0, atol=1e-14)
    far_apart = random.permutation(x.size).reshape(shape).astype(float)
    values, own = both_passes(op, far_apart, gradient)
    assert np.array_equal(computed(op, "input_gradient", values, {"input": -far_apart}), own)
