"""The ways to split a network that people have names for, each a small world calculated by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

import backends
from dataflow.batches import Noise
from dataflow.experiment import Experiment
from dataflow.hardware import Hardware
from dataflow.ops import Phase
from dataflow.placement import PlacedGraph, PlacedTask
from dataflow.plan import CollectiveRule, Plan, Rule, Split
from dataflow.references import OneProcessor, verify
from dataflow.tensor import TensorKind
from tests.engine.worlds import (
    RELU,
    computed,
    conv,
    experiment,
    fc,
    machine,
    network,
    on,
    placed,
    split,
    traced,
)

NUMBER = 8
"""Bytes of a float64."""


def adding(hardware: Hardware) -> Hardware:
    """The same machine with processors that add what arrives on the way, as collective libraries do."""
    processors = {name: replace(p, reduces=True) for name, p in hardware.processors.items()}
    return replace(hardware, processors=processors)


def ring(hardware: Hardware) -> dict[str, CollectiveRule]:
    """All sums and gathers around a ring."""
    return {"*": CollectiveRule(algorithm="ring")}


def assert_trains_like_one_processor(world: Experiment) -> None:
    """Every tensor of the last of three steps is that of one processor, within 1e-9."""
    world = replace(world, training=replace(world.training, steps=3))
    backend = backends.get("numpy")
    _, last = computed(world, backend)
    verification = verify(last, world, Noise(world), OneProcessor(backend), tolerance=1e-9)
    assert [c.tensor for c in verification.comparisons if not c.passed] == []
    assert verification.passed


def moved(graph: PlacedGraph, phase: Phase | None = None) -> dict[tuple[str, str], int]:
    """Bytes that go from each layer's name, or phase of it, in messages."""
    found: Counter[tuple[str, str]] = Counter()
    for task in sends(graph):
        if phase in (None, task.phase):
            found[task.layer, task.collective] += task.bytes
    return dict(found)


def sends(graph: PlacedGraph) -> list[PlacedTask]:
    """All messages but the loading of batches."""
    return [task for task in graph.transfers if task.phase is not Phase.LOAD]


def sent_by(graph: PlacedGraph) -> dict[str, int]:
    """Bytes that each memory sends."""
    found: Counter[str] = Counter()
    for task in sends(graph):
        found[task.route[0]] += task.bytes
    return dict(found)


def kept(graph: PlacedGraph, kind: TensorKind) -> dict[str, int]:
    """Bytes of a kind of tensor that each memory has before the first step."""
    found: Counter[str] = Counter()
    for shard in graph.shards.values():
        if shard.tensor.kind is kind and shard.tensor.version == 0:
            found[shard.memory] += shard.bytes
    return dict(found)


# -- data parallelism ---------------------------------------------------------------------


