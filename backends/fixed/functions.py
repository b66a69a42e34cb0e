"""What integers need functions for: powers of two, logarithms, division, constants.

Numbers are int64 arrays of multiples of 2**-16, unless it is said otherwise; a core holds each of them
in 32 bits and a product in 64. ``dataflow.cycles.routines`` counts the same operations.
"""

from __future__ import annotations

from functools import lru_cache
from math import floor, frexp, log2
from typing import Literal, NamedTuple

import numpy as np

from dataflow.backend import Array

FRACTION = 16
"""Fraction bits of exponents, logarithms, tables and their constants."""
ONE = 1 << FRACTION

POWER_FRACTION = 20
"""Fraction bits of powers, of which a sum of 2,047 fits in 31 bits."""
_MORE = POWER_FRACTION - FRACTION

TABLE_BITS = 8
"""A table has 2**8 entries, of 16 bits each."""
_ENTRIES = 1 << TABLE_BITS
_REST = FRACTION - TABLE_BITS

RECIPROCAL_FRACTION = 30
"""Fraction bits of a reciprocal, and of the number from 1 to 2 that it is taken of."""

LOG2_E = 94_548
"""log2(e) in 17 bits: 1.44269504 * 2**16, to nearest."""
LN_2 = 45_426
"""ln(2) in 16 bits: 0.69314718 * 2**16, to nearest."""

LEAST_EXPONENT = -64 * ONE
"""Exponents below this are taken for it; of -21 on the power is 0."""

MOST_FRACTION = 30
"""Fraction bits that a constant may have, so that its product with 32 bits fits in 64."""
CONSTANT_BITS = 16

POWERS = np.array([floor((2 ** (i / _ENTRIES) - 1) * ONE + 0.5) for i in range(_ENTRIES + 1)], np.int64)
"""2**f - 1 in 16 bits, by the first 8 bits of f; the last entry, 1, is no more than the next power."""
LOGARITHMS = np.array([floor(log2(1 + i / _ENTRIES) * ONE + 0.5) for i in range(_ENTRIES + 1)], np.int64)
"""log2(1 + f) in 16 bits, by the first 8 bits of f; the last entry, 1, is no more than the next power."""

RECIPROCALS = np.array([floor(ONE / (1 + i / _ENTRIES) + 0.5) for i in range(_ENTRIES + 1)], np.int64)
"""1/(1 + f) in 16 bits, by the first 8 bits of f; the first entry, 1, is one more than fits."""


def cut(differences: Array) -> Array:
    """Real numbers that are 0 or less as multiples of 2**-16, cut to these and to ``LEAST_EXPONENT``."""
    whole: Array = np.floor(np.maximum(differences * ONE, LEAST_EXPONENT)).astype(np.int64)
    return whole


def exponents(differences: Array, base: Literal["e", 2]) -> Array:
    """log2(base) times numbers that are 0 or less; the product is shifted down."""
    scaled: Array = differences if base == 2 else (differences * LOG2_E) >> FRACTION
    return scaled


def power_of_two(exponent: Array, by: Literal["shift", "table"]) -> Array:
    """2**exponent as multiples of 2**-20, for exponents of 0 or less; 2**0 is exactly 1.

    With x = n + f, n whole and 0 <= f < 1, it is 2**f shifted right by -n. ``shift`` takes 1 + f for
    2**f, too large by 6.15 % at most (Mitchell 1962); ``table`` draws lines between entries, off by less
    than 2**-16. The shift right then cuts less than 2**-20.
    """
    part = exponent & (ONE - 1)
    broken = part << _MORE if by == "shift" else _between(POWERS, part, _MORE)
    mantissa: Array = (ONE << _MORE) + broken
    power: Array = mantissa >> np.minimum(-(exponent >> FRACTION), 63)
    return power


def logarithm(values: Array) -> Array:
    """log2 of multiples of 2**-16 above 0: leading bit, and table between which lines are drawn.

    Off by less than 2**-14 for values of 17 bits or more; of wider ones only the first 17 bits count.
    """
    bits = np.frexp(values.astype(np.float64))[1].astype(np.int64) - 1  # Place of the leading bit.
    up = np.maximum(FRACTION - bits, 0)
    part = ((values << up) >> np.maximum(bits - FRACTION, 0)) & (ONE - 1)
    found: Array = ((bits - FRACTION) << FRACTION) + _between(LOGARITHMS, part, 0)
    return found


def _between(table: Array, part: Array, more: int) -> Array:
    """On the lines between a table's entries, in so many fraction bits more than those have.

    The first 8 bits of a part say which entry, the others how far from it to the next.
    """
    entry, rest = part >> _REST, part & ((1 << _REST) - 1)
    low = table[entry]
    found: Array = (low << more) + (((table[entry + 1] - low) * rest) >> (_REST - more))
    return found


def divide(numerators: Array, denominators: Array | int, fraction: int) -> Array:
    """Quotients of whole numbers, rounded down to so many fraction bits."""
    return (numerators << fraction) // denominators


class Reciprocal(NamedTuple):
    """1/n as ``factor * 2**-(30 + place)``; never more than it, and less by 2**-27 of it at most."""

    factor: Array
    place: Array


def reciprocal(values: Array) -> Reciprocal:
    """Of whole numbers from 1 to 2**31 - 1: table, line between two entries, and one Newton step.

    A value is m * 2**place with 1 <= m < 2; the line gives r, which is off 1/m by less than 2**-14 of it.
    Newton's step to r * (2 - m * r) squares that; its products, of 32 bits each, are shifted down to 30
    fraction bits.
    """
    place = np.frexp(values.astype(np.float64))[1].astype(np.int64) - 1
    normal = values << (RECIPROCAL_FRACTION - place)
    part = (normal >> (RECIPROCAL_FRACTION - FRACTION)) & (ONE - 1)
    near = _between(RECIPROCALS, part, 0)
    left = ((2 << (RECIPROCAL_FRACTION + FRACTION)) - normal * near) >> FRACTION
    return Reciprocal((near * left) >> FRACTION, place)


def times_reciprocal(numerators: Array, of: Reciprocal, fraction: int) -> Array:
    """Quotients of numbers of up to 31 bits: products of two words, shifted to so many fraction bits."""
    found: Array = (numerators * of.factor) >> (RECIPROCAL_FRACTION + of.place - fraction)
    return found


class Constant(NamedTuple):
    """A number as ``factor * 2**-fraction``: a multiplication and a shift, or for powers of two a shift."""

    factor: int
    fraction: int

    @property
    def is_shift(self) -> bool:
        """Whether nothing needs to be multiplied."""
        return self.factor == 1


@lru_cache
def constant(value: float) -> Constant:
    """The nearest constant of 16 significant bits and 30 fraction bits at most to a number of 0 or more."""
    if value == 0:
        return Constant(0, 0)
    fraction = min(max(CONSTANT_BITS - frexp(value)[1], 0), MOST_FRACTION)
    factor = floor(value * 2.0**fraction + 0.5)
    while fraction and factor and factor % 2 == 0:
        factor, fraction = factor // 2, fraction - 1
    return Constant(factor, fraction)
