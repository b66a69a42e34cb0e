"""Kernels are right whatever the memory order of their arrays, and however they cut their work."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import backends
from backends.numpy_backend import convolution, layout, normalization
from dataflow.backend import Array
from dataflow.ops import Operand
from tests.backends.cases import CASES
from tests.backends.running import assert_all_close, random_values, run

Dtype = np.dtype[np.generic]


def reversed_axes(shape: tuple[int, ...], dtype: Dtype) -> Array:
    """Memory order opposite to the logical one."""
    return np.empty(shape[::-1], dtype).transpose()


def row_major(shape: tuple[int, ...], dtype: Dtype) -> Array:
    """NumPy's own memory order: channels before rows and columns."""
    return np.empty(shape, dtype)


def gaps_everywhere(shape: tuple[int, ...], dtype: Dtype) -> Array:
    """Every other element of an array twice as large in each direction."""
    return np.empty(tuple(2 * n for n in shape), dtype)[tuple(slice(1, None, 2) for _ in shape)]


def backwards(shape: tuple[int, ...], dtype: Dtype) -> Array:
    """Negative strides."""
    return np.empty(shape, dtype)[tuple(slice(None, None, -1) for _ in shape)]


def channels_of_more(shape: tuple[int, ...], dtype: Dtype) -> Array:
    """Some channels of an array whose channels are last in memory."""
    if len(shape) == 1:
        return np.empty(shape[0] + 3, dtype)[1:-2]
    wide = (shape[0], *shape[2:], shape[1] + 3)
    return np.empty(wide, dtype)[..., 1:-2].transpose(0, len(shape) - 1, *range(1, len(shape) - 1))


ORDERS: list[Callable[[tuple[int, ...], Dtype], Array]] = [
    reversed_axes,
    row_major,
    gaps_everywhere,
    backwards,
    channels_of_more,
]


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("case", CASES)
def test_any_memory_order_gives_the_same_values(
    case: str, order: Callable[[tuple[int, ...], Dtype], Array]
) -> None:
    """Reads, writes or both in another memory order give what the backend's own order gives."""
    op, backend = CASES[case], backends.get("numpy")
    values = random_values(op, seed=11)
    expected = run(backend, op, values)
    others = {name: order(array.shape, array.dtype) for name, array in values.items()}
    for name, array in others.items():
        array[...] = values[name]

    def make(operand: Operand, dtype: Dtype) -> Array:
        return order(operand.shape, dtype)

    assert_all_close(run(backend, op, others), expected, 1e-12)
    assert_all_close(run(backend, op, values, make), expected, 1e-12)
    assert_all_close(run(backend, op, others, make), expected, 1e-12)


@pytest.mark.parametrize("case", ["momentum_sgd", "relu", "sigmoid", "dropout_inverted"])
def test_each_array_may_have_an_order_of_its_own(case: str) -> None:
    """Elementwise work on arrays that share no memory order gives the same values."""
    op, backend = CASES[case], backends.get("numpy")
    values = random_values(op, seed=12)
    expected = run(backend, op, values)
    mixed = {}
    for order, (name, array) in zip(ORDERS, values.items(), strict=False):
        mixed[name] = order(array.shape, array.dtype)
        mixed[name][...] = array
    assert_all_close(run(backend, op, mixed), expected, 1e-12)


@pytest.mark.parametrize("case", CASES)
def test_work_cut_small_gives_the_same_values(case: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is done a few rows, images or elements at a time, the last time fewer, is done to all.

    Five elements are less than a row of any normalisation; 2000 bytes hold the columns of
    one image or of several, depending on the convolution.
    """
    op, backend = CASES[case], backends.get("numpy")
    values = random_values(op, seed=13)
    expected = run(backend, op, values)
    for elements, size in ((5, 1), (64, 2000)):
        monkeypatch.setattr(layout, "BLOCK_ELEMENTS", elements)
        monkeypatch.setattr(normalization, "PART_ELEMENTS", elements)
        monkeypatch.setattr(convolution, "COLUMN_BYTES", size)
        assert_all_close(run(backend, op, values), expected, 1e-12)
