"""The pool of the reference backend: memory order, reuse, bounds."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from backends.numpy_backend.pool import Pool
from dataflow.backend import Array

FLOAT = np.dtype("float32")
LABELS = ("batch", "channel")


def lend(pool: Pool, rows: int, columns: int = 1024) -> Array:
    """An array of 4 KiB times ``rows``."""
    return pool.empty(LABELS, (rows, columns), FLOAT)


@pytest.mark.parametrize("extent", [1, 40])
@pytest.mark.parametrize(
    ("labels", "order"),
    [
        (("batch", "channel", "height", "width"), (0, 2, 3, 1)),
        (("channel", "in_channel", "kernel_height", "kernel_width"), (2, 3, 1, 0)),
        (("channel", "in_channel", "in_height", "in_width"), (2, 3, 1, 0)),
        (("channel", "in_channel"), (1, 0)),
        (("batch", "channel"), (0, 1)),
        (("channel",), (0,)),
        (("batch",), (0,)),
    ],
)
def test_channels_are_last_in_memory(labels: tuple[str, ...], order: tuple[int, ...], extent: int) -> None:
    """The logical shape is as asked for; in memory in_channel and then channel come last."""
    shape = tuple(extent + index for index in range(len(labels)))
    array = Pool().empty(labels, shape, FLOAT)
    assert array.shape == shape
    assert array.dtype == FLOAT
    assert array.transpose(order).flags.c_contiguous


def test_released_memory_is_lent_again() -> None:
    """An array of about the same size gets the memory of the one released."""
    pool = Pool()
    first = lend(pool, 100)
    address = first.ctypes.data
    pool.release(first)
    assert lend(pool, 90).ctypes.data == address


def test_much_smaller_arrays_do_not_take_large_memory() -> None:
    """Below three quarters of its size a buffer stays for a larger array."""
    pool = Pool()
    held = [lend(pool, 200)]  # so that what is kept stays within bounds
    first = lend(pool, 100)
    address = first.ctypes.data
    pool.release(first)
    held.append(lend(pool, 70))
    assert held[-1].ctypes.data != address
    assert lend(pool, 100).ctypes.data == address


def test_the_closest_size_is_chosen() -> None:
    """Of several buffers that are large enough the smallest is lent."""
    pool = Pool()
    large, close = lend(pool, 110), lend(pool, 100)
    address = close.ctypes.data
    pool.release(large)
    pool.release(close)
    assert lend(pool, 95).ctypes.data == address


def test_lent_arrays_never_overlap() -> None:
    """Arrays held at the same time share no memory, however they come and go."""
    pool, rng = Pool(), np.random.default_rng(0)
    held: list[Array] = []
    for _ in range(300):
        if held and rng.random() < 0.5:
            pool.release(held.pop(int(rng.integers(len(held)))))
        else:
            array = lend(pool, int(rng.integers(16, 40)))
            array.fill(len(held))
            assert not any(np.may_share_memory(array, other) for other in held)
            held.append(array)


def test_a_view_is_not_taken_back() -> None:
    """Releasing a view of a lent array, even one that begins at the same address, does nothing."""
    pool = Pool()
    array = lend(pool, 100)
    for view in (array[:], array[:50], array.T, array[1:]):
        pool.release(view)
    assert pool.kept_bytes == 0
    assert not np.may_share_memory(lend(pool, 100), array)


def test_strangers_are_not_taken_back() -> None:
    """Releasing an array that another made, or one too small to pool, does nothing."""
    pool = Pool()
    pool.release(np.zeros((100, 1024), FLOAT))
    pool.release(lend(Pool(), 100))
    pool.release(lend(pool, 1))
    assert pool.kept_bytes == 0


def test_an_array_is_taken_back_once() -> None:
    """A second release does nothing: two arrays lent later do not share memory."""
    pool = Pool()
    array = lend(pool, 100)
    pool.release(array)
    pool.release(array)
    first, second = lend(pool, 100), lend(pool, 100)
    assert not np.may_share_memory(first, second)


def test_a_dropped_array_is_forgotten() -> None:
    """An array that is garbage without release leaves the count, and views of it stay good."""
    pool = Pool()
    array = lend(pool, 100)
    view = array[50:]
    view.fill(3)
    del array
    gc.collect()
    assert pool.lent_bytes == 0
    lend(pool, 100).fill(0)
    assert (view == 3).all()


def test_what_is_kept_is_bounded() -> None:
    """Lent and kept together stay within five quarters of the most ever lent at once."""
    pool, rng = Pool(), np.random.default_rng(1)
    held: list[Array] = []
    peak = 0
    for _ in range(500):
        if len(held) > 8 or (held and rng.random() < 0.5):
            pool.release(held.pop(0))
        else:
            held.append(lend(pool, int(rng.integers(16, 400))))
        peak = max(peak, sum(array.nbytes for array in held))
        assert pool.lent_bytes + pool.kept_bytes <= pool.peak_lent_bytes * 5 // 4
        assert peak <= pool.peak_lent_bytes <= peak * 4 // 3


def test_large_arrays_begin_on_a_cache_line() -> None:
    """The address of a pooled array is a multiple of 64."""
    assert lend(Pool(), 100).ctypes.data % 64 == 0
