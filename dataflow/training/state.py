"""What a step leaves for the next: parameters and velocities, whole, whatever the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from dataflow.backend import Array
from dataflow.values.executor import Executor

State = Mapping[str, Array]
"""The values of tensors that are carried from step to step, by their names without version."""


def state_of(executor: Executor, shards: Iterable[str], step: int) -> dict[str, Array]:
    """Copies of the values that a step reads when it begins.

    shards: those that were in their memories at the very start; of replicas the last is taken, for
    they are equal.
    """
    found: dict[str, Array] = {}
    for name in shards:
        shard = executor.placed.shards[name]
        array = executor.stores[shard.memory][name, step]
        tensor = shard.tensor
        if tensor.base not in found:
            found[tensor.base] = np.empty(tensor.shape, array.dtype)
        found[tensor.base][shard.region.slices_within(tensor.region)] = array
    return found


def put_state(executor: Executor, shards: Iterable[str], step: int, state: State) -> None:
    """Gives shards that are in their memories the values of a state."""
    for name in shards:
        shard = executor.placed.shards[name]
        array = executor.stores[shard.memory][name, step]
        array[...] = state[shard.tensor.base][shard.region.slices_within(shard.tensor.region)]
