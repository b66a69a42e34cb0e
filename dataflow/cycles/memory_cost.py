"""What an access to one kind of memory costs a core."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, kw_only=True)
class MemoryCost:
    """Latency and what a core must issue for one access to a kind of memory.

    latency: cycles, from the shortest to the longest. blocking: whether the thread swaps out until the
    answer is there, as for all memories outside the core. spacing: cycles between two blocking
    accesses of one core, whichever thread makes them. issue: cycles that an access takes of its
    thread: to make it, and to swap out and in if it blocks. Of a memory behind a cache this is a hit.
    """

    latency: tuple[float, float]
    blocking: bool = False
    spacing: float = 0
    issue: float = 1

    @property
    def missed(self) -> MemoryCost:
        """What an access costs that its cache does not hold: never less than the longest latency."""
        return replace(self, latency=(self.latency[1], self.latency[1]))

    def scaled(self, factor: float) -> MemoryCost:
        """With so many times the latency and spacing; what a core issues stays."""
        low, high = self.latency
        return replace(self, latency=(low * factor, high * factor), spacing=self.spacing * factor)

    def latency_cycles(self, position: float) -> float:
        """The latency so far into the range."""
        low, high = self.latency
        return low + (high - low) * position

    def occupied(self) -> float:
        """Cycles of the core that one blocking access takes up, whatever the other threads do."""
        return self.issue + self.spacing

    def waited(self, position: float) -> float:
        """Cycles from a blocking access to the next instruction of its thread."""
        return max(self.latency_cycles(position), self.occupied())

    def at_least(self, threads: int) -> float:
        """Cycles from one access of a core to its next, of so many threads that do nothing else."""
        return max(self.occupied(), self.waited(0) / threads) if self.blocking else self.latency_cycles(0)
