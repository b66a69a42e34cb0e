"""The reference backend against PyTorch, on random ops."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import backends
from dataflow.ops import KERNEL_OPS, MaxPooling, Op
from tests.backends.running import assert_all_close, random_values, run
from tests.strategies import LAW, OPS

TOLERANCE = {"float64": 1e-10, "float32": 1e-4}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", KERNEL_OPS, ids=lambda kind: kind.kind)
def test_every_pass_agrees_with_torch(kind: type[Op], dtype: str) -> None:
    """All that every pass of a random op writes is what PyTorch computes, relative to the largest."""
    pytest.importorskip("torch")
    oracle = importlib.import_module("tests.backends.torch_oracle")
    backend = backends.get("numpy")

    @LAW
    @given(op=OPS[kind], seed=st.integers(0, 99))
    def law(op: Op, seed: int) -> None:
        values = random_values(op, seed, dtype)
        assert_all_close(run(backend, op, values), oracle.run(op, values), TOLERANCE[dtype])

    law()


def test_equal_elements_of_a_window_share_nothing() -> None:
    """Among equals PyTorch's choice, the first in row-major order, gets all of the gradient."""
    pytest.importorskip("torch")
    oracle = importlib.import_module("tests.backends.torch_oracle")
    backend = backends.get("numpy")

    @LAW
    @given(op=OPS[MaxPooling], seed=st.integers(0, 99))
    def law(op: Op, seed: int) -> None:
        values = random_values(op, seed)
        values["input"] = np.round(values["input"])  # mostly -1, 0 and 1
        assert_all_close(run(backend, op, values), oracle.run(op, values), 1e-12)

    law()
