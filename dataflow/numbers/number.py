"""Number formats: how wide an element is in a simulated memory, and what array holds it here.

A dtype is the name of a format: ``float32``, ``int32``, or a fixed-point format such as ``q8.8``.
Fixed-point values are kept as the real numbers that they stand for, integers times a power of two, in
arrays of float64, which is exact up to 53 bits.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from dataflow.errors import OptionError

_PATTERN = re.compile(r"q(\d{1,2})\.(\d{1,2})")
LEAST_BITS, MOST_BITS, ACCUMULATOR_BITS = 4, 32, 64


@dataclass(frozen=True)
class FixedPoint:
    """Two's complement fixed point: ``integer_bits`` (the sign among them) before the binary point.

    ``q8.8`` has 16 bits, steps of 2**-8 and values from -128 to 128 - 2**-8.
    """

    integer_bits: int
    fraction_bits: int

    @property
    def bits(self) -> int:
        """The bits of an element."""
        return self.integer_bits + self.fraction_bits

    @property
    def step(self) -> float:
        """The difference between two neighbouring values."""
        return 2.0**-self.fraction_bits

    @property
    def least(self) -> float:
        """The smallest value."""
        return -(2.0 ** (self.integer_bits - 1))

    @property
    def most(self) -> float:
        """The largest value."""
        return 2.0 ** (self.integer_bits - 1) - self.step

    @property
    def accumulator(self) -> FixedPoint:
        """The wide format in which products of two such numbers are added: 64 bits, of products exact."""
        return FixedPoint(ACCUMULATOR_BITS - 2 * self.fraction_bits, 2 * self.fraction_bits)

    def __str__(self) -> str:
        return f"q{self.integer_bits}.{self.fraction_bits}"


@lru_cache
def fixed_point(dtype: str) -> FixedPoint | None:
    """The fixed-point format a dtype names, None when it names another. Raises OptionError for a bad one."""
    match = _PATTERN.fullmatch(dtype)
    if match is None:
        return None
    format_ = FixedPoint(int(match[1]), int(match[2]))
    if format_.integer_bits < 1 or not (
        LEAST_BITS <= format_.bits <= MOST_BITS or format_.bits == ACCUMULATOR_BITS
    ):
        raise OptionError(
            f"number format {dtype!r} has {format_.bits} bits; it needs 1 before the point at least, and "
            f"{LEAST_BITS} to {MOST_BITS} in all, such as q8.8"
        )
    return format_


@lru_cache
def element_bytes(dtype: str) -> int:
    """Bytes of one element in a simulated memory: whole bytes, a power of two of them."""
    format_ = fixed_point(dtype)
    if format_ is None:
        return np.dtype(dtype).itemsize
    return next(size for size in (1, 2, 4, 8) if 8 * size >= format_.bits)


@lru_cache
def array_dtype(dtype: str) -> np.dtype[Any]:
    """The dtype of the NumPy arrays that hold such values here."""
    return np.dtype("float64" if fixed_point(dtype) is not None else dtype)


def partial_dtype(dtype: str) -> str:
    """The dtype of a part of a sum that will be rounded to another: the wide accumulator of fixed point."""
    format_ = fixed_point(dtype)
    return dtype if format_ is None or format_.bits == ACCUMULATOR_BITS else str(format_.accumulator)
