"""Race dropout without values: which pieces tasks would have read that were not stored at their signal."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dataflow.backend import Array
from dataflow.placement import PlacedGraph, PlacedTask
from dataflow.simulation.schedule import Instance, Schedule
from dataflow.values.bindings import Bindings
from dataflow.values.drops import Drops
from dataflow.values.sites import base_of

_STORED = np.zeros(0)
"""Stands for any value."""


class MissedReads:
    """Watches a simulation and counts as the executor does, but computes nothing.

    drops: what tasks that start at a fixed signal read, and what of it was missing.
    """

    def __init__(self, placed: PlacedGraph) -> None:
        self.placed = placed
        self.drops = Drops()
        self.stores: dict[str, dict[Instance, Array]] = {name: {} for name in placed.hardware.memories}
        self._bindings = Bindings(placed, Schedule(placed), self.stores)

    def begins(self, instances: Sequence[Instance]) -> None:
        """These shards are in their memories before the first step."""
        for instance in instances:
            self._store_of(instance)[instance] = _STORED

    def started(self, step: int, task: PlacedTask) -> None:
        """Counts what a task reads that takes activations as they are."""
        for read in self._bindings.of(task).reads.values():
            for source in read.sources:
                if source.raced:
                    missing = source.at.instance(step) not in source.at.store
                    self.drops.note(step, base_of(source.shard.tensor), source.region.size, missing=missing)

    def ended(self, step: int, task: PlacedTask) -> None:
        """What the task wrote is there from now on."""
        for target in self._bindings.of(task).writes:
            target.at.store[target.at.instance(step)] = _STORED

    def freed(self, instance: Instance) -> None:
        """A shard has left its memory."""
        self._store_of(instance).pop(instance, None)

    def _store_of(self, instance: Instance) -> dict[Instance, Array]:
        return self.stores[self.placed.shards[instance[0]].memory]
