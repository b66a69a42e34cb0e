"""How long one inference takes, when latencies are anywhere within their published ranges."""

from __future__ import annotations

from dataclasses import replace

from dataflow.measurement.measured import sample_latency
from dataflow.metrics import Latencies
from dataflow.placement import PlacedGraph
from dataflow.simulation import simulate

INFERENCES = 200
"""How many are simulated: the 99th percentile rests on the two longest."""


def inference_latency(placed: PlacedGraph) -> Latencies:
    """Percentiles of inferences, one after the other, whose latencies are drawn (``simulate``).

    placed: a step of mode ``inference``. Where nothing varies a single inference says all.
    """
    varies = has_ranges(placed)
    run = simulate(placed, INFERENCES if varies else 1, light=True, drawn=varies)
    return replace(sample_latency(run.trace), drawn=varies)


def has_ranges(placed: PlacedGraph) -> bool:
    """Whether a task takes longer where published latencies are at their longest."""
    processors = placed.hardware.processors
    computing = ((processors[task.processor].cost, task.work) for task in placed.tasks if task.processor)
    return any(cost.cost(work, 0.0) != cost.cost(work, 1.0) for cost, work in computing)
