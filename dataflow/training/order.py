"""The order of examples: every epoch shuffles them anew and cuts them into batches."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from dataflow.data.batches import Batch
from dataflow.training.data_set import Draws, Part
from dataflow.values.randomness import generator

_AHEAD = 2
"""Batches that are read ahead of the one that is asked for."""


class ShuffledBatches:
    """The batches of a whole training, step after step; the last, incomplete one of an epoch is dropped.

    Which examples a batch has, and which crops of them, depends on seed and step alone. steps: batches of an
    epoch. dropped: examples of each epoch that are in none of them; other ones each time.
    """

    def __init__(self, part: Part, batch: int, seed: int, description: str) -> None:
        self.part = part
        self.count = batch
        self.steps, self.dropped = divmod(part.count, batch)
        self.description = description
        self._order = lru_cache(maxsize=2)(self._shuffled)
        self.seed = seed
        self._begun: dict[int, Callable[[], Batch]] = {}

    def _shuffled(self, epoch: int) -> NDArray[np.int64]:
        return generator(self.seed, "epoch", epoch).permutation(self.part.count)

    def _chosen(self, step: int) -> NDArray[np.int64]:
        epoch, number = divmod(step, self.steps)
        return self._order(epoch)[number * self.count : (number + 1) * self.count]

    def batch(self, step: int) -> Batch:
        """The batch of a step; steps count from the beginning of the first epoch.

        The next ones are begun before it is waited for.
        """
        near = range(step, step + 1 + _AHEAD)
        self._begun = {each: self._begun.get(each) or self._begin(each) for each in near}
        return self._begun.pop(step)()

    def _begin(self, step: int) -> Callable[[], Batch]:
        return self.part.begin(self._chosen(step), Draws(self.seed, step // self.steps))

    def labels(self, step: int) -> NDArray[np.int32]:
        """The labels of that batch, without reading its images."""
        return self.part.labels[self._chosen(step)]
