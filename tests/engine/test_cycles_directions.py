"""More threads, nearer memories and more cores change the time of a task as they should."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow.bank import Bank
from dataflow.ops import FullyConnected
from tests.engine.cores import CLS, CTM, EMEM, LOCAL, core, work

LAYER = FullyConnected(batch=1, features=(32,), channels=64, bias=False)
EXACT = settings(derandomize=True, deadline=None, database=None)


def time_ps(bank: Bank, threads: int = 8, position: float = 0.5) -> int:
    """Of a layer whose weights, of 4 KiB, are in a bank."""
    return core(threads).cost(work(LAYER, "forward", {"weight": bank}), position).time_ps


def test_nearer_weights_are_faster() -> None:
    """With one thread, which hides nothing: local memory, CLS, CTM, EMEM."""
    times = [time_ps(bank, threads=1) for bank in (LOCAL, CLS, CTM, EMEM)]
    assert times == sorted(set(times))


def test_weights_in_dram_are_slower_with_all_threads_too() -> None:
    """Latency is hidden, the spacing of reads is not: 64 bursts of 28 cycles."""
    assert time_ps(EMEM) == time_ps(LOCAL) + 64 * 28_000


@EXACT
@given(threads=st.integers(1, 16), position=st.floats(0, 1))
def test_one_more_thread_never_hurts(threads: int, position: float) -> None:
    """Down to what the core itself has to issue."""
    assert time_ps(EMEM, threads + 1, position) <= time_ps(EMEM, threads, position)


@EXACT
@given(low=st.floats(0, 1), high=st.floats(0, 1))
def test_longer_latencies_never_help(low: float, high: float) -> None:
    """Whatever is drawn from the published ranges."""
    low, high = sorted((low, high))
    assert time_ps(EMEM, 2, low) <= time_ps(EMEM, 2, high)


@pytest.mark.parametrize("itemsize", [1, 2, 4])
def test_wider_operands_take_longer(itemsize: int) -> None:
    """To multiply, and to read."""
    narrow = core().cost(work(LAYER, "forward", {"weight": EMEM}, itemsize)).time_ps
    wide = core().cost(work(LAYER, "forward", {"weight": EMEM}, 2 * itemsize)).time_ps
    assert narrow < wide
