"""Latencies that vary within their published ranges."""

from __future__ import annotations

from dataflow.placement import PlacedGraph
from dataflow.values.randomness import generator


class DrawnLatencies:
    """Where in published ranges the latencies of each task fall in each step: drawn by seed, step and task.

    first_step: what step 0 is called.
    """

    def __init__(self, placed: PlacedGraph, first_step: int = 0) -> None:
        self._seed = placed.task_graph.training.seed
        self._first_step = first_step

    def position(self, step: int, task: str) -> float:
        """Of a task in a step, evenly from 0 to 1, as in ``CostModel.cost``."""
        return float(generator(self._seed, "latency", self._first_step + step, task).random())
