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
    POWER_FRACTION,
    POWERS,
    RECIPROCALS,
    constant,
    cut,
    divide,
    exponents,
    logarithm,
    power_of_two,
    reciprocal,
    times_reciprocal,
)
from tests.backends.fixed_integers import logarithm as modelled_logarithm
from tests.backends.fixed_integers import power_of_two as modelled_power
from tests.backends.fixed_integers import reciprocal as modelled_reciprocal


@pytest.mark.parametrize(("by", "low", "high"), [("shift", -(2**-20), 0.0615), ("table", -(2**-16), 2**-16)])
def test_powers_are_as_near_as_told(by: Literal["shift", "table"], low: float, high: float) -> None:
    """Between 1/2 and 1 a shift is at most 6.15 % too large, a table off by 2**-16; 2**0 is 1.

    Of the table 0.5 x 2**-16 is that of its entries; lines bend away from powers of two by an eighth of
    (ln 2 / 256)**2 = 2**-20, and the shift right cuts as much.
    """
    exponent = np.arange(-ONE, 1)
    exact = np.exp2(exponent / ONE)
    error = (power_of_two(exponent, by) / 2**POWER_FRACTION - exact) / exact
    assert error.min() >= low
    assert error.max() <= high
    assert power_of_two(np.array([0]), by)[0] == 1 << POWER_FRACTION


@pytest.mark.parametrize("by", ["shift", "table"])
def test_powers_never_fall(by: Literal["shift", "table"]) -> None:
    """A larger exponent has no smaller power, and far below it is 0."""
    powers = power_of_two(np.arange(-22 * ONE, 1, 7), by)
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
    """What a core has to keep; the last line ends, or the first of reciprocals begins, at 1, not stored."""
    assert [len(table) - 1 for table in (POWERS, LOGARITHMS, RECIPROCALS)] == [256, 256, 256]
    assert max(POWERS[:-1].max(), LOGARITHMS[:-1].max(), RECIPROCALS[1:].max()) < 1 << 16
    assert POWERS[-1] == LOGARITHMS[-1] == RECIPROCALS[0] == ONE


def test_natural_exponents_are_powers_of_two() -> None:
    """e**-1 = 2**-1.442695; differences beyond -64 are -64, and base 2 changes nothing."""
    given = cut(np.array([0.0, -1.0, -100.0]))
    assert list(exponents(given, 2)) == [0, -ONE, -64 * ONE]
    assert list(exponents(given, "e")) == [0, -LOG2_E, -64 * LOG2_E]
    assert pytest.approx(np.log2(np.e), abs=2**-17) == LOG2_E / ONE
    assert pytest.approx(np.log(2), abs=2**-17) == LN_2 / ONE


def test_quotients_are_rounded_down() -> None:
    """7/3 in 4 fraction bits is 37/16, and -7/3 is -38/16."""
    assert list(divide(np.array([7, -7]), 3, 4)) == [37, -38]


def _to_be_divided_by() -> np.ndarray:
    """Small numbers, powers of two, and others of up to 31 bits."""
    drawn = np.random.default_rng(0).integers(1, 1 << 31, 5000)
    return np.concatenate([np.arange(1, 3000), 1 << np.arange(31), (1 << 31) - 1 - np.arange(5), drawn])


def test_reciprocals_are_as_near_as_told() -> None:
    """Never too large, too small by less than 2**-27 of it; of powers of two exact."""
    values = _to_be_divided_by()
    factor, place = reciprocal(values)
    for value, top, down in zip(values.tolist(), factor.tolist(), place.tolist(), strict=True):
        missing = 1 - Fraction(top * value, 1 << (30 + down))
        assert 0 <= missing < Fraction(1, 1 << 27)
        assert missing == 0 or value & (value - 1)


def test_reciprocals_are_those_of_python_integers() -> None:
    """Bit for bit."""
    values = _to_be_divided_by()
    factor, place = reciprocal(values)
    expected = [modelled_reciprocal(int(value)) for value in values]
    assert list(zip(factor.tolist(), place.tolist(), strict=True)) == expected


def test_quotients_by_reciprocals_are_rounded_down_too() -> None:
    """Of powers and their sum in 16 bits the quotient or one less; of a power that is the sum exactly 1."""
    rng = np.random.default_rng(0)
    total = rng.integers(1 << 20, 1 << 31, 5000)
    powers = rng.integers(0, 1 << 20, 5000)
    less = divide(powers, total, 16) - times_reciprocal(powers, reciprocal(total), 16)
    assert set(np.unique(less)) <= {0, 1}
    one = np.array([1 << 20])
    assert times_reciprocal(one, reciprocal(one), 32) == 1 << 32


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
