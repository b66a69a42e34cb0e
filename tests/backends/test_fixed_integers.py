"""The integer backend against Python's integers: bit for bit, for every op, format and rounding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import backends
from backends.fixed import KERNELS
from dataflow.backend import Array, Site
from dataflow.numbers.arithmetic import Arithmetic
from dataflow.numbers.integers import INSTEAD_OF
from dataflow.numbers.number import FixedPoint, fixed_point
from dataflow.ops import KERNEL_OPS, Op, Pass, Role, gradient_of
from dataflow.region import Region
from tests.backends.cases import CASES
from tests.backends.fixed_integers import MODELLED, compute
from tests.backends.fixed_machine import Integers, Machine
from tests.strategies import OPS

FORMATS = ("q8.8", "q4.4", "q4.12", "q16.16", "q2.6", "q8.0", "q1.15", "q12.12", "q3.29")

arithmetics = st.builds(
    Arithmetic,
    rounding=st.sampled_from(("nearest", "truncate", "stochastic")),
    overflow=st.sampled_from(("saturate", "wrap")),
)


@dataclass(frozen=True)
class Formats:
    """The format of a computation, and of some operands another."""

    own: str
    others: dict[int, str]

    def of(self, number: int) -> str:
        """The format of the operand of this number."""
        return self.others.get(number, self.own)


formats = st.builds(
    Formats,
    st.sampled_from(FORMATS),
    st.one_of(st.just({}), st.dictionaries(st.integers(0, 6), st.sampled_from(FORMATS), max_size=3)),
)


def drawn(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> Integers:
    """Steps of a format: small ones, so that sums stay in range, or any, ends included."""
    own = fixed_point(dtype)
    assert own is not None
    bits = int(rng.integers(2, own.bits + 1))
    half = 1 << (bits - 1)
    found = rng.integers(-half, half, shape).astype(object)
    if rng.random() < 0.2:
        found[...] = (1 << (own.bits - 1)) - 1 if rng.random() < 0.5 else -(1 << (own.bits - 1))
    return found


class Bench:
    """One op with random operands, on the backend and on the model."""

    def __init__(self, op: Op, arithmetic: Arithmetic, given: Formats, seed: int) -> None:
        self.op, self.arithmetic = op, arithmetic
        self.rng = np.random.default_rng(seed)
        self.known: dict[str, Integers] = {}
        self.dtypes: dict[str, str] = {}
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.own = given.own
        self.backend = backends.get("fixed")
        for number, operand in enumerate(op.operands):
            for name in (operand.name, gradient_of(operand.name)):
                self.shapes[name] = operand.shape
                self.dtypes[name] = operand.dtype or given.of(number)
            if operand.dtype is not None:
                self.known[operand.name] = self.rng.integers(
                    0, getattr(op, "classes", 2), operand.shape
                ).astype(object)
            elif operand.role in (Role.INPUT, Role.PARAMETER):
                self.known[operand.name] = drawn(self.rng, operand.shape, self.dtypes[operand.name])
            elif operand.role is Role.OUTPUT:
                name = gradient_of(operand.name)
                self.known[name] = drawn(self.rng, operand.shape, self.dtypes[name])

    def modelled(self, direction: Pass) -> dict[str, Integers]:
        """What the model writes, in steps."""
        own = fixed_point(self.own)
        assert own is not None
        known = {name: self._format(dtype) for name, dtype in self.dtypes.items()}
        machine = Machine(self.arithmetic, known, own, seed=3, step=5)
        return compute(self.op, direction, {name: self.known[name] for name in direction.reads}, machine)

    @staticmethod
    def _format(dtype: str) -> FixedPoint:
        return fixed_point(dtype) or FixedPoint(32, 0)

    def computed(self, direction: Pass) -> dict[str, Array]:
        """What the backend writes, as real numbers."""
        names = (*direction.reads, *direction.writes)
        site = Site(
            step=5,
            task="task",
            seed=3,
            dtype=self.own,
            arithmetic=self.arithmetic,
            tensors={name: name for name in names},
            dtypes=self.dtypes,
            regions={name: Region.whole(self.shapes[name]) for name in names},
            shapes=self.shapes,
        )
        reads = {name: self.real(name, self.known[name]) for name in direction.reads}
        writes = {name: self.real(name, np.zeros(self.shapes[name], object)) for name in direction.writes}
        self.backend.compute(self.op, direction, reads, writes, site)
        for name, array in reads.items():
            np.testing.assert_array_equal(array, self.real(name, self.known[name]))
        return writes

    def real(self, name: str, steps: Integers) -> Array:
        """Steps of an operand's format as the array that a backend has of them."""
        own = fixed_point(self.dtypes[name])
        if own is None:
            return steps.astype(self.dtypes[name])
        return steps.astype(np.float64) * own.step


def test_every_kernel_has_a_model() -> None:
    """What the backend computes the model computes too."""
    kinds = {op.kind for op in MODELLED}
    assert {kind for kind, _ in KERNELS} == kinds


def test_integers_compute_what_cores_say_that_they_do() -> None:
    """Every pass of each kind of op, but of those of which is said what to use instead."""
    passes = {(op.kind, each.name) for op in CASES.values() for each in op.passes}
    assert {key for key in passes if key[0] not in INSTEAD_OF} == set(KERNELS)
    assert {op.kind for op in KERNEL_OPS} == INSTEAD_OF.keys() | {kind for kind, _ in KERNELS}


@pytest.mark.parametrize("kind", MODELLED, ids=lambda kind: kind.__name__)
def test_every_pass_is_that_of_integers_bit_for_bit(kind: type[Op]) -> None:
    """All passes write exactly what Python's integers give, whatever the formats and the arithmetic."""

    @settings(derandomize=True, deadline=None, max_examples=60, database=None)
    @given(op=OPS[kind], arithmetic=arithmetics, given_formats=formats, seed=st.integers(0, 10**6))
    def equal(op: Op, arithmetic: Arithmetic, given_formats: Formats, seed: int) -> None:
        bench = Bench(op, arithmetic, given_formats, seed)
        for direction in op.passes:
            expected, written = bench.modelled(direction), bench.computed(direction)
            assert written.keys() == expected.keys()
            for name, steps in expected.items():
                np.testing.assert_array_equal(written[name], bench.real(name, steps), err_msg=name)
                bench.known[name] = steps

    equal()
