"""Numbers as people read them."""

from __future__ import annotations

import pytest

from reports import units


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (0.5403, "540.3 ms"),
        (0.99996, "1.000 s"),
        (1.5e-12, "1.500 ps"),
        (3e-6, "3.000 us"),
        (123.4, "123.4 s"),
    ],
)
def test_short_times(seconds: float, told: str) -> None:
    """Four digits in the unit that keeps them before a thousand."""
    assert units.duration(seconds) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(30, "30.00 s"), (90, "1.500 min"), (5400, "1.500 h"), (506_477, "5.862 days"), (0.01, "10.00 ms")],
)
def test_long_times(seconds: float, told: str) -> None:
    """Minutes, hours and days for a training."""
    assert units.long_duration(seconds) == told


@pytest.mark.parametrize(
    ("count", "told"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.000 kB"), (11_075_584, "11.08 MB"), (3 * 2**30, "3.221 GB")],
)
def test_sizes(count: int, told: str) -> None:
    """MB is a million bytes."""
    assert units.size(count) == told


def test_rates_shares_and_ratios() -> None:
    """Each with its unit."""
    assert units.flops(1581.1e9) == "1.581 TFLOP/s"
    assert units.bandwidth(6e9) == "6.000 GB/s"
    assert units.percent(0.713) == "71.3 %"
    assert units.percent(0.00001) == "< 0.01 %"
    assert units.percent(1) == "100 %"
    assert units.number(245_338.6) == "245,339"
    assert units.number(float("nan")) == "nan"
    assert units.scientific(None) == "not finite"
    assert units.times(None) == "-"
