"""Parameters, gradients and velocities in shards (ZeRO) against hand calculation: bytes kept and sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from dataflow.experiment import Experiment
from dataflow.layers import LayerSpec
from dataflow.placement import PlacedGraph
from dataflow.plan import Kept, Plan, Rule
from dataflow.tensor import TensorKind
from tests.engine.counting import NUMBER, RING, adding, assert_trains_like_one_processor, sends, sent_by
from tests.engine.worlds import RELU, conv, experiment, fc, machine, network, placed, traced

SHARDED = {"a": fc(12, bias=False), "b": fc(24, bias=False), "c": fc(12, bias=False)}
SIZES = {"a": 12 * 2 * NUMBER, "b": 24 * 12 * NUMBER, "c": 12 * 24 * NUMBER}


def sharded(count: int, *kinds: Kept) -> Experiment:
    """Data parallelism with these kinds of tensors kept in shards; three layers without biases."""
    store = dict.fromkeys(kinds, "data")
    hardware = adding(machine(count))
    rule = Rule(shard={"batch": "data"}, store=store)
    plan = Plan(mesh={"data": count}, layers={"*": rule}, collectives=RING)
    return experiment(network(SHARDED, classes=12), hardware, plan, batch=count)


STAGES: Sequence[tuple[Kept, ...]] = [
    (),
    ("velocity",),
    ("velocity", "gradient"),
    ("velocity", "gradient", "parameter"),
]


def at_home(graph: PlacedGraph, kind: TensorKind) -> dict[str, int]:
    """Bytes of the final values of a kind of tensor in each memory, before any update."""
    found: Counter[str] = Counter()
    for names in graph.homes.values():
        for shard in (graph.shards[name] for name in names):
            if shard.tensor.kind is kind and shard.tensor.version == 0:
                found[shard.memory] += shard.bytes
    return dict(found)


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("kinds", STAGES)
def test_what_zero_keeps(count: int, kinds: Sequence[Kept]) -> None:
    """What is kept in shards takes 1 / n of a memory, what is not all (arXiv 1910.02054, figure 1)."""
    graph = placed(sharded(count, *kinds))
    everything = sum(SIZES.values())
    for kind, name in ((TensorKind.VELOCITY, "velocity"), (TensorKind.PARAMETER, "parameter")):
        share = count if name in kinds else 1
        assert at_home(graph, kind) == dict.fromkeys(graph.hardware.processors, everything // share)
    # The update needs its own share of the gradient alone, so stage 1 need not sum the rest either.
    gradients = everything // (count if kinds else 1)
    summed = at_home(graph, TensorKind.PARAMETER_GRADIENT)
    assert summed == dict.fromkeys(graph.hardware.processors, gradients)


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("kinds", STAGES)
def test_what_zero_sends(count: int, kinds: Sequence[Kept]) -> None:
    """Stages 1 and 2 send what an all-reduce does: 2 (n - 1) / n S a processor; stage 3 half as much again.

    Stage 3 gathers weights forward, and backward for the input's gradient, which the first layer has none of
    (arXiv 1910.02054, section 7).
    """
    graph = placed(sharded(count, *kinds))
    times = {"a": 2, "b": 3, "c": 3} if "parameter" in kinds else dict.fromkeys(SIZES, 2)
    expected = sum(times[layer] * size for layer, size in SIZES.items()) * (count - 1) // count
    assert sent_by(graph) == dict.fromkeys(graph.hardware.processors, expected)


def peak(world: Experiment, kind: TensorKind) -> int:
    """The most bytes of a kind of tensor that p0 has at once."""
    most = now = 0
    for event in traced(world).memory_events:
        if event.memory == "p0" and event.kind == kind.value:
            now += event.bytes
            most = max(most, now)
    return most


def test_the_memory_zero_saves() -> None:
    """Stage 3 never has all weights at once: its shard of each, and the two layers it gathered last.

    Layer by layer 192, 2304 and 2304 B over two: half of all, and of b and c the other half.
    """
    plain, third = sharded(2), sharded(2, *STAGES[-1])
    everything = sum(SIZES.values())
    assert peak(plain, TensorKind.PARAMETER) == everything
    assert peak(third, TensorKind.PARAMETER) <= everything // 2 + (SIZES["b"] + SIZES["c"]) // 2
    assert peak(plain, TensorKind.VELOCITY) == everything
    assert peak(sharded(2, "velocity"), TensorKind.VELOCITY) == everything // 2


@pytest.mark.parametrize("microbatches", [1, 2])
def test_the_memory_of_many_layers_in_shards(microbatches: int) -> None:
    """Of eight equal layers over four stage 3 has a quarter, and of two gathered layers the rest: 3.5 of 8.

    Layer 0 reads 4 features as the others do: 8 layers of 4 x 4 numbers. Each micro-batch gathers for itself,
    the next one's first two layers ahead.
    """
    layers = {f"l{index}": fc(4, bias=False) for index in range(8)}
    world = sharded(4, *STAGES[-1])
    plan = replace(world.plan, microbatches=microbatches)
    world = replace(world, network=network(layers, image=(4, 1, 1), classes=4), plan=plan)
    world = replace(world, training=replace(world.training, batch=8))
    one = 4 * 4 * NUMBER
    gathered = 2 * microbatches * (one - one // 4)
    assert 8 * one // 4 < peak(world, TensorKind.PARAMETER) <= 8 * one // 4 + gathered


@pytest.mark.parametrize("kinds", STAGES)
@pytest.mark.parametrize("microbatches", [1, 2])
def test_zero_trains_like_one_processor(kinds: Sequence[Kept], microbatches: int) -> None:
    """Whatever is kept in shards, also of layers that do not divide evenly, and with micro-batches."""
    world = sharded(3, *kinds)
    layers: dict[str, LayerSpec] = {"k": conv(4, 1), "r": RELU, "f": fc(5), "c": fc(12)}
    plan = replace(world.plan, microbatches=microbatches)
    world = replace(world, network=network(layers, classes=12), plan=plan)
    world = replace(world, training=replace(world.training, batch=6))
    assert_trains_like_one_processor(world)


def test_gradients_in_shards_are_summed_for_each_micro_batch() -> None:
    """Stage 2 never holds a whole gradient for longer than a micro-batch: so it reduces each, m times S."""
    world = sharded(2, "velocity", "gradient")
    world = replace(
        world, training=replace(world.training, batch=8), plan=replace(world.plan, microbatches=4)
    )
    graph = placed(world)
    scattered = sum(t.bytes for t in sends(graph) if t.collective == "reduce-scatter ring")
    assert scattered == 4 * sum(SIZES.values())
