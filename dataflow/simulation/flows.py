"""Flows: the bytes of transfers that share the bandwidth of links while they pass."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush

from dataflow.simulation.fairness import max_min_rates

_ROOMY = 1 - 1e-9
"""What part of a channel flows may want without being in each other's way; rounding is far less."""


@dataclass(slots=True)
class Flow:
    """The bytes of one transfer that are under way, or the operations of one task.

    alone_ps: how long they take when nothing is in their way. cap: the rate they have then, in
    bytes/ps. shares: what part of each channel one byte/ps takes; met: the same of those channels
    that cannot give all that are in them what they could take. left_ps: what is left of ``alone_ps``
    since ``since_ps``; speed: how much of it passes in a picosecond, at most 1.
    """

    number: int
    alone_ps: float
    cap: float
    shares: Mapping[str, float]
    met: dict[str, float] = field(default_factory=dict)
    left_ps: float = 0.0
    since_ps: int = 0
    speed: float = 0.0
    end_ps: int = 0


class Flows:
    """All flows under way, and when each will have ended if no other begins or ends before.

    Time is in whole picoseconds: a flow ends at the one nearest to its exact end, so that one
    which meets no other takes as long as on a link of its own. Flows meet in channels that are tight:
    where the caps of several come to more than there is. Only flows that meet one which has begun
    or ended, directly or through others, get new rates.
    """

    def __init__(self) -> None:
        self._under_way: dict[int, Flow] = {}
        self._to_begin: dict[int, list[Flow]] = {}
        self._in_channel: dict[str, dict[int, Flow]] = {}
        self._wanted: dict[str, float] = {}
        self._tight: set[str] = set()
        self._changed: dict[int, Flow] = {}
        self._ends: list[tuple[int, int]] = []

    def add(self, flow: Flow, begin_ps: int) -> None:
        """A flow that begins at a time, now or later."""
        self._to_begin.setdefault(begin_ps, []).append(flow)

    def take_ended(self, now: int) -> list[int]:
        """The numbers of the flows that end now; they are under way no more."""
        ended: list[int] = []
        while self._ends and self._ends[0][0] <= now:
            end_ps, number = heappop(self._ends)
            if self._is_end(end_ps, number):
                self._leave(self._under_way.pop(number))
                ended.append(number)
        return ended

    def settle(self, now: int) -> int | None:
        """Lets begin what begins now, shares bandwidth anew; says when the next flow ends, if one does."""
        for flow in self._to_begin.pop(now, ()):
            flow.left_ps, flow.since_ps = flow.alone_ps, now
            self._under_way[flow.number] = flow
            self._enter(flow)
        if self._changed:
            self._share(self._concerned(), now)
        while self._ends and not self._is_end(*self._ends[0]):
            heappop(self._ends)
        return self._ends[0][0] if self._ends else None

    def _is_end(self, end_ps: int, number: int) -> bool:
        """Whether a flow still ends at a time that was once foreseen."""
        return number in self._under_way and self._under_way[number].end_ps == end_ps

    def _enter(self, flow: Flow) -> None:
        """Notes whom a flow that begins meets."""
        self._changed[flow.number] = flow
        for channel, part in flow.shares.items():
            there = self._in_channel.setdefault(channel, {})
            there[flow.number] = flow
            self._wanted[channel] = self._wanted.get(channel, 0.0) + flow.cap * part
            if channel in self._tight:
                flow.met[channel] = part
            elif len(there) > 1 and self._wanted[channel] > _ROOMY:
                self._tight.add(channel)
                for other in there.values():
                    other.met[channel] = other.shares[channel]

    def _leave(self, flow: Flow) -> None:
        """Notes whom a flow that ends meets no more."""
        self._changed.pop(flow.number, None)
        for channel, part in flow.shares.items():
            there = self._in_channel[channel]
            del there[flow.number]
            self._wanted[channel] = self._wanted[channel] - flow.cap * part if there else 0.0
            if channel not in self._tight:
                continue
            self._changed.update(there)
            if len(there) < 2 or self._wanted[channel] <= _ROOMY:
                self._tight.discard(channel)
                for other in there.values():
                    del other.met[channel]

    def _concerned(self) -> list[Flow]:
        """The changed flows, those that they meet, those that these meet, and so on; oldest first."""
        found = self._changed
        self._changed = {}
        seen: set[str] = set()
        to_visit = list(found.values())
        for flow in to_visit:
            for channel in flow.met:
                if channel not in seen:
                    seen.add(channel)
                    for number, other in self._in_channel[channel].items():
                        if number not in found:
                            found[number] = other
                            to_visit.append(other)
        return [found[number] for number in sorted(found)]

    def _share(self, flows: list[Flow], now: int) -> None:
        """Gives flows their rates from now on, and foresees their ends anew where these change."""
        rates = max_min_rates([flow.cap for flow in flows], [flow.met for flow in flows])
        for flow, rate in zip(flows, rates, strict=True):
            speed = rate / flow.cap
            if speed != flow.speed:
                flow.left_ps -= flow.speed * (now - flow.since_ps)
                flow.speed, flow.since_ps = speed, now
                flow.end_ps = now + max(1, round(flow.left_ps / speed))
                heappush(self._ends, (flow.end_ps, flow.number))
