"""The mean losses of steps, from the values that are published of them."""

from __future__ import annotations

import numpy as np

from dataflow.backend import Array
from dataflow.ops import Loss
from dataflow.placement import PlacedGraph, Shard
from dataflow.region import Region


class Losses:
    """Collects the mean loss of each step from the values an executor publishes."""

    def __init__(self, placed: PlacedGraph) -> None:
        ops = placed.task_graph.ops
        losses = ((name, op.images) for name, op in ops.items() if isinstance(op, Loss))
        self.layer, self.count = next(losses)
        self.sums: dict[str, dict[Region, float]] = {}

    def see(self, name: str, shard: Shard, array: Array) -> None:
        """Notes the losses of a part of the batch; replicas of the same part count once."""
        if shard.tensor.base == self.layer:
            self.sums.setdefault(name, {})[shard.region] = float(np.sum(array, dtype=np.float64))

    @property
    def means(self) -> tuple[float, ...]:
        """The mean loss of every step so far; parts are added in their order in the batch."""
        return tuple(
            sum(parts[region] for region in sorted(parts, key=lambda region: region.ranges)) / self.count
            for parts in self.sums.values()
        )

    def take(self) -> float:
        """The mean loss of the one step that was seen, which is forgotten."""
        (mean,) = self.means
        self.sums.clear()
        return mean
