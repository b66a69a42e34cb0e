"""Batches on their way to the hosts that take a part of them each."""

from __future__ import annotations

from dataflow.data.batches import Batch, BatchSource
from dataflow.network import DATA, LABEL
from dataflow.placement import PlacedGraph, TaskKind


class Taken:
    """Asks for a batch once, and keeps it until all hosts that prepare a part of it have it."""

    def __init__(self, batches: BatchSource, placed: PlacedGraph) -> None:
        preparing = sum(task.kind is TaskKind.PREPARE for task in placed.tasks)
        supplied = {
            shard.tensor.version
            for shard in placed.shards.values()
            if shard.supplied and shard.tensor.base in (DATA, LABEL)
        }
        self._batches = batches
        self._takers = preparing + len(supplied) if preparing else 1
        self._kept: dict[int, tuple[Batch, int]] = {}

    def batch(self, step: int) -> Batch:
        """The images and labels of a step."""
        kept = self._kept.pop(step) if step in self._kept else None
        batch, left = kept or (self._batches.batch(step), self._takers)
        if left > 1:
            self._kept[step] = batch, left - 1
        return batch
