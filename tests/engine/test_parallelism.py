"""The ways to split a network that people have names for, each a small world calculated by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from dataflow.collectives import ALGORITHMS, Collective
from dataflow.experiment import Experiment
from dataflow.hardware import Hardware
from dataflow.ops import Phase
from dataflow.placement import PlacedTask
from dataflow.plan import CollectiveRule, Plan, Rule
from dataflow.tensor import TensorKind
from tests.engine.counting import (
    NUMBER,
    RING,
    adding,
    assert_trains_like_one_processor,
    moved,
    sends,
    sent_by,
)
from tests.engine.worlds import RELU, conv, experiment, fc, machine, network, placed, split, traced

# -- data parallelism ---------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_the_time_of_a_ring_all_reduce(count: int) -> None:
    """2 (n - 1) a + 2 (n - 1) / n S / B, to the picosecond, where nothing else is in its way.

    One layer of 12 channels of 2 inputs: S = 192 B. At 1 TB/s a byte takes 1 ps; a = 70 + 5 ps.
    """
    net = network({"out": fc(12, bias=False)}, classes=12)
    hardware = adding(machine(count, latency_ps=70, copy_overhead_ps=5))
    plan = Plan(mesh={"data": count}, layers={"*": split(batch="data")}, collectives=RING)
    trace = traced(experiment(net, hardware, plan, batch=count))
    spans = [s for s in trace.spans if s.collective == "all-reduce ring" and s.step == 0]
    size = 12 * 2 * NUMBER
    assert len(spans) == 2 * (count - 1) * count
    taken = max(s.end_ps for s in spans) - min(s.start_ps for s in spans)
    assert taken == 2 * (count - 1) * (75 + size // count)


def all_reduced_bytes(algorithm: str, count: int, size: int) -> int:
    """What all processors together send, where two machines of n / 2 each are groups."""
    return {
        "ring": 2 * (count - 1) * size,
        "tree": 2 * (count - 1) * size,
        "direct": count * (count - 1) * size,
        "halving-doubling": 2 * (count - 1) * size,
        "hierarchical": 2 * (count - 1) * size,
        "server": 2 * count * size,
    }[algorithm]


@pytest.mark.parametrize("algorithm", ALGORITHMS[Collective.ALL_REDUCE])
@pytest.mark.parametrize("count", [2, 4, 8])
@pytest.mark.parametrize("pieces", [1, 2])
def test_what_an_all_reduce_sends(algorithm: str, count: int, pieces: int) -> None:
    """2 (n - 1) S by the algorithms that share the work out, n (n - 1) S by all to all, 2 n S by a server."""
    if (algorithm, count) == ("hierarchical", 2):
        pytest.skip("two groups of one rank are no groups")
    net = network({"out": fc(16, bias=False)}, classes=16)
    hardware = two_machines(adding(machine(count)))
    how = CollectiveRule(algorithm=algorithm, pieces=pieces, server="host" if algorithm == "server" else None)
    plan = Plan(mesh={"data": count}, layers={"*": split(batch="data")}, collectives={"all-reduce": how})
    world = experiment(net, hardware, plan, batch=count)
    assert sum(sent_by(placed(world)).values()) == all_reduced_bytes(algorithm, count, 16 * 2 * NUMBER)
    assert_trains_like_one_processor(world)


def two_machines(hardware: Hardware) -> Hardware:
    """The same processors, the first half in one machine, the others in another."""
    half = len(hardware.processors) // 2
    processors = {
        name: replace(processor, node=f"n{index // half}")
        for index, (name, processor) in enumerate(hardware.processors.items())
    }
    return replace(hardware, processors=processors)


def test_gradient_buckets() -> None:
    """Three layers' gradients go as one all-reduce of all when a bucket holds them; alone without.

    Ring over two: 2 phases of 1 message by each of 2, so 4 messages an all-reduce.
    """
    layers = {"a": fc(4, bias=False), "b": fc(4, bias=False), "c": fc(2, bias=False)}
    hardware = adding(machine(2))
    plan = Plan(mesh={"data": 2}, layers={"*": split(batch="data")}, collectives=RING)
    sizes = [4 * 2, 4 * 4, 2 * 4]
    for bucket_bytes, expected in ((0, 3), (1 << 20, 1), ((4 * 4 + 2 * 4) * NUMBER, 2)):
        world = experiment(network(layers), hardware, replace(plan, bucket_bytes=bucket_bytes))
        graph = placed(world)
        assert len(sends(graph)) == 4 * expected
        assert sent_by(graph) == dict.fromkeys(("p0", "p1"), sum(sizes) * NUMBER)
        assert_trains_like_one_processor(world)


# -- ZeRO ---------------------------------------------------------------------------------

SHARDED = {"a": fc(12, bias=False), "b": fc(24, bias=False), "c": fc(12, bias=False)}
SIZES = {"a": 12 * 2 * NUMBER, "b": 24 * 12 * NUMBER, "c": 12 * 24 * NUMBER}


def sharded(count: int, *kinds: str) -> Experiment:
    """Data parallelism with these kinds of tensors kept in shards; three layers without biases."""
    store = dict.fromkeys(kinds, "data")
    hardware = adding(machine(count))
    rule = Rule(shard={"batch": "data"}, store=store)
    plan = Plan(mesh={"data": count}, layers={"*": rule}, collectives=RING)
    return experiment(network(SHARDED, classes=12), hardware, plan, batch=count)


STAGES = [(), ("velocity",), ("velocity", "gradient"), ("velocity", "gradient", "parameter")]


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("kinds", STAGES)
def test_what_zero_keeps(count: int, kinds: Sequence[str]) -> None:
    """What is kept in shards takes 1 / n of a memory, what is not all (arXiv 1910.02054, figure 1)."""
    graph = placed(sharded(count, *kinds))
    everything = sum(SIZES.values())
    for kind, name in ((TensorKind.VELOCITY, "velocity"), (TensorKind.PARAMETER, "parameter")):
        share = count if name in kinds else 1
        homes = Counter[str]()
        for tensor, shards in graph.homes.items():
            if tensor.endswith("@0") and graph.shards[shards[0]].tensor.kind is kind:
                for shard in shards:
                    homes[graph.shards[shard].memory] += graph.shards[shard].bytes
        assert homes == dict.fromkeys(graph.hardware.processors, everything // share)
    # The update needs its own share of the gradient alone, so stage 1 need not sum the rest either.
    gradients: Counter[str] = Counter()
    for shards in graph.homes.values():
        for shard in (graph.shards[name] for name in shards):
            if shard.tensor.kind is TensorKind.PARAMETER_GRADIENT:
                gradients[shard.memory] += shard.bytes
    assert gradients == dict.fromkeys(graph.hardware.processors, everything // (count if kinds else 1))


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("kinds", STAGES)
def test_what_zero_sends(count: int, kinds: Sequence[str]) -> None:
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


def test_the_memory_of_many_layers_in_shards() -> None:
    """Of eight equal layers over four stage 3 has a quarter, and of two gathered layers the rest: 3.5 of 8.

    Layer 0 reads 4 features as the others do: 8 layers of 4 x 4 numbers.
    """
    layers = {f"l{index}": fc(4, bias=False) for index in range(8)}
    world = sharded(4, *STAGES[-1])
    world = replace(world, network=network(layers, image=(4, 1, 1), classes=4))
    one = 4 * 4 * NUMBER
    assert 8 * one // 4 < peak(world, TensorKind.PARAMETER) <= 8 * one // 4 + 2 * (one - one // 4)


@pytest.mark.parametrize("kinds", STAGES)
@pytest.mark.parametrize("microbatches", [1, 2])
def test_zero_trains_like_one_processor(kinds: Sequence[str], microbatches: int) -> None:
    """Whatever is kept in shards, also of layers that do not divide evenly, and with micro-batches."""
    world = sharded(3, *kinds)
    layers = {"k": conv(4, 1), "r": RELU, "f": fc(5), "c": fc(12)}
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


# -- tensor parallelism -------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 4])
def test_columns_then_rows(count: int) -> None:
    """A pair of layers by columns, then rows, sums once forward and once backward (arXiv 1909.08053).

    Each an all-reduce of an activation of 6 images and 8 channels.
    """
    layers = {"in": fc(8), "up": fc(16), "relu": RELU, "down": fc(8), "out": fc(2)}
    plan = Plan(
        mesh={"model": count},
        layers={
            "up": split(channel="model"),
            "relu": split(channel="model"),
            "down": split(in_channel="model"),
        },
        collectives=RING,
    )
    world = experiment(network(layers), adding(machine(count)), plan, batch=6)
    graph = placed(world)
    size = 2 * (count - 1) * 6 * 8 * NUMBER
    assert moved(graph, Phase.FORWARD) == {("down", "all-reduce ring"): size}
    assert moved(graph, Phase.GRADIENT) == {("up", "all-reduce ring"): size}
    assert moved(graph, Phase.UPDATE) == {}
    assert_trains_like_one_processor(world)


# -- one weird trick ----------------------------------------------------------------------

WORKERS = 4
IMAGES = 16


def one_weird_trick(fc_microbatches: int, microbatches: int) -> Experiment:
    """Convolutions by images, fully connected layers by channels, over four workers (arXiv 1404.5997)."""
    layers = {"conv": conv(4, 1), "relu": RELU, "fc1": fc(8), "relu1": RELU, "fc2": fc(4)}
    by_channel = Rule(shard={"channel": "worker"}, microbatches=fc_microbatches)
    by_image = Rule(shard={"batch": "worker"})
    plan = Plan(
        mesh={"worker": WORKERS},
        layers={
            "*": by_image,
            **dict.fromkeys(("fc1", "relu1", "fc2"), by_channel),
            "loss": Rule(microbatches=fc_microbatches),
        },
        microbatches=microbatches,
        collectives={"*": CollectiveRule(algorithm="direct")},
    )
    return experiment(network(layers, image=(2, 2, 2), classes=4), machine(WORKERS), plan, batch=IMAGES)


SCHEMES: Mapping[str, tuple[int, int]] = {
    "gather": (1, 1),
    "in turn": (WORKERS, 1),
    "shares": (WORKERS, WORKERS),
}
"""Scheme: micro-batches of the fully connected layers, and of the convolutions."""


@pytest.mark.parametrize("scheme", list(SCHEMES))
def test_one_weird_trick_sends(scheme: str) -> None:
    """Before fc1 each image's 4x2x2 features go to the other three workers, whatever the scheme.

    (a) All together; (b) one worker after the other sends all its images; (c) every worker sends a
    quarter of its images each time (arXiv 1404.5997, section 4).
    """
    graph = placed(one_weird_trick(*SCHEMES[scheme]))
    before = [task for task in sends(graph) if task.layer == "fc1" and task.phase is Phase.FORWARD]
    assert sum(task.bytes for task in before) == (WORKERS - 1) * IMAGES * 4 * 2 * 2 * NUMBER
    pairs = WORKERS * (WORKERS - 1)
    assert len(before) == {"gather": pairs, "in turn": pairs, "shares": WORKERS * pairs}[scheme]
    senders = [frozenset(t.route[0] for t in before if t.priority == p) for p in priorities(before)]
    everyone = frozenset(graph.hardware.processors)
    assert (
        senders
        == {
            "gather": [everyone],
            "in turn": [frozenset((f"p{worker}",)) for worker in range(WORKERS)],
            "shares": [everyone] * WORKERS,
        }[scheme]
    )


def priorities(tasks: Sequence[PlacedTask]) -> list[tuple[int, int]]:
    """The turns in which tasks come."""
    return sorted({task.priority for task in tasks})


@pytest.mark.parametrize("scheme", list(SCHEMES))
def test_one_weird_trick_trains_like_one_processor(scheme: str) -> None:
    """All three schemes give the same numbers."""
    assert_trains_like_one_processor(one_weird_trick(*SCHEMES[scheme]))
