"""Every backend that computes, against the golden tensors that PyTorch made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import backends
from dataflow.backend import Backend, Site
from dataflow.ops import KERNEL_OPS
from tests.backends.cases import CASES
from tests.backends.running import Values, assert_all_close, run

GOLDEN = Path(__file__).parent / "golden"
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}

COMPUTING = [
    name
    for name in backends.names()
    if backends.get(name).computes and backends.get(name).supports("float64")
]


def golden(case: str, dtype: str) -> tuple[Values, Values]:
    """What the case reads, in this dtype, and what PyTorch wrote for it in float64."""
    with np.load(GOLDEN / f"{case}.npz") as entries:
        reads = {name[5:]: entries[name] for name in entries if name.startswith("read:")}
        written = {name[8:]: entries[name] for name in entries if name.startswith("written:")}
    converted = {name: a.astype(dtype) if a.dtype.kind == "f" else a for name, a in reads.items()}
    return converted, written


def backend_for(name: str, dtype: str) -> Backend:
    """The backend of this name; skips the test when it does not compute in ``dtype``."""
    backend = backends.get(name)
    if not backend.supports(dtype):
        pytest.skip(f"{name} does not compute in {dtype}")
    return backend


def test_cases_are_of_every_kind() -> None:
    """Each op that a backend must have a kernel for has a case, and nothing else has."""
    assert {type(op) for op in CASES.values()} == set(KERNEL_OPS)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", COMPUTING)
def test_every_pass_gives_the_golden_tensors(name: str, case: str, dtype: str) -> None:
    """All that every pass writes is what PyTorch wrote, in shape and value."""
    reads, expected = golden(case, dtype)
    written = run(backend_for(name, dtype), CASES[case], reads)
    assert_all_close(written, expected, TOLERANCE[dtype])


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", COMPUTING)
def test_operands_are_only_read(name: str, case: str) -> None:
    """No pass changes what it reads."""
    reads, _ = golden(case, "float64")
    before = {key: array.copy() for key, array in reads.items()}
    run(backend_for(name, "float64"), CASES[case], reads)
    for key, array in before.items():
        np.testing.assert_array_equal(reads[key], array)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("name", COMPUTING)
def test_a_second_run_gives_the_same_bits(name: str, case: str) -> None:
    """What a pass writes does not depend on what the backend computed before."""
    reads, _ = golden(case, "float32")
    backend = backend_for(name, "float32")
    first = run(backend, CASES[case], reads)
    for other in CASES:
        run(backend, CASES[other], golden(other, "float32")[0])
    second = run(backend, CASES[case], reads)
    for key, array in first.items():
        np.testing.assert_array_equal(second[key], array)


@pytest.mark.parametrize("name", COMPUTING)
def test_accumulate_adds_each_array_to_its_slices(name: str) -> None:
    """The total is the sum of the addends where they are, and zero elsewhere."""
    backend = backend_for(name, "float64")
    total = backend.empty(("batch", "channel"), (3, 4), np.dtype("float64"))
    total.fill(np.nan)
    a, b = np.arange(6.0).reshape(2, 3), np.full((1, 4), 10.0)
    backend.accumulate(total, [((slice(0, 2), slice(1, 4)), a), ((slice(1, 2), slice(0, 4)), b)], Site())
    np.testing.assert_array_equal(total, [[0, 0, 1, 2], [10, 13, 14, 15], [0, 0, 0, 0]])


@pytest.mark.parametrize("name", COMPUTING)
def test_accumulate_adds_in_the_order_given(name: str) -> None:
    """Of large, small and minus large the small one is lost; in another order it is not."""
    backend = backend_for(name, "float64")
    total = backend.empty(("channel",), (1,), np.dtype("float64"))
    whole = (slice(0, 1),)
    large, little = np.array([1e20]), np.array([1.0])
    backend.accumulate(total, [(whole, large), (whole, little), (whole, -large)], Site())
    assert total[0] == 0
    backend.accumulate(total, [(whole, large), (whole, -large), (whole, little)], Site())
    assert total[0] == 1


@pytest.mark.parametrize("name", COMPUTING)
def test_accumulate_of_nothing_is_zero(name: str) -> None:
    """Without addends every element becomes 0."""
    backend = backend_for(name, "float64")
    total = backend.empty(("channel",), (3,), np.dtype("float64"))
    backend.accumulate(total, [], Site())
    np.testing.assert_array_equal(total, np.zeros(3))
