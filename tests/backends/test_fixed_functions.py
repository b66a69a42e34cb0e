"""Powers, logarithms, quotients and constants of integers, beside the functions they stand for."""

from __future__ import annotations

from fractions import Fraction
from typing import Literal

import numpy as np
import pytest

from backends.fixed.functions import (
    LN_2,
    LOG2_E,
    LOGARITHMS,
    ONE,
    POWERS,
    constant,
    divide,
    exponents,
    logarithm,
    power_of_two,
)
from tests.backends.fixed_integers import logarithm as modelled_logarithm
from tests.backends.fixed_integers import power_of_two as modelled_power


@pytest.mark.parametrize(("by", "low", "high"), [("shift", 0.0, 0.0615), ("table", -0.0028, 0.0)])
def test_powers_are_as_near_as_told(by: Literal["shift", "table"], low: float, high: float) -> None:
    """Between 1/2 and 1 a shift is at most 6.15 % too large, a table 0.27 % too small; 2**0 is 1."""
    exponent = np.arange(-ONE, 1)
    exact = np.exp2(exponent / ONE)
    error = (power_of_two(exponent, by) / ONE - exact) / exact
    # Below 1 a step is 2**-16, by which the shift right may cut more.
    assert error.min() >= low - 2**-15
    assert error.max() <= high + 2**-15
    assert power_of_two(np.array([0]), by)[0] == ONE


@pytest.mark.parametrize("by", ["shift", "table"])
def test_powers_never_fall(by: Literal["shift", "table"]) -> None:
    """A larger exponent has no smaller power, and far below it is 0."""
    powers = power_of_two(np.arange(-20 * ONE, 1, 7), by)
    assert (np.diff(powers) >= 0).all()
    assert powers[0] == 0


@pytest.mark.parametrize("by", ["shift", "table"])
def test_powers_are_those_of_python_integers(by: Literal["shift", "table"]) -> None:
    """Bit for bit, over the whole range of exponents."""
    exponent = np.arange(-64 * ONE, 1, 4099)
    assert list(power_of_two(exponent, by)) == [modelled_power(int(x), by) for x in exponent]


def test_logarithms_are_as_near_as_told() -> None:
    """Off by less than 2**-14, and those of powers of two are exact."""
    values = np.concatenate([np.arange(ONE, 4 * ONE), np.array([ONE << shift for shift in range(20)])])
    error = logarithm(values) / ONE - np.log2(values / ONE)
    assert np.abs(error).max() < 2**-14
    assert list(logarithm(np.array([ONE, 2 * ONE, ONE // 4]))) == [0, ONE, -2 * ONE]


def test_logarithms_are_those_of_python_integers() -> None:
    """Bit for bit."""
    values = np.random.default_rng(0).integers(1, 1 << 26, 500)
    assert list(logarithm(values)) == [modelled_logarithm(int(x)) for x in values]


def test_tables_are_of_256_entries_of_16_bits() -> None:
    """What a core has to keep; the logarithm of 2 is not stored."""
    assert (len(POWERS), len(LOGARITHMS) - 1) == (256, 256)
    assert max(POWERS.max(), LOGARITHMS[:-1].max()) < 1 << 16


def test_natural_exponents_are_powers_of_two() -> None:
    """e**-1 = 2**-1.442695; differences beyond -64 are -64, and base 2 changes nothing."""
    given = np.array([0.0, -1.0, -100.0])
    assert list(exponents(given, 2)) == [0, -ONE, -64 * ONE]
    assert list(exponents(given, "e")) == [0, -LOG2_E, -64 * LOG2_E]
    assert pytest.approx(np.log2(np.e), abs=2**-17) == LOG2_E / ONE
    assert pytest.approx(np.log(2), abs=2**-17) == LN_2 / ONE


def test_quotients_are_rounded_down() -> None:
    """7/3 in 4 fraction bits is 37/16, and -7/3 is -38/16."""
    assert list(divide(np.array([7, -7]), 3, 4)) == [37, -38]


@pytest.mark.parametrize("value", [0.1, 0.9, 1 / 12, 0.4, 3.7, 1e-3])
def test_constants_have_16_significant_bits(value: float) -> None:
    """A constant is off by half of its last bit at most, and its factor has 16 bits."""
    factor, fraction = constant(value)
    assert factor < 1 << 16
    assert abs(Fraction(factor, 2**fraction) - Fraction(value)) <= Fraction(value) / 2**16


def test_constants_of_powers_of_two_are_shifts() -> None:
    """1/8 is a shift by 3; what is below half of 2**-30 is 0."""
    assert (constant(0.125), constant(1.0), constant(4.0)) == ((1, 3), (1, 0), (4, 0))
    assert constant(0.125).is_shift
    assert constant(2.0**-32).factor == 0
