"""Runs of placed graphs: what came of a simulation."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dataflow.errors import CheckError, OptionError
from dataflow.placement import PlacedGraph
from dataflow.simulation.arrivals import Arrivals
from dataflow.simulation.check import trace_faults
from dataflow.simulation.event_loop import Simulation
from dataflow.simulation.observer import Later, Observer
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
    *,
    arrivals: Arrivals | None = None,
    light: bool = False,
    first_step: int = 0,
    drawn: bool = False,
) -> Run:
    """Runs steps in simulated time.

    observer: sees every start and end, as an executor that computes values does.
    progress: called with (tasks ended, tasks in all). arrivals: requests, each of which that is not
    lost is a step; ``steps`` then means nothing. light: leaves neither spans nor memory events,
    only when steps began and ended, which is enough for latencies. first_step: what the observer is to
    call step 0, and what latencies are drawn for. drawn: whether latencies of every task vary within
    their published ranges, by seed, step and task, in place of lying in the middle; where tasks are
    signalled at fixed times they always do. Raises OutOfMemoryError when a tensor does not fit,
    DeadlockError when tasks wait that nothing can start, and OptionError where requests arrive for a
    training step or for tasks that are signalled at fixed times.
    """
    if steps < 1:
        raise OptionError(f"simulate: {steps} steps; there must be at least 1")
    if arrivals is not None and placed.task_graph.mode == "training":
        raise OptionError(
            "simulate: requests arrive, but each step trains; set 'mode: inference' or 'pipeline'"
        )
    if arrivals is not None and placed.plan.control.spacing_ps is not None:
        raise OptionError("simulate: requests arrive, but tasks are signalled at fixed times; drop 'spacing'")
    if observer is not None and first_step:
        observer = Later(observer, first_step)
    simulation = Simulation(
        placed,
        steps,
        observer,
        progress,
        arrivals=arrivals,
        light=light,
        first_step=first_step,
        drawn=drawn,
    )
    return Run(placed, simulation.run())
