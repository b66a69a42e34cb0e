"""Laws of memory: what is there at the end, never less than nothing, and when it is full."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given

from dataflow.errors import OutOfMemoryError
from dataflow.measurement import measure
from dataflow.simulation import simulate
from dataflow.trace import Trace
from tests.engine.strategies import World, law, with_capacity, worlds


def peaks(trace: Trace) -> dict[str, int]:
    """The most bytes that are in use in each memory."""
    found: dict[str, int] = {}
    for event in trace.memory_events:
        found[event.memory] = max(found.get(event.memory, 0), event.used_bytes)
    return found


@law(6)
@given(world=worlds(steps=2))
def test_memory_ends_with_what_is_kept(world: World) -> None:
    """At the end each memory holds its weights, velocities and one batch; it never held less than nothing."""
    graph = world.placed
    trace = simulate(graph, 2).trace
    used: dict[str, int] = dict.fromkeys(graph.hardware.memories, 0)
    for event in trace.memory_events:
        used[event.memory] += event.bytes
        assert event.used_bytes == used[event.memory] >= 0
    kept = dict.fromkeys(graph.hardware.memories, 0)
    for shard in graph.shards.values():
        if shard.tensor.carried and shard.tensor.version == 0 and shard.name not in graph.writer:
            kept[shard.memory] += shard.bytes
    assert used == kept
    assert all(a.time_ps <= b.time_ps for a, b in pairwise(trace.memory_events))


@law(5)
@given(world=worlds(steps=2))
def test_a_memory_is_full_when_it_is_smaller_than_the_peak(world: World) -> None:
    """As large as its peak each memory changes nothing; a byte less is too little."""
    trace = simulate(world.placed, 2).trace
    for memory, peak in peaks(trace).items():
        assert simulate(with_capacity(world, memory, peak), 2).trace == trace
        with pytest.raises(OutOfMemoryError) as raised:
            simulate(with_capacity(world, memory, peak - 1), 2)
        assert raised.value.memory == memory
        assert raised.value.capacity_bytes == peak - 1


@law(2)
@given(world=worlds(steps=2))
def test_a_run_that_fits_can_be_measured(world: World) -> None:
    """With memories as large as the run needs and no larger, everything about it can still be measured."""
    metrics = measure(simulate(world.placed, 2))
    memories = {
        name: replace(memory, capacity_bytes=metrics.memories[name].peak_bytes)
        for name, memory in world.placed.hardware.memories.items()
    }
    hardware = replace(world.placed.hardware, memories=memories)
    again = measure(simulate(replace(world.placed, hardware=hardware), 2))
    assert again.step_time_s == metrics.step_time_s
