"""Race dropout: tasks of the forward pass that are signalled at fixed times."""

from __future__ import annotations

from heapq import heappop, heappush

from dataflow.simulation.compiled import Compiled


class Race:
    """When each raced task of each step is signalled (``dataflow.plan.Control``).

    order: the tasks, the first first.
    """

    def __init__(self, compiled: Compiled) -> None:
        placed = compiled.schedule.placed
        self.order = sorted(compiled.schedule.raced, key=compiled.keys.__getitem__)
        self._spacing_ps = placed.plan.control.spacing_ps or 0
        self._signals: list[tuple[int, int, int]] = []

    def open(self, step: int, now: int) -> list[int]:
        """A step begins; says when its tasks will be signalled."""
        times = [now + position * self._spacing_ps for position in range(len(self.order))]
        for time_ps, index in zip(times, self.order, strict=True):
            heappush(self._signals, (time_ps, step, index))
        return times

    def due(self, now: int) -> list[tuple[int, int]]:
        """The (step, task) pairs that are to be signalled now, in their order."""
        found: list[tuple[int, int]] = []
        while self._signals and self._signals[0][0] == now:
            _, step, index = heappop(self._signals)
            found.append((step, index))
        return found
