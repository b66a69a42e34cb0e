"""Max-min fair rates: nobody can get more without taking from someone who has no more than he."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
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
    channels: dict[str, _Channel] = {}
    passed: list[list[tuple[_Channel, float]]] = [[] for _ in caps]
    for flow, share in enumerate(shares):
        for name, part in share.items():
            channel = channels.get(name)
            if channel is None:
                channel = channels[name] = _Channel()
            channel.flows.append(flow)
            channel.load += part
            channel.rising += 1
            passed[flow].append((channel, part))
    full_at = [(1.0 / channel.load, name) for name, channel in channels.items()]
    heapify(full_at)
    by_cap = sorted(range(len(caps)), key=caps.__getitem__, reverse=True)
    level = 0.0
    while by_cap:
        if rates[by_cap[-1]]:
            by_cap.pop()
            continue
        reached, name = _next_full(full_at, channels)
        if reached <= level * _SAME:
            reached = level
        if caps[by_cap[-1]] <= reached * _SAME:
            fixed, rate = [by_cap[-1]], caps[by_cap[-1]]
        else:
            fixed, rate = [flow for flow in channels[name].flows if not rates[flow]], reached
        # Rounding must not lower what has risen.
        level = max(level, rate)
        for flow in fixed:
            rates[flow] = rate
            for channel, part in passed[flow]:
                channel.room -= rate * part
                channel.load -= part
                channel.rising -= 1
    return rates


@dataclass(slots=True)
class _Channel:
    """What is left of a channel, what one byte/ps of all flows that rise takes, and how many these are."""

    room: float = 1.0
    load: float = 0.0
    rising: int = 0
    flows: list[int] = field(default_factory=list)


def _next_full(foreseen: list[tuple[float, str]], channels: Mapping[str, _Channel]) -> tuple[float, str]:
    """The channel that is full first if all its flows rise on, and the rate they have then.

    A channel is full at room / load, which only grows as flows stop rising.
    """
    while foreseen:
        rate, name = foreseen[0]
        channel = channels[name]
        if not channel.rising:
            heappop(foreseen)
        elif channel.room > rate * channel.load * _SAME:
            heapreplace(foreseen, (channel.room / channel.load, name))
        else:
            return rate, name
    return inf, ""
