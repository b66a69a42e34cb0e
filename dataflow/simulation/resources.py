"""What tasks hold or share while they run: processors, copy engines, and the channels of links."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from dataflow.hardware import Hardware
from dataflow.placement import PlacedTask


class Passage(NamedTuple):
    """How a task goes through the machine.

    held: the resources it has to itself from start to end. used: these and the fair channels.
    length_ps: how long it takes; for what shares bandwidth, how long before the first byte moves.
    bound: what sets that. alone_ps, cap, shares: of the flow of what shares bandwidth, as in
    ``dataflow.simulation.flows.Flow``; shares is empty when it shares none.
    """

    held: tuple[str, ...]
    used: tuple[str, ...]
    length_ps: int
    bound: str
    alone_ps: float = 0.0
    cap: float = 0.0
    shares: Mapping[str, float] = MappingProxyType({})


class Resources:
    """How much of each exclusive resource is free, and who used it last. fair: shared channels."""

    def __init__(self, hardware: Hardware) -> None:
        self.hardware = hardware
        self.free: dict[str, int] = dict.fromkeys(hardware.processors, 1)
        for name, processor in hardware.processors.items():
            self.free[f"{name}.copy"] = processor.copy_engines
        self.fair = frozenset(link.channel for link in hardware.links if link.sharing == "fair")
        for link in hardware.links:
            if link.channel not in self.fair:
                self.free[link.channel] = 1
        self._last_span: dict[str, int] = {}
        self._passages: dict[tuple[tuple[str, str], int], Passage] = {}

    def passage(self, task: PlacedTask) -> Passage:
        """What a task holds and shares, and for how long."""
        if task.ends is None:
            processor = self.hardware.processors[task.route[0]]
            cost = processor.cost.cost(task.work)
            return Passage((processor.name,), (processor.name,), cost.time_ps, cost.bound)
        key = (task.ends, task.bytes)
        if key not in self._passages:
            self._passages[key] = self._transfer(*key)
        return self._passages[key]

    def _transfer(self, ends: tuple[str, str], size_bytes: int) -> Passage:
        """A copy engine and the channels of the route."""
        driver = self.hardware.driver(*ends)
        route = self.hardware.route(*ends)
        channels = tuple(dict.fromkeys(link.channel for link in route))
        used = (f"{driver}.copy", *channels) if driver else channels
        held = tuple(name for name in used if name not in self.fair)
        if not size_bytes or len(held) == len(used):
            return Passage(held, used, self.hardware.transfer_ps(size_bytes, *ends), "link")
        shares: dict[str, float] = {}
        for link in route:
            if link.channel in self.fair:
                share = link.occupied_ps(size_bytes) / size_bytes
                shares[link.channel] = max(shares.get(link.channel, 0.0), share)
        alone_ps = max(link.time_ps(size_bytes) for link in route)
        return Passage(
            held, used, self.hardware.alpha_ps(*ends), "link", alone_ps, size_bytes / alone_ps, shares
        )

    def first_taken(self, names: tuple[str, ...]) -> str | None:
        """The first of some resources that is not free, or None."""
        for name in names:
            if not self.free[name]:
                return name
        return None

    def take(self, names: tuple[str, ...]) -> None:
        """Takes one of each."""
        for name in names:
            self.free[name] -= 1

    def give_back(self, names: tuple[str, ...], span: int) -> None:
        """Gives one of each back, and remembers the span that had them."""
        for name in names:
            self.free[name] += 1
            self._last_span[name] = span

    def last_spans(self, names: tuple[str, ...]) -> list[int]:
        """The spans that gave these back last."""
        return [self._last_span[name] for name in names if name in self._last_span]
