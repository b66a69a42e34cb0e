"""Runs of placed graphs: what came of a simulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dataflow.errors import CheckError, OptionError
from dataflow.placement import PlacedGraph
from dataflow.simulation.check import trace_faults
from dataflow.simulation.event_loop import Simulation
from dataflow.simulation.observer import Observer
from dataflow.trace import Trace


@dataclass(frozen=True)
class Run:
    """What came of a simulation. Raises CheckError, on construction, if the trace cannot be."""

    placed: PlacedGraph
    trace: Trace

    def __post_init__(self) -> None:
        faults = list(trace_faults(self.trace, self.placed.hardware))
        if faults:
            raise CheckError(f"trace of {self.placed.task_graph.network.name!r}", faults)


def simulate(
    placed: PlacedGraph,
    steps: int = 1,
    observer: Observer | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Runs training steps in simulated time.

    observer: sees every start and end, as an executor that computes values does.
    progress: called with (tasks ended, tasks in all). Raises OutOfMemoryError when a tensor
    does not fit and DeadlockError when tasks wait that nothing can start.
    """
    if steps < 1:
        raise OptionError(f"simulate: {steps} steps; there must be at least 1")
    return Run(placed, Simulation(placed, steps, observer, progress).run())
