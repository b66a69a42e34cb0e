"""The forward pass of every op against loops over scalars."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backends
from dataflow.ops import KERNEL_OPS, MaxPooling, Op, Relu, Sigmoid, SoftmaxCrossEntropy
from dataflow.ops.pooling import Pooling
from tests.backends import naive
from tests.backends.running import assert_all_close, random_values, run, run_forward
from tests.strategies import LAW, OPS, partitions


@pytest.mark.parametrize("kind", KERNEL_OPS, ids=lambda kind: kind.kind)
def test_forward_is_its_definition(kind: type[Op]) -> None:
    """The forward pass (or update) of a random op is what its definition says, scalar by scalar."""
    backend = backends.get("numpy")

    @LAW
    @given(op=OPS[kind], seed=st.integers(0, 99))
    def law(op: Op, seed: int) -> None:
        values = random_values(op, seed)
        written = run_forward(backend, op, values)
        assert_all_close(written, naive.forward(op, values), 1e-12)

    law()


@pytest.mark.parametrize("kind", KERNEL_OPS, ids=lambda kind: kind.kind)
def test_forward_of_a_slice_is_its_definition(kind: type[Op]) -> None:
    """The same of a local op, with its own paddings, groups and channels held around."""
    backend = backends.get("numpy")

    @LAW
    @given(data=st.data(), seed=st.integers(0, 99))
    def law(data: st.DataObject, seed: int) -> None:
        op = data.draw(OPS[kind])
        part = op.local(data.draw(st.sampled_from(data.draw(partitions(op)))))
        values = random_values(part, seed)
        written = run_forward(backend, part, values)
        assert_all_close(written, naive.forward(part, values), 1e-12)

    law()


def test_gradient_of_max_pooling_goes_to_the_first_of_equals() -> None:
    """Each window's gradient is added at its first largest element in row-major order."""
    backend = backends.get("numpy")

    @LAW
    @given(op=OPS[MaxPooling], seed=st.integers(0, 99))
    def law(op: Pooling, seed: int) -> None:
        values = random_values(op, seed)
        x = values["input"] = np.round(values["input"])
        expected = np.zeros_like(x)
        for n, c, i, j in np.ndindex(*values["output.grad"].shape):
            window = [
                (x[n, c, row, column], -row, -column)
                for row in range(op.in_height)
                for column in range(op.in_width)
                if 0 <= row + op.padding[0][0] - i * op.stride[0] < op.kernel[0]
                and 0 <= column + op.padding[1][0] - j * op.stride[1] < op.kernel[1]
            ]
            _, row, column = max(window)
            expected[n, c, -row, -column] += values["output.grad"][n, c, i, j]
        assert_all_close(
            {"input.grad": run(backend, op, values)["input.grad"]}, {"input.grad": expected}, 1e-12
        )

    law()


def test_softmax_does_not_overflow() -> None:
    """Logits of a thousand give finite probabilities, and the loss is their difference."""
    op = SoftmaxCrossEntropy(2, 3, 2)
    values = {
        "input": np.array([[1000.0, 0.0, -1000.0], [1000.0, 0.0, -1000.0]]),
        "label": np.array([0, 2], np.int32),
    }
    written = run(backends.get("numpy"), op, values)
    np.testing.assert_array_equal(written["output"], [0, 2000])
    np.testing.assert_array_equal(written["probability"], [[1, 0, 0], [1, 0, 0]])
    np.testing.assert_array_equal(written["input.grad"], [[0, 0, 0], [0.5, 0, -0.5]])


def test_sigmoid_does_not_overflow() -> None:
    """Far from zero the sigmoid is 0 or 1, without a warning."""
    values = {"input": np.array([[-1e4, 1e4]]), "output.grad": np.ones((1, 2))}
    written = run(backends.get("numpy"), Sigmoid((1, 2)), values)
    np.testing.assert_array_equal(written["output"], [[0, 1]])
    np.testing.assert_array_equal(written["input.grad"], [[0, 0]])


def test_relu_has_no_gradient_at_zero() -> None:
    """Where the output is 0 the gradient is 0, as in PyTorch."""
    values = {"input": np.array([[-1.0, 0.0, 2.0]]), "output.grad": np.full((1, 3), 5.0)}
    written = run(backends.get("numpy"), Relu((1, 3)), values)
    np.testing.assert_array_equal(written["input.grad"], [[0, 0, 5]])
