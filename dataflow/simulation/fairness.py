"""Max-min fair rates: nobody can get more without taking from someone who has no more than he."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
    moving = {channel: len(flows) for channel, flows in members.items()}
    rising = dict.fromkeys(sorted(range(len(caps)), key=lambda flow: caps[flow]))
    level = 0.0
    while rising:
        levels = {channel: room[channel] / load[channel] for channel in moving}
        # Rounding must not lower what has risen.
        level = max(level, min(levels.values(), default=inf))
        if caps[next(iter(rising))] <= level * _SAME:
            fixed = {flow: caps[flow] for flow in rising if caps[flow] <= level * _SAME}
        else:
            full = (channel for channel, reached in levels.items() if reached <= level * _SAME)
            fixed = {flow: level for channel in full for flow in members[channel] if flow in rising}
        for flow, rate in fixed.items():
            rates[flow] = rate
            del rising[flow]
            for channel, part in shares[flow].items():
                room[channel] -= rate * part
                load[channel] -= part
                moving[channel] -= 1
                if not moving[channel]:
                    del moving[channel]
    return rates
