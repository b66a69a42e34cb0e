"""Max-min fair rates: nobody can get more without taking from someone who has no more than he."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heapreplace
from math import inf

_SAME = 1 + 1e-12
"""Rates nearer than this are one: rounding alone tells them apart."""


def max_min_rates(caps: Sequence[float], shares: Sequence[Mapping[str, float]]) -> list[float]:
    """The max-min fair rate of each flow, in bytes/ps.

    caps: the most that each flow can have by itself, more than 0. shares: for each flow, what
    part of each channel one byte/ps of it takes. The rates of all flows rise together; when a
    flow has reached its cap it keeps that, and when a channel is full, those in it keep what they
    have (progressive filling: Bertsekas and Gallager, "Data Networks", 1992, section 6.5.2).
    """
    rates = [0.0] * len(caps)
    members: dict[str, list[int]] = {}
    load: dict[str, float] = {}
    for flow, share in enumerate(shares):
        for channel, part in share.items():
            members.setdefault(channel, []).append(flow)
            load[channel] = load.get(channel, 0.0) + part
    room = dict.fromkeys(load, 1.0)
    rising = {channel: len(flows) for channel, flows in members.items()}
    # A channel is full at room / load, which only grows as flows stop rising.
    full_at = [(1.0 / load[channel], channel) for channel in load]
    heapify(full_at)
    by_cap = sorted(range(len(caps)), key=lambda flow: caps[flow], reverse=True)
    level = 0.0
    while by_cap:
        if rates[by_cap[-1]]:
            by_cap.pop()
            continue
        reached, channel = _next_full(full_at, room, load, rising)
        if reached <= level * _SAME:
            reached = level
        if caps[by_cap[-1]] <= reached * _SAME:
            fixed, rate = [by_cap[-1]], caps[by_cap[-1]]
        else:
            fixed, rate = [flow for flow in members[channel] if not rates[flow]], reached
        # Rounding must not lower what has risen.
        level = max(level, rate)
        for flow in fixed:
            rates[flow] = rate
            for passed, part in shares[flow].items():
                room[passed] -= rate * part
                load[passed] -= part
                rising[passed] -= 1
    return rates


def _next_full(
    foreseen: list[tuple[float, str]],
    room: Mapping[str, float],
    load: Mapping[str, float],
    rising: Mapping[str, int],
) -> tuple[float, str]:
    """The channel that is full first if all its flows rise on, and the rate they have then."""
    while foreseen:
        rate, channel = foreseen[0]
        if not rising[channel]:
            heappop(foreseen)
        elif room[channel] > rate * load[channel] * _SAME:
            heapreplace(foreseen, (room[channel] / load[channel], channel))
        else:
            return rate, channel
    return inf, ""
