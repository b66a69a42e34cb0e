"""What if one kind of resource were twice as fast."""

from __future__ import annotations

from dataflow.measurement.faster import doubled
from dataflow.measurement.input_path import INPUT_PATH, preparing, with_faster_input
from dataflow.measurement.pipeline import step_ps
from dataflow.metrics import Limit
from dataflow.picoseconds import PS_PER_S
from dataflow.placement import PlacedGraph
from dataflow.simulation.compiled import Compiled
from dataflow.simulation.event_loop import Simulation


def limits(placed: PlacedGraph, steps: int, step_s: float) -> tuple[Limit, ...]:
    """The step time, simulated again, with each kind of resource twice as fast; best first."""
    found: list[Limit] = []
    # A faster machine may hold more at once: how much its memories hold is another question.
    compiled = Compiled(placed)
    machines = doubled(placed.hardware.roomy())
    if preparing(placed):
        machines[INPUT_PATH] = with_faster_input(placed.hardware.roomy())
    for resource, hardware in machines.items():
        trace = Simulation(placed.on(hardware), steps, None, None, compiled).run()
        faster_s = step_ps(trace, streaming=placed.task_graph.mode == "pipeline") / PS_PER_S
        found.append(Limit(resource, faster_s, step_s / faster_s))
    return tuple(sorted(found, key=lambda limit: (limit.step_time_s, limit.resource)))
