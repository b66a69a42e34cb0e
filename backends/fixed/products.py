"""Exact matrix products of fixed-point numbers.

In one float64 product where every sum fits in its 53 bits, which products of 16 bits do up to millions
of terms; else in int64, whose 64 bits wrap around as those of an accumulator do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from backends.fixed.rounding import format_named, limits_of
from dataflow.backend import Array, Site
from dataflow.numbers.number import FixedPoint

_SPARE_BITS = 2
"""Kept free for a bias, and for half a step to round."""
_EXACT_BITS = 53 - _SPARE_BITS


class Factor(NamedTuple):
    """Real numbers and the format that they are in."""

    values: Array
    format: FixedPoint


def factor_of(site: Site, reads: Mapping[str, Array], operand: str) -> Factor:
    """An operand that is to be multiplied.

    Master weights are rounded to the format in which they are multiplied: to nearest, or cut where
    rounding truncates, and saturated.
    """
    dtype = site.dtypes[operand]
    values = reads[operand]
    if site.arithmetic.master_weights == dtype and operand in ("weight", "bias"):
        narrow = site.arithmetic.format_of(site.tensors[operand], site.dtype)
        if narrow != dtype:
            return Factor(_narrowed(values, narrow, site), format_named(narrow))
    return Factor(values, format_named(dtype))


def _narrowed(values: Array, dtype: str, site: Site) -> Array:
    limits = limits_of(dtype)
    half = 0.0 if site.arithmetic.rounding == "truncate" else 0.5
    steps = np.floor(values * limits.scale + half)
    return np.clip(steps, limits.least, limits.most) * limits.step


def multiply(a: Factor, b: Factor) -> tuple[Array, int | None]:
    """The product of two matrices: exact values and their fraction, as ``Rounder.put`` takes them."""
    terms = a.values.shape[-1]
    if a.format.bits + b.format.bits - 1 + terms.bit_length() <= _EXACT_BITS:
        return a.values @ b.values, None
    whole = integers(a) @ integers(b)
    return whole, a.format.fraction_bits + b.format.fraction_bits


def plus(total: Array, fraction: int | None, addend: Factor) -> tuple[Array, int | None]:
    """Exact values with others added to them, which their shape may repeat."""
    if fraction is None:
        total += addend.values
        return total, None
    own = addend.format.fraction_bits
    common = max(fraction, own)
    return (total << (common - fraction)) + (integers(addend) << (common - own)), common


def integers(factor: Factor) -> Array:
    """The values as whole steps of their format."""
    return np.multiply(factor.values, 1 / factor.format.step).astype(np.int64)
