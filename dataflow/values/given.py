"""Values that no kernel computes: weights to begin with, batches, and dropout masks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache

import numpy as np

from dataflow.backend import Array, Backend
from dataflow.data.batches import Batch
from dataflow.network import DATA
from dataflow.placement import Shard
from dataflow.values.bindings import made_of
from dataflow.values.randomness import dropout_mask, initial_values


class Given:
    """Makes arrays of such values with a backend, for the shards of a run with a seed."""

    def __init__(self, backend: Backend, seed: int) -> None:
        self._backend = backend
        self._seed = seed
        # Processors that share a layer cut their parts from the same mask, one after the other.
        self._mask = lru_cache(maxsize=1)(dropout_mask)

    def first(self, shards: Sequence[Shard]) -> Iterator[Array]:
        """What shards of a tensor that is carried from step to step begin with: cut from a draw, or zeros."""
        tensor = shards[0].tensor
        whole = None
        if tensor.initial is not None:
            whole = initial_values(self._seed, tensor.base, tensor.shape, tensor.initial)
        for shard in shards:
            yield self._filled(
                shard, 0.0 if whole is None else whole[shard.region.slices_within(tensor.region)]
            )

    def of_batch(self, shard: Shard, batch: Batch) -> Array:
        """A shard's part of the images or labels of a batch."""
        values = batch.images if shard.tensor.base == DATA else batch.labels
        return self._filled(shard, values[shard.region.slices_within(shard.tensor.region)])

    def mask(self, step: int, shard: Shard, rate: float) -> Array:
        """A shard's part of the mask of a dropout layer in a step."""
        tensor = shard.tensor
        whole = self._mask(self._seed, tensor.name_in(step), tensor.shape, rate)
        return np.ascontiguousarray(whole[shard.region.slices_within(tensor.region)])

    def _filled(self, shard: Shard, values: Array | float) -> Array:
        array = self._backend.empty(*made_of(shard.tensor, shard.region))
        self._backend.fill(array, values, shard.tensor.dtype, shard.tensor.base)
        return array
