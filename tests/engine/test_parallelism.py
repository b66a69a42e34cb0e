"""The ways to split a network that people have names for, each a small world calculated by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from dataflow.collectives import ALGORITHMS, Collective
from dataflow.experiment import Experiment
from dataflow.hardware import Hardware
from dataflow.layers import LayerSpec
from dataflow.ops import Phase
from dataflow.placement import PlacedTask
from dataflow.plan import CollectiveRule, Plan, Rule
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

Layers = dict[str, LayerSpec]


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
@pytest.mark.parametrize("count", [4, 8])
@pytest.mark.parametrize("pieces", [1, 2])
def test_what_an_all_reduce_sends(algorithm: str, count: int, pieces: int) -> None:
    """2 (n - 1) S by the algorithms that share the work out, n (n - 1) S by all to all, 2 n S by a server."""
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


# -- tensor parallelism -------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 4])
def test_columns_then_rows(count: int) -> None:
    """A pair of layers by columns, then rows, sums once forward and once backward (arXiv 1909.08053).

    Each an all-reduce of an activation of 6 images and 8 channels.
    """
    layers: Layers = {"in": fc(8), "up": fc(16), "relu": RELU, "down": fc(8), "out": fc(2)}
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
    layers: Layers = {"conv": conv(4, 1), "relu": RELU, "fc1": fc(8), "relu1": RELU, "fc2": fc(4)}
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


def test_shards_of_slices() -> None:
    """Slices of a weight may be kept in shards along the axis that makes them: each has a part of each."""
    plan = Plan(mesh={"x": 2}, layers={"a": Rule(shard={"channel": "x"}, store={"parameter": "x"})})
    world = experiment(network({"a": fc(4, bias=False), "b": fc(2)}), adding(machine(2)), plan, batch=3)
    kept = {
        (s.memory, s.region.ranges[0]) for s in placed(world).shards.values() if s.tensor.name == "a.weight@1"
    }
    assert kept == {("p0", (0, 1)), ("p1", (1, 2)), ("p0", (2, 3)), ("p1", (3, 4))}
    assert_trains_like_one_processor(world)


@pytest.mark.parametrize("batch", [1, 2])
def test_shards_on_processors_without_an_image(batch: int) -> None:
    """What is stored along the data axis is on all its processors, also on those that have no image."""
    plan = Plan(mesh={"x": 3}, layers={"*": Rule(shard={"batch": "x"}, store={"velocity": "x"})})
    world = experiment(network({"a": fc(6)}, classes=6), adding(machine(3)), plan, batch=batch)
    velocity = [s for s in placed(world).shards.values() if s.tensor.name == "a.weight.velocity@0"]
    assert sorted((s.memory, s.region.ranges[0]) for s in velocity) == [
        ("p0", (0, 2)),
        ("p1", (2, 4)),
        ("p2", (4, 6)),
    ]
    assert_trains_like_one_processor(world)
