"""What inference normalises with: running means and variances, kept beside a training's steps."""

from __future__ import annotations

import numpy as np

from dataflow.backend import Array
from dataflow.numbers.number import array_dtype
from dataflow.ops import RUNNING_MEAN, RUNNING_VARIANCE, BatchNormalization
from dataflow.placement import PlacedGraph, Shard
from dataflow.region import Region
from dataflow.training.state import State

MOMENTUM = 0.1
"""The weight of the newest batch, as of ``torch.nn.BatchNorm2d``."""

_SUMS = ".sums"


class RunningStatistics:
    """The running mean and variance of each channel of each batch normalisation.

    After a step r <- (1 - 0.1) r + 0.1 b, as PyTorch: b is the batch's mean, or its unbiased variance, which
    is n / (n - 1) times the one that normalises n elements. Where a batch is normalised in groups, b is
    the mean over the groups. Computed in float64 from the sums that a step publishes anyway, and kept in
    the format of the training; it takes no simulated time.

    begun: the state to go on from; 0 and 1 for what it does not have. state: by name, such as
    ``norm1.running_mean``, (channels,) each; what a step changes is a new array. shown: the tensors
    that it has to be shown.
    """

    def __init__(self, placed: PlacedGraph, begun: State) -> None:
        graph = placed.task_graph
        self._ops = {name: op for name, op in graph.ops.items() if isinstance(op, BatchNormalization)}
        self._sums = {
            f"{layer}{_SUMS}": np.zeros(op.operand("sums").shape) for layer, op in self._ops.items()
        }
        self.shown = frozenset(self._sums)
        dtype = array_dtype(graph.training.dtype)
        self.state: dict[str, Array] = {}
        for layer, op in self._ops.items():
            for name, first in ((RUNNING_MEAN, 0.0), (RUNNING_VARIANCE, 1.0)):
                base = f"{layer}.{name}"
                values = begun[base] if base in begun else np.full(op.shape[1], first)
                self.state[base] = np.array(values, dtype)

    def see(self, shard: Shard, array: Array) -> None:
        """Notes the sums of a part of the groups or channels, when it is whole; replicas are equal."""
        sums = self._sums.get(shard.tensor.base)
        if sums is not None:
            sums[shard.region.slices_within(Region.whole(sums.shape))] = array

    def take(self) -> None:
        """Counts the batch of the step that was seen."""
        for layer, op in self._ops.items():
            sums = self._sums[f"{layer}{_SUMS}"]
            means = sums[:, 0] / op.count
            # Rounding may leave the difference a little below zero where all elements are equal.
            variances = np.maximum(sums[:, 1] / op.count - np.square(means), 0)
            unbiased = variances * (op.count / max(1, op.count - 1))
            for name, newest in ((RUNNING_MEAN, means), (RUNNING_VARIANCE, unbiased)):
                base = f"{layer}.{name}"
                was = self.state[base]
                now = (1 - MOMENTUM) * was.astype(np.float64) + MOMENTUM * newest.mean(axis=0)
                self.state[base] = now.astype(was.dtype)
