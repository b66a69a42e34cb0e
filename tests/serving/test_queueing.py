"""Queueing theory against its own other forms, and against the recursion of one server."""

from __future__ import annotations

from math import exp, factorial, floor, inf, sqrt

import pytest

from dataflow.errors import OptionError
from dataflow.percentile import nearest_rank
from dataflow.serving.pattern import fixed_arrivals, poisson_arrivals
from dataflow.serving.prediction import predicted
from dataflow.serving.queueing import dd1_wait, md1_mean_wait, md1_wait_distribution, md1_wait_percentile
from tests.serving.lindley import waits


def erlang(load: float, wait: float) -> float:
    """Erlang (1909): (1 - rho) sum over j of (-rho (t - j))^j / j! exp(rho (t - j)), for short waits."""
    whole = range(floor(wait) + 1)
    terms = ((-load * (wait - j)) ** j / factorial(j) * exp(load * (wait - j)) for j in whole)
    return (1 - load) * sum(terms)


@pytest.mark.parametrize("load", [0.1, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("wait", [0.0, 0.25, 1.0, 2.5, 6.75])
def test_distribution_against_erlang(load: float, wait: float) -> None:
    """The sum of positive terms is the alternating one where that is still exact."""
    assert md1_wait_distribution(load, wait) == pytest.approx(erlang(load, wait), abs=1e-11)


@pytest.mark.parametrize("load", [0.2, 0.6, 0.9])
def test_mean_is_that_of_the_distribution(load: float) -> None:
    """Pollaczek and Khinchine's mean is the area above the distribution, by Simpson's rule."""
    step, total, at = 1 / 32, 0.0, 0.0
    while 1 - md1_wait_distribution(load, at) > 1e-9:
        # 1 - F jumps in no point but 0, and is smooth between whole services.
        sides = 2 - md1_wait_distribution(load, at) - md1_wait_distribution(load, at + step)
        total += step / 6 * (sides + 4 * (1 - md1_wait_distribution(load, at + step / 2)))
        at += step
    assert total == pytest.approx(md1_mean_wait(load), rel=1e-6)


def test_known_numbers() -> None:
    """At load 0.5 the mean wait is half a service, and half of the requests find the server free."""
    assert md1_mean_wait(0.5) == 0.5
    assert md1_wait_distribution(0.5, 0.0) == 0.5
    assert md1_wait_percentile(0.5, 0.5) == 0.0
    assert md1_wait_distribution(0.5, -0.1) == 0.0
    p99 = md1_wait_percentile(0.5, 0.99)
    assert md1_wait_distribution(0.5, p99) == pytest.approx(0.99, abs=1e-8)
    assert (md1_mean_wait(1.0), md1_wait_percentile(1.2, 0.5), md1_wait_distribution(1.0, 9.0)) == (
        inf,
        inf,
        0,
    )


def test_equal_distances_wait_only_beyond_capacity() -> None:
    """At 120 % each request waits a sixth of a service longer than the one before, as the recursion says."""
    assert dd1_wait(1.0, 500) == 0.0
    service = 12_000
    recursion = waits(fixed_arrivals(50).times_ps(1e12 / 10_000), service)
    assert recursion == [round(service * dd1_wait(1.2, index)) for index in range(50)]


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_one_server_waits_as_theory_says(load: float) -> None:
    """The mean wait of 200,000 requests is Pollaczek and Khinchine's within 4 standard errors.

    The error is that of the means of 100 batches of requests, nearly independent of each other.
    """
    service, batches = 10_000_000, 100
    found = waits(poisson_arrivals(200_000, seed=1).times_ps(load * 1e12 / service), service)
    size = len(found) // batches
    means = [sum(found[i * size : (i + 1) * size]) / size / service for i in range(batches)]
    mean = sum(means) / batches
    error = sqrt(sum((each - mean) ** 2 for each in means) / (batches - 1) / batches)
    assert abs(mean - md1_mean_wait(load)) < 4 * error
    assert error < 0.03 * mean


def test_percentiles_are_nearest_ranks() -> None:
    """Of 1 to 100 the 99th percentile is 99, of one value every percentile is that."""
    hundred = list(range(1, 101))
    assert [nearest_rank(hundred, p) for p in (0, 1, 50, 99, 100)] == [1, 1, 50, 99, 100]
    assert nearest_rank([7], 1) == 7


def test_predictions() -> None:
    """A pipeline waits as its slowest stage would, on top of its own latency; files have no theory."""
    at_half = predicted(poisson_arrivals(10, 0), 1, 0.5, service_s=6.0, interval_s=2.0)
    assert at_half is not None
    assert (at_half.mean_wait_s, at_half.mean_s, at_half.p50_s) == (1.0, 7.0, 6.0)
    assert at_half.p99_s == 6.0 + 2.0 * md1_wait_percentile(0.5, 0.99)
    # At 120 % requests 1 to 9 of ten wait 1/6 to 9/6 services of 2 s: 5/3 s in the mean and the middle.
    beyond = predicted(fixed_arrivals(10), 1, 1.2, service_s=6.0, interval_s=2.0)
    assert beyond is not None
    assert (beyond.mean_wait_s, beyond.p50_s, beyond.p99_s) == pytest.approx((5 / 3, 6 + 5 / 3, 9.0))
    assert predicted(poisson_arrivals(10, 0), 1, 1.0, 6.0, 2.0) is None


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (lambda: md1_mean_wait(0.0), "queue: load 0.0 must be more than 0"),
        (lambda: md1_wait_percentile(0.5, 1.0), "a percentile is a share from 0 to below 1, got 1.0"),
    ],
)
def test_what_theory_cannot_say(asked: object, message: str) -> None:
    """Loads above 0, percentiles below 100."""
    assert callable(asked)
    with pytest.raises(OptionError, match=message):
        asked()
