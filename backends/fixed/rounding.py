"""From exact values to a format: rounded, kept in range, counted.

Rounding to *nearest* takes halves up, as adding half a step and shifting right does; *truncating* is
the shift alone, towards minus infinity; *stochastic* adds a random 16-bit fraction of a step before
the shift (Gupta et al. 2015, arXiv 1502.02551), so that the mean is right. A value beyond the format
becomes its end (*saturate*) or loses its high bits (*wrap*).

Wide accumulators, formats of 64 bits, are never rounded: they keep every bit of the products that
are added, so that a sum is the same in whatever order and parts it is made.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from backends.fixed.draws import DRAW_BITS, draws
from backends.fixed.statistics import Statistics
from dataflow.backend import Array, Site
from dataflow.errors import BackendError, NumericError
from dataflow.numbers.number import ACCUMULATOR_BITS, FixedPoint, fixed_point

EXACT_BITS = 53
"""Integers of this many bits are exact in float64."""


class Limits(NamedTuple):
    """A format, ready for use: its fraction bits, steps in 1, the size of a step, its ends in steps."""

    fraction: int
    scale: float
    step: float
    least: int
    most: int
    wide: bool


@lru_cache
def format_named(dtype: str) -> FixedPoint:
    """The fixed-point format of this name. Raises BackendError when it is none."""
    found = fixed_point(dtype)
    if found is None:
        raise BackendError(
            f"backend 'fixed' computes in fixed point alone, not in {dtype}; choose a format such as q8.8, "
            "or another backend, such as 'numpy'"
        )
    return found


@lru_cache
def limits_of(dtype: str) -> Limits:
    """A format of this name, ready for use."""
    found = format_named(dtype)
    half = 1 << (found.bits - 1)
    wide = found.bits == ACCUMULATOR_BITS
    return Limits(found.fraction_bits, 1 / found.step, found.step, -half, half - 1, wide)


class Rounder:
    """Writes exact values into arrays in their formats, and counts what that does to them.

    Exact values are float64 arrays of the real numbers (``fraction`` None) or int64 arrays of whole
    multiples of 2**-fraction. An array of exact values may be overwritten.
    """

    def __init__(self) -> None:
        self.statistics = Statistics()

    def put(
        self, site: Site, operand: str, target: Array, values: Array, fraction: int | None = None
    ) -> None:
        """Fills an operand's array, ``target``, with exact values of its shape."""
        limits = limits_of(site.dtypes[operand])
        if limits.wide:
            _put_wide(site, operand, target, values, fraction)
            return
        rounded = self._rounded(site, operand, values, fraction, limits)
        beyond = _keep_in_range(rounded, limits, wrap=site.arithmetic.overflow == "wrap")
        self.statistics.count(site.tensors[operand], rounded.size, beyond)
        np.multiply(rounded, limits.step, out=target)

    def move(self, site: Site, source: str, operand: str, target: Array, values: Array) -> None:
        """The same for values that are of another operand's format, which may be this one's too."""
        if site.dtypes[source] != site.dtypes[operand]:
            self.put(site, operand, target, values)
            return
        self.statistics.count(site.tensors[operand], values.size, 0)
        np.copyto(target, values)

    def rounded_like(self, site: Site, operand: str, values: Array, fraction: int | None) -> Array:
        """Exact values of an operand's shape as real numbers in its format, without being written."""
        limits = limits_of(site.dtypes[operand])
        rounded = self._rounded(site, operand, values, fraction, limits)
        _keep_in_range(rounded, limits, wrap=site.arithmetic.overflow == "wrap")
        return rounded * limits.step

    def fill(self, array: Array, values: Array | float, dtype: str, tensor: str) -> None:
        """Fills an array with given real numbers, to nearest and saturated: a host prepares them."""
        limits = limits_of(dtype)
        steps = np.floor(np.multiply(values, limits.scale, dtype=np.float64) + 0.5)
        beyond = np.count_nonzero((steps > limits.most) | (steps < limits.least))
        self.statistics.count(tensor, array.size, int(beyond))
        array[...] = np.clip(steps, limits.least, limits.most) * limits.step

    @staticmethod
    def _rounded(site: Site, operand: str, values: Array, fraction: int | None, limits: Limits) -> Array:
        """Whole steps of a format, not yet in its range."""
        rounding = site.arithmetic.rounding
        if fraction is not None:
            return _shifted(site, operand, values, fraction - limits.fraction)
        np.multiply(values, limits.scale, out=values)
        if rounding == "nearest":
            np.add(values, 0.5, out=values)
        elif rounding == "stochastic":
            np.add(values, _drawn(site, operand) * 2.0**-DRAW_BITS, out=values)
        return np.floor(values, out=values)


def _shifted(site: Site, operand: str, values: Array, shift: int) -> Array:
    """Multiples of 2**-(fraction + shift) as multiples of 2**-fraction."""
    rounded: Array
    if shift <= 0:
        # Kept below 2**62 when shifted, which is beyond every format; wrapping needs the low bits alone.
        bound = 1 << (62 + shift)
        kept = values if site.arithmetic.overflow == "wrap" else np.clip(values, -bound, bound)
        return np.left_shift(kept, -shift)
    match site.arithmetic.rounding:
        case "nearest":
            rounded = ((values >> (shift - 1)) + 1) >> 1
        case "truncate":
            rounded = values >> shift
        case "stochastic":
            drawn = _drawn(site, operand).astype(np.int64)
            if shift >= DRAW_BITS:
                rounded = ((values >> (shift - DRAW_BITS)) + drawn) >> DRAW_BITS
            else:
                rounded = (values + (drawn >> (DRAW_BITS - shift))) >> shift
    return rounded


def _drawn(site: Site, operand: str) -> Array:
    region, shape = site.regions[operand], site.shapes[operand]
    return draws(site.seed, site.step, site.tensors[operand], region, shape)


def _keep_in_range(steps: Array, limits: Limits, *, wrap: bool) -> int:
    """Brings whole steps into the range of a format, and counts those that were beyond."""
    if (
        np.maximum.reduce(steps, axis=None) <= limits.most
        and np.minimum.reduce(steps, axis=None) >= limits.least
    ):
        return 0
    beyond = int(np.count_nonzero((steps > limits.most) | (steps < limits.least)))
    if wrap:
        np.subtract(steps, limits.least, out=steps)
        np.remainder(steps, limits.most - limits.least + 1, out=steps)
        np.add(steps, limits.least, out=steps)
    else:
        np.clip(steps, limits.least, limits.most, out=steps)
    return beyond


def _put_wide(site: Site, operand: str, target: Array, values: Array, fraction: int | None) -> None:
    """Keeps all bits. Raises NumericError for more than float64 has."""
    exact = fraction is None and format_named(site.dtype).bits <= 16
    if not exact:
        nominal = limits_of(site.dtypes[operand]).fraction if fraction is None else fraction
        largest = float(np.abs(values).max(initial=0)) * (2.0**nominal if fraction is None else 1.0)
        if largest >= 2.0**EXACT_BITS:
            raise NumericError(
                f"tensor {site.tensors[operand]!r}, a part of a sum written by {site.task!r} in step "
                f"{site.step}, needs more than the {EXACT_BITS} bits that are exact here; "
                "a narrower format than "
                f"{site.dtype} or a plan that does not split this sum keeps it in range"
            )
    if fraction is None:
        np.copyto(target, values)
    else:
        np.multiply(values, 2.0**-fraction, out=target)
