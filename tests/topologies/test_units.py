"""Texts with units: pint's own registry is the oracle, and what has no meaning is refused."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pint
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.strategies import LAW
from topologies.units import Measure

PINT: pint.UnitRegistry[Any] = pint.UnitRegistry(non_int_type=Fraction)
FLOPS = Measure("computing speed", "FLOP / second", "GFLOP/s", whole=False)
BANDWIDTH = Measure("bandwidth", "byte / second", "GB/s", whole=False)
SIZE = Measure("size", "byte", "GiB", whole=True)
TIME = Measure("time", "picosecond", "us", whole=True, zero=True, most=(10**18, "1,000,000 s"))


@pytest.mark.parametrize(
    ("measure", "text", "expected"),
    [
        (BANDWIDTH, "192.4 GB/s", 192.4e9),
        (BANDWIDTH, "6.0GB/s", 6e9),
        (BANDWIDTH, " 6 GiB/s ", 6 * 2**30),
        (BANDWIDTH, "48 Gbit/s", 6e9),
        (BANDWIDTH, "500 kB/s", 5e5),
        (FLOPS, "1581.1 GFLOP/s", 1581.1e9),
        (FLOPS, "1.5e3 GFLOP/s", 1.5e12),
        (FLOPS, ".5 PFLOP/s", 0.5e15),
        (SIZE, "3 GiB", 3_221_225_472),
        (SIZE, "64 KiB", 65_536),
        (SIZE, "3 GB", 3_000_000_000),
        (SIZE, "1.5 MiB", 1_572_864),
        (SIZE, "2 TiB", 2 * 2**40),
        (TIME, "10 us", 10_000_000),
        (TIME, "0.1 us", 100_000),
        (TIME, "3 µs", 3_000_000),
        (TIME, "3 μs", 3_000_000),
        (TIME, "2.5 ns", 2_500),
        (TIME, "7 ms", 7_000_000_000),
        (TIME, "1 ps", 1),
        (TIME, "1.5 ps", 2),
        (TIME, "0 us", 0),
        (TIME, "1000000 s", 10**18),
    ],
)
def test_texts_become_numbers(measure: Measure, text: str, expected: float) -> None:
    """Exactly, as a person would convert them; whole numbers where they are counted."""
    found = measure.read(text)
    assert found == expected
    assert isinstance(found, int) == measure.whole


@given(
    number=st.decimals(min_value="0.001", max_value=1000, places=3),
    prefix=st.sampled_from(["", "k", "M", "G", "T", "P", "Ki", "Mi", "Gi", "Ti"]),
    unit=st.sampled_from(["B", "bit"]),
)
@LAW
def test_bandwidths_agree_with_pints_own_registry(number: object, prefix: str, unit: str) -> None:
    """Its definitions of prefixes, bytes and bits are not ours."""
    oracle = PINT.Quantity(Fraction(str(number)), f"{prefix}{unit}")
    assert BANDWIDTH.read(f"{number} {prefix}{unit}/s") == float(oracle.to("byte").magnitude)


@given(number=st.integers(0, 10**6), prefix=st.sampled_from(["", "m", "u", "n", "p"]))
@LAW
def test_times_agree_with_pints_own_registry(number: int, prefix: str) -> None:
    """In whole picoseconds."""
    oracle = PINT.Quantity(Fraction(number), f"{prefix}s")
    assert TIME.read(f"{number} {prefix}s") == oracle.to("picosecond").magnitude


@pytest.mark.parametrize(
    ("measure", "value", "expected"),
    [
        (BANDWIDTH, 6, "6 has no unit; write '6 GB/s'"),
        (BANDWIDTH, 6.5, "6.5 has no unit; write '6.5 GB/s'"),
        (BANDWIDTH, "6", "6 has no unit; write '6 GB/s'"),
        (TIME, 0, "0 has no unit; write '0 us'"),
        (BANDWIDTH, "6 GiB", "'6 GiB' is not a bandwidth; write one as '6 GB/s'"),
        (BANDWIDTH, "800 MHz", "'800 MHz' is not a bandwidth; write one as '6 GB/s'"),
        (BANDWIDTH, "6 GFLOP/s", "'6 GFLOP/s' is not a bandwidth; write one as '6 GB/s'"),
        (FLOPS, "6 GB/s", "'6 GB/s' is not a computing speed; write one as '6 GFLOP/s'"),
        (SIZE, "3 us", "'3 us' is not a size; write one as '6 GiB'"),
        (TIME, "3 B/s", "'3 B/s' is not a time; write one as '6 us'"),
        (BANDWIDTH, "6 Gb/s", "'6 Gb/s': 'Gb' is no unit; a bandwidth is written as '6 GB/s'"),
        (BANDWIDTH, "6 gb/s", "'6 gb/s': 'gb' is no unit; a bandwidth is written as '6 GB/s'"),
        (BANDWIDTH, "0 GB/s", "must be more than 0, got '0 GB/s'"),
        (BANDWIDTH, "-1 GB/s", "must be more than 0, got '-1 GB/s'"),
        (TIME, "-1 us", "must be 0 or more, got '-1 us'"),
        (BANDWIDTH, "nan GB/s", "'nan GB/s' is not finite; write a number, as '6 GB/s'"),
        (BANDWIDTH, "inf GB/s", "'inf GB/s' is not finite; write a number, as '6 GB/s'"),
        (TIME, "0.4 ps", "'0.4 ps' is less than 1 picosecond, the smallest time there is"),
        (SIZE, "1 bit", "'1 bit' is less than 1 byte, the smallest size there is"),
        (TIME, "1000001 s", "'1000001 s' is too large; the most is 1,000,000 s"),
        (TIME, "fast", "must be a time with its unit such as '6 us', got 'fast'"),
        (TIME, "1e999 us", "must be a time with its unit such as '6 us', got '1e999 us'"),
        (TIME, "2**99 us", "must be a time with its unit such as '6 us', got '2**99 us'"),
        (TIME, "", "must be a time with its unit such as '6 us', got ''"),
        (TIME, None, "must be a time with its unit such as '6 us', got nothing"),
        (TIME, True, "must be a time with its unit such as '6 us', got true"),
        (TIME, {}, "must be a time with its unit such as '6 us', got a mapping"),
    ],
)
def test_texts_that_mean_nothing(measure: Measure, value: object, expected: str) -> None:
    """The message says what is wrong with the text and how to write it."""
    with pytest.raises(ValueError, match=r".") as caught:
        measure.read(value)
    assert str(caught.value) == expected
