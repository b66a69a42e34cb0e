"""What is seen of a training step while it is computed: its loss, and how often the network was right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dataflow.backend import Array
from dataflow.graph import Task, TaskGraph
from dataflow.network import LABEL
from dataflow.ops import Phase
from dataflow.placement import Shard
from dataflow.region import Region


def loss_task(graph: TaskGraph) -> Task:
    """The task that compares scores with labels."""
    return next(t for t in graph.tasks if t.phase is Phase.LOSS and LABEL in t.reads)


class Watch:
    """Sums up the losses of a step and keeps its scores; what replicas hold counts once."""

    def __init__(self, graph: TaskGraph) -> None:
        task = loss_task(graph)
        scores, losses = graph.tensors[task.reads["input"]], graph.tensors[task.writes["output"]]
        self.scores_name, self.losses_name = scores.base, losses.base
        self.count = losses.region.size
        self.whole = scores.region
        self.scores = np.zeros(scores.shape)
        self.sums: dict[Region, float] = {}

    def see(self, name: str, shard: Shard, array: Array) -> bool:
        """Is shown every value as it is published; fit to be an executor's ``keep``."""
        base = shard.tensor.base
        if base == self.losses_name:
            self.sums[shard.region] = float(np.sum(array, dtype=np.float64))
        elif base == self.scores_name:
            self.scores[shard.region.slices_within(self.whole)] = array
        return False

    def take(self, labels: NDArray[np.int32]) -> tuple[float, float]:
        """Mean loss and share of right answers of the step that was seen, which is forgotten."""
        loss = sum(self.sums[region] for region in sorted(self.sums, key=lambda region: region.ranges))
        self.sums.clear()
        return loss / self.count, float(np.mean(np.argmax(self.scores, axis=1) == labels))
