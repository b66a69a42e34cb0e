"""What tasks hold while they run: processors, copy engines, and the channels of links."""

from __future__ import annotations

from dataflow.cost import PS_PER_S
from dataflow.hardware import Hardware, Link
from dataflow.placement import PlacedTask


def transfer_time_ps(size_bytes: int, route: tuple[Link, ...], overhead_ps: int) -> int:
    """Time a transfer holds its route: overhead + latencies + bytes over the narrowest bandwidth.

    At least 1 ps: nothing takes no time.
    """
    narrowest = min(link.bandwidth_bytes_per_s for link in route)
    latency_ps = sum(link.latency_ps for link in route)
    return max(1, overhead_ps + latency_ps + round(size_bytes * PS_PER_S / narrowest))


class Resources:
    """How much of each resource is free, and who used it last. All are exclusive, held from start to end."""

    def __init__(self, hardware: Hardware) -> None:
        self.hardware = hardware
        self.free: dict[str, int] = dict.fromkeys(hardware.processors, 1)
        for name, processor in hardware.processors.items():
            self.free[f"{name}.copy"] = processor.copy_engines
        for link in hardware.links:
            self.free[link.channel] = 1
        self._last_span: dict[str, int] = {}
        self._of_transfer: dict[tuple[str, str], tuple[str, ...]] = {}

    def needed(self, task: PlacedTask) -> tuple[str, ...]:
        """What a task holds: its processor, or for a transfer a copy engine and the channels of its route."""
        if task.ends is None:
            return task.route[:1]
        if task.ends not in self._of_transfer:
            channels = dict.fromkeys(link.channel for link in self.hardware.route(*task.ends))
            self._of_transfer[task.ends] = (f"{self._driver(task.ends)}.copy", *channels)
        return self._of_transfer[task.ends]

    def _driver(self, ends: tuple[str, str]) -> str:
        """Whose copy engine makes a transfer: the sender's, or the receiver's when the sender has none."""
        source, destination = ends
        return source if source in self.hardware.processors else destination

    def length(self, task: PlacedTask) -> tuple[int, str]:
        """How long a task holds its resources, in picoseconds, and what sets that."""
        if task.ends is None:
            cost = self.hardware.processors[task.route[0]].cost.cost(task.work)
            return cost.time_ps, cost.bound
        driver = self.hardware.processors[self._driver(task.ends)]
        route = self.hardware.route(*task.ends)
        return transfer_time_ps(task.bytes, route, driver.copy_overhead_ps), "link"

    def first_taken(self, task: PlacedTask) -> str | None:
        """The first resource a task needs that is not free, or None when it can start."""
        return next((name for name in self.needed(task) if not self.free[name]), None)

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
