"""What is seen of a training step while it is computed: its loss, and how often the network was right."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dataflow.backend import Array
from dataflow.graph import Task, TaskGraph
from dataflow.network import LABEL
from dataflow.ops import Phase
from dataflow.placement import PlacedGraph, Shard
from dataflow.values.losses import Losses


def loss_task(graph: TaskGraph) -> Task:
    """The task that compares scores with labels."""
    return next(t for t in graph.tasks if t.phase is Phase.LOSS and LABEL in t.reads)


class Watch:
    """Keeps the losses and scores of a step. shown: the tensors that it has to be shown."""

    def __init__(self, placed: PlacedGraph) -> None:
        graph = placed.task_graph
        scores = graph.tensors[loss_task(graph).reads["input"]]
        self.scores_name = scores.base
        self.whole = scores.region
        self.scores = np.zeros(scores.shape)
        self.losses = Losses(placed)
        self.shown = frozenset((self.losses.layer, self.scores_name))

    def see(self, name: str, shard: Shard, array: Array) -> bool:
        """Is shown every value as it is published; fit to be an executor's ``keep``."""
        self.losses.see(name, shard, array)
        if shard.tensor.base == self.scores_name:
            self.scores[shard.region.slices_within(self.whole)] = array
        return False

    def take(self, labels: NDArray[np.int32]) -> tuple[float, float]:
        """Mean loss and share of right answers of the step that was seen, which is forgotten."""
        return self.losses.take(), float(np.mean(np.argmax(self.scores, axis=1) == labels))
