"""Requests served by a simulated machine: when each came and when it was done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dataflow.placement import PlacedGraph
from dataflow.simulation import Arrivals, simulate


@dataclass(frozen=True)
class Served:
    """What became of requests. arrived_ps, ended_ps: of those that were served, in the order they came.

    lost_ps: when those came that found the queue full. busy: processor to the share of the time it
    computed, from the first arrival until the last answer.
    """

    arrived_ps: tuple[int, ...]
    ended_ps: tuple[int, ...]
    lost_ps: tuple[int, ...]
    busy: Mapping[str, float]

    @property
    def latencies_ps(self) -> tuple[int, ...]:
        """From arrival to answer, of those that were served."""
        return tuple(end - start for start, end in zip(self.arrived_ps, self.ended_ps, strict=True))

    def since(self, time_ps: int) -> Served:
        """Those requests alone that came at that time or later; ``busy`` stays that of all."""
        first = sum(time < time_ps for time in self.arrived_ps)
        lost = tuple(time for time in self.lost_ps if time >= time_ps)
        return Served(self.arrived_ps[first:], self.ended_ps[first:], lost, self.busy)


def serve(placed: PlacedGraph, times_ps: tuple[int, ...], queue: int | None) -> Served:
    """Simulates requests that arrive at given times, each a step of the placed graph.

    queue: how many may wait, None for any number; see ``dataflow.simulation.Arrivals``.
    """
    trace = simulate(placed, arrivals=Arrivals(times_ps, queue), light=True).trace
    took_ps = trace.end_ps - times_ps[0]
    return Served(
        arrived_ps=trace.arrivals_ps,
        ended_ps=trace.step_ends_ps,
        lost_ps=trace.lost_ps,
        busy={name: busy / took_ps for name, busy in trace.busy_ps.items()},
    )