@pytest.mark.parametrize("count", [2, 3, 4, 6])
def test_the_time_of_a_ring_all_reduce(count: int) -> None:
    """2 (n - 1) a + 2 (n - 1) / n S / B, to the picosecond, where nothing else is in its way.

    One layer of 12 channels of 2 inputs: S = 192 B. At 1 TB/s a byte takes 1 ps; a = 70 + 5 ps.
    """
    net = network({"out": fc(12, bias=False)}, classes=12)
    hardware = adding(machine(count, latency_ps=70, copy_overhead_ps=5))
    plan = Plan(mesh={"data": count}, layers={"*": split(batch="data")}, collectives=ring(hardware))
    trace = traced(experiment(net, hardware, plan, batch=count))
    spans = [s for s in trace.spans if s.collective == "all-reduce ring" and s.step == 0]
    size = 12 * 2 * NUMBER
    assert len(spans) == 2 * (count - 1) * count
    taken = max(s.end_ps for s in spans) - min(s.start_ps for s in spans)
    assert taken == 2 * (count - 1) * (75 + size // count)


def test_gradient_buckets() -> None:
    """Three layers' gradients go as one all-reduce of all when a bucket holds them; alone without.

    Ring over two: 2 phases of 1 message by each of 2, so 4 messages an all-reduce.
    """
    layers = {"a": fc(4, bias=False), "b": fc(4, bias=False), "c": fc(2, bias=False)}
    hardware = adding(machine(2))
    plan = Plan(mesh={"data": 2}, layers={"*": split(batch="data")}, collectives=ring(hardware))
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
    plan = Plan(mesh={"data": count}, layers={"*": rule}, collectives=ring(hardware))
    return experiment(network(SHARDED, classes=12), hardware, plan, batch=count)


STAGES = [(), ("velocity",), ("velocity", "gradient"), ("velocity", "gradient", "parameter")]


@pytest.mark.parametrize("count", [2, 3, 4])
@pytest.mark.parametrize("kinds", STAGES)
def test_what_zero_keeps(count: int, kinds: Sequence[str]) -> None:
    """What is kept in shards takes 1 / n of each memory, what is not takes all (arXiv 1910.02054, figure 1)."""
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
    world = replace(world, training=replace(world.training, batch=8), plan=replace(world.plan, microbatches=4))
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
        collectives={"*": CollectiveRule(algorithm="ring")},
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


SCHEMES: Mapping[str, tuple[int, int]] = {"gather": (1, 1), "in turn": (WORKERS, 1), "shares": (WORKERS, WORKERS)}
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
    assert senders == {
        "gather": [everyone],
        "in turn": [frozenset((f"p{worker}",)) for worker in range(WORKERS)],
        "shares": [everyone] * WORKERS,
    }[scheme]


def priorities(tasks: Sequence[PlacedTask]) -> list[tuple[int, int]]:
    """The turns in which tasks come."""
    return sorted({task.priority for task in tasks})


@pytest.mark.parametrize("scheme", list(SCHEMES))
def test_one_weird_trick_trains_like_one_processor(scheme: str) -> None:
    """All three schemes give the same numbers."""
    assert_trains_like_one_processor(one_weird_trick(*SCHEMES[scheme]))


# -- tasks placed apart -------------------------------------------------------------------


def test_gradients_on_other_processors() -> None:
    """Forward on p0, gradients on p1: what p1 reads of p0 is copied, and the summed gradients come back.

    Layers a (3 of 2) and b (2 of 3), 4 images. Forward the loss reads b on p0. For b's gradients p1 needs
    its weight (2x3) and input (4x3), for a's its input comes from the host; the loss's gradient is p0's: 4x2.
    Weights' and biases' gradients go to p0: (3x2 + 3) + (2x3 + 2).
    """
    layers = {"a": fc(3), "b": fc(2)}
    plan = Plan(layers={"a": Rule(gradient=Split(on=("p1",))), "b": Rule(gradient=Split(on=("p1",)))})
    world = experiment(network(layers), machine(2), plan, batch=4)
    graph = placed(replace(world, plan=replace(plan, mesh={"x": 1}, processors=("p0",))))
    assert sent_by(graph) == {
        "p0": (2 * 3 + 4 * 3 + 4 * 2) * NUMBER,
        "p1": (3 * 2 + 3 + 2 * 3 + 2) * NUMBER,
    }
    assert_trains_like_one_processor(replace(world, plan=graph.plan))


def test_a_parameter_server() -> None:
    """Updates on p2: it gets the gradients of p0 and p1, and gives both the new parameters."""
    layers = {"a": fc(3, bias=False), "b": fc(2, bias=False)}
    rule = Rule(shard={"batch": "data"}, update=Split(on=("p2",)))
    plan = Plan(mesh={"data": 2}, processors=("p0", "p1"), layers={"*": rule})
    world = experiment(network(layers), machine(3), plan, batch=4)
    graph = placed(world)
    size = (3 * 2 + 2 * 3) * NUMBER
    assert sent_by(graph) == {"p0": size, "p1": size, "p2": 2 * size}
    assert {t.processor for t in graph.tasks if t.phase is Phase.UPDATE and t.processor} == {"p2"}
    assert kept(graph, TensorKind.VELOCITY) == {"p2": size}
    assert_trains_like_one_processor(world)


def test_uneven_shares() -> None:
    """Shares 3 and 1 of eight images are six and two, and of four channels three and one."""
    layers = {"a": fc(4), "b": fc(2)}
    rules = {"*": split(batch="x"), "b": split(in_channel="x")}
    plan = Plan(mesh={"x": 2}, shares={"x": (3, 1)}, layers=rules)
    world = experiment(network(layers), machine(2), plan, batch=8)
    graph = placed(world)
    regions = [graph.shards[name].region.ranges for name in graph.homes["a@0"]]
    assert regions == [((0, 6), (0, 4)), ((6, 8), (0, 4))]
    read = {t.processor: t.reads[0].region.ranges for t in graph.tasks if t.name.startswith("b.forward")}
    assert read == {"p0": ((0, 8), (0, 3)), "p1": ((0, 8), (3, 4))}
    assert_trains_like_one_processor(world)


def test_two_axes_on_one_dimension() -> None:
    """``batch: [node, data]`` cuts six images into as many parts as both axes have places, the first slowest."""
    plan = Plan(mesh={"node": 2, "data": 3}, layers={"*": Rule(shard={"batch": ("node", "data")})})
    world = experiment(network({"a": fc(2)}), machine(6), plan, batch=6)
    graph = placed(world)
    assert [graph.shards[name].region.ranges[0] for name in graph.homes["a@0"]] == [(i, i + 1) for i in range(6)]
    assert_trains_like_one_processor(world)


def test_a_place_in_the_mesh() -> None:
    """A layer ``at`` data 1 is done by the processors there alone: p2 and p3 of a mesh of 2 by 2."""
    rules = {"*": split(batch="data", channel="model"), "a": Rule(shard={"channel": "model"}, at={"data": 1})}
    plan = Plan(mesh={"data": 2, "model": 2}, layers=rules)
    world = experiment(network({"a": fc(4), "b": fc(2)}), machine(4), plan, batch=4)
    graph = placed(world)
    assert {t.processor for t in graph.tasks if t.layer == "a" and t.processor} == {"p2", "p3"}
    assert_trains_like_one_processor(world)


def test_units_of_channels() -> None:
    """``group`` cuts whole groups: of three over two processors the first has one, the second two."""
    layers = {"c": conv(6, 1, groups=3), "f": fc(2)}
    plan = Plan(mesh={"model": 2}, layers={"c": split(group="model")})
    world = experiment(network(layers, image=(3, 1, 1)), machine(2), plan)
    graph = placed(world)
    assert [graph.shards[name].region.ranges[1] for name in graph.homes["c@0"]] == [(0, 2), (2, 6)]
    assert_trains_like_one_processor(world)


def test_on_and_rules_side_by_side() -> None:
    """Layers on processors of their own beside a mesh: still the numbers of one processor."""
    layers = {"c": conv(4, 1), "f": fc(4), "r": RELU, "g": fc(2)}
    rules = {"*": split(batch="data"), "f": on("p2", "p0", channel="on"), "g": on("p1")}
    plan = Plan(mesh={"data": 2}, processors=("p0", "p1"), layers=rules)
    assert_trains_like_one_processor(experiment(network(layers, image=(2, 2, 2)), machine(3), plan, batch=4))
