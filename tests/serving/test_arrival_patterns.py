"""Arrivals: what a pattern is, whatever its rate, and files of times."""

from __future__ import annotations

from itertools import pairwise
from math import sqrt
from pathlib import Path

import pytest

from dataflow.errors import DataError, OptionError
from dataflow.serving.arrival_file import read_arrivals
from dataflow.serving.pattern import fixed_arrivals, poisson_arrivals, recorded_arrivals


def test_fixed() -> None:
    """At 4 a microsecond a request comes every 250,000 ps, the first at once."""
    assert fixed_arrivals(3).times_ps(4e6) == (0, 250_000, 500_000)


def test_poisson_gaps_are_exponential() -> None:
    """Of 100,000 gaps the mean is 1, that of squares 2 and a share of 1/e longer than 1, within 4 errors."""
    count = 100_000
    times = poisson_arrivals(count + 1, seed=3).times
    gaps = [later - earlier for earlier, later in pairwise(times)]
    mean = sum(gaps) / count
    # The deviation of the second moment is sqrt(4! - 2^2) / sqrt(n) = sqrt(20 / n).
    assert mean == pytest.approx(1, abs=1e-9)
    assert abs(sum(gap * gap for gap in gaps) / count - 2) < 4 * sqrt(20 / count)
    longer = sum(gap > 1 for gap in gaps) / count
    assert abs(longer - 0.367879) < 4 * sqrt(0.2325 / count)


def test_seeds() -> None:
    """The same seed gives the same requests, another gives others."""
    assert poisson_arrivals(50, 1) == poisson_arrivals(50, 1)
    assert poisson_arrivals(50, 1) != poisson_arrivals(50, 2)


def test_a_rate_scales_the_same_requests() -> None:
    """At twice the rate every request comes after half the time."""
    pattern = poisson_arrivals(100, 0)
    slow, fast = pattern.times_ps(1e3), pattern.times_ps(2e3)
    assert all(abs(before - 2 * after) <= 2 for before, after in zip(slow, fast, strict=True))


def test_recorded_at_its_own_rate_and_at_another() -> None:
    """Three requests in 30 us come at 2 gaps of 15 us; at their own rate exactly as they were."""
    pattern = recorded_arrivals((5_000_000, 15_000_001, 35_000_000))
    assert pattern.recorded_per_s == pytest.approx(2 / 30e-6)
    assert pattern.times_ps(pattern.recorded_per_s or 0.0) == (0, 10_000_001, 30_000_000)
    # At 1e6/s the mean gap is 1 us, a fifteenth of what it was.
    assert pattern.times_ps(1e6) == (0, round(10_000_001 / 15), 2_000_000)
    assert fixed_arrivals(2).recorded_per_s is None


@pytest.mark.parametrize(
    ("times", "message"),
    [
        ((0, 5, 3), "arrivals: the times are not in order; sort them"),
        ((7, 7, 7), "all 3 requests come at one time"),
        ((7,), "arrivals: 1 requests; there must be at least 2"),
    ],
)
def test_times_that_are_no_pattern(times: tuple[int, ...], message: str) -> None:
    """Order, a length, and at least two."""
    with pytest.raises(OptionError, match=message):
        recorded_arrivals(times)


def test_file_of_times(tmp_path: Path) -> None:
    """Bare numbers are seconds; units, comments and empty lines may be there."""
    file = tmp_path / "times.txt"
    file.write_text("# a morning\n0\n\n12.5 us  # the first\n13us\n0.5 ms\n.002\n1e-2\n20000000000 ps\n1 s\n")
    expected = (0, 12_500_000, 13_000_000, 500_000_000, 2 * 10**9, 10**10, 2 * 10**10, 10**12)
    assert read_arrivals(file) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0\nsoon\n", r"times\.txt:2: 'soon' is no time; write one a line, in seconds or with a unit"),
        ("0\n3 hours\n", r"times\.txt:2: '3 hours' is no time"),
        ("0\nnan\n", r"times\.txt:2: 'nan' is no time"),
        ("0\n1 2\n", r"times\.txt:2: '1 2' is no time"),
        ("-1 us\n2\n", r"times\.txt:1: '-1 us' is negative; times count from the start, 0"),
        ("1\n\n0.5\n", r"times\.txt:3: '0\.5' is before the time above it; sort the times"),
        ("0\n1e7\n", r"times\.txt:2: '1e7' is later than 1,000,000 s"),
        ("# none\n4\n", r"holds 1 times; there must be at least 2"),
    ],
)
def test_faults_of_a_file(text: str, message: str, tmp_path: Path) -> None:
    """File, line, value, rule."""
    file = tmp_path / "times.txt"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        read_arrivals(file)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    """It is not there, it is a folder, it is no text."""
    with pytest.raises(DataError, match=r"cannot be read: No such file or directory; name a file of times"):
        read_arrivals(tmp_path / "none.txt")
    with pytest.raises(DataError, match="cannot be read: Is a directory"):
        read_arrivals(tmp_path)
    (tmp_path / "noise").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="it is no text in UTF-8"):
        read_arrivals(tmp_path / "noise")
