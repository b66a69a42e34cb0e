"""What queueing theory says of one server with constant service: M/D/1 and D/D/1.

Times are in units of the service time, loads are arrivals in one service time. A server that takes
``service`` for each request and has had no others waits nowhere, so a row of stages with constant
times adds to these waits only its own latency: who waits how long is up to the slowest stage alone,
whatever the order of the stages and the room between them (Avi-Itzhak 1965, Management Science 11,
pages 553 to 565; Friedman 1965, Operations Research 13, pages 121 to 131).
"""

from __future__ import annotations

from functools import lru_cache
from math import exp, floor, inf

from dataflow.errors import OptionError

NEAREST = 0.999
"""Loads nearer to 1 are so long in settling that neither theory nor simulation says much of them."""


def md1_mean_wait(load: float) -> float:
    """Mean wait in M/D/1: rho / (2 (1 - rho)) (Pollaczek 1930, Khinchine 1932); infinite from load 1 on."""
    _checked(load)
    return load / (2 * (1 - load)) if load < 1 else inf


def md1_wait_distribution(load: float, wait: float) -> float:
    """The share of requests of an M/D/1 queue that wait at most so long, for a load below 1.

    With k the whole services in the wait, plus one, and Q_n the probability that at most n requests
    wait in the queue: exp(-x) * sum over j < k of Q_(k-1-j) x^j / j! with x = load (k - wait) (Franx 2001,
    Operations Research Letters 29, pages 221 to 229, for one server). It adds positive numbers only, unlike
    Erlang's and Crommelin's alternating sums.
    """
    _checked(load)
    if load >= 1 or wait < 0:
        return 0.0
    k = floor(wait) + 1
    at_most = _at_most_waiting(load, k)
    x = load * (k - wait)
    term, total = exp(-x), 0.0
    for j in range(k):
        total += at_most[k - 1 - j] * term
        term *= x / (j + 1)
    return min(1.0, total)


def md1_wait_percentile(load: float, share: float) -> float:
    """The shortest time that so large a share of the requests of M/D/1 wait at most; infinite from load 1 on.

    By bisection of ``md1_wait_distribution`` to 1e-9 services; share in [0, 1).
    """
    if not 0 <= share < 1:
        raise OptionError(f"queue: a percentile is a share from 0 to below 1, got {share}")
    _checked(load)
    if load >= 1:
        return inf
    if md1_wait_distribution(load, 0.0) >= share:
        return 0.0
    high = 1.0
    while md1_wait_distribution(load, high) < share:
        high *= 2
    low = high / 2 if high > 1 else 0.0
    while high - low > 1e-9 * max(1.0, high):
        middle = (low + high) / 2
        if md1_wait_distribution(load, middle) < share:
            low = middle
        else:
            high = middle
    return high


def dd1_wait(load: float, index: int) -> float:
    """What the request of that index (from 0) waits when they come at equal distances: nothing up to load 1.

    Beyond, each waits 1 - 1/load longer than the one before.
    """
    _checked(load)
    return index * max(0.0, 1 - 1 / load)


@lru_cache(maxsize=64)
def _at_most_waiting(load: float, count: int) -> tuple[float, ...]:
    """P(at most n wait in the queue) for n from 0 to count - 1: at most n + 1 are in the system.

    Numbers in the system seen by departures, by the flow over each cut of the embedded chain:
    p_(j+1) a_0 = p_0 P(A > j) + sum over i from 1 to j of p_i P(A > j - i + 1), A the Poisson arrivals in
    one service; all terms are positive.
    """
    more = _more_arrivals(load, count + 2)
    p = [1 - load]
    for j in range(count):
        up = p[0] * more[j] + sum(p[i] * more[j - i + 1] for i in range(1, j + 1))
        p.append(up / exp(-load))
    total, found = p[0], []
    for each in p[1:]:
        total += each
        found.append(total)
    return tuple(found)


def _more_arrivals(load: float, count: int) -> list[float]:
    """P(A > j) of a Poisson variable of mean load, for j below count; summed from the tail, to be exact."""
    terms, term, j = [], exp(-load), 0
    while j <= count or term > 1e-300:
        terms.append(term)
        j += 1
        term *= load / j
    tail, found = 0.0, [0.0] * len(terms)
    for j in range(len(terms) - 1, -1, -1):
        found[j] = tail
        tail += terms[j]
    return found[:count]


def _checked(load: float) -> None:
    if not load > 0:
        raise OptionError(f"queue: load {load} must be more than 0")
