"""Placement: what moves between memories for every famous way to split AlexNet, to the byte.

Bytes are of float32. A movement is (layer, from, to): bytes, all transfers of it together.
"""

from __future__ import annotations

from collections import Counter
from functools import cache

import pytest

from dataflow.errors import PlanError
from dataflow.hardware import Hardware
from dataflow.ops import Phase
from dataflow.placement import PlacedGraph, PlacedTask
from dataflow.plan import Plan
from dataflow.tensor import TensorKind
from tests.engine.worlds import (
    BATCH_OVER_TWO,
    ONE_WEIRD_TRICK,
    ROWS_OVER_TWO,
    TOWERS,
    alexnet,
    experiment,
    fc,
    gpus,
    machine,
    network,
    on,
    placed,
)

Movements = dict[tuple[str, str, str], int]

WORLDS: dict[str, tuple[int, int, Plan]] = {
    "towers": (2, 128, TOWERS),
    "batch": (2, 128, BATCH_OVER_TWO),
    "one weird trick": (8, 1024, ONE_WEIRD_TRICK),
    "rows": (2, 128, ROWS_OVER_TWO),
}
"""Processors, batch, plan."""


@cache
def world(name: str, batch: int | None = None) -> PlacedGraph:
    """AlexNet placed by one of the plans."""
    count, usual, plan = WORLDS[name]
    return placed(experiment(alexnet(), gpus(count), plan, batch=batch or usual, dtype="float32"))


def kind(graph: PlacedGraph, transfer: PlacedTask) -> TensorKind:
    """What kind of tensor a transfer moves."""
    return graph.shards[transfer.writes["copy0"]].tensor.kind


def moved(graph: PlacedGraph, *kinds: TensorKind, phase: Phase | None = None) -> Movements:
    """What moves of tensors of these kinds, in this phase or in any."""
    found: Counter[tuple[str, str, str]] = Counter()
    for task in graph.transfers:
        if kind(graph, task) in kinds and phase in (None, task.phase):
            assert task.ends is not None
            found[task.layer, *task.ends] += task.bytes
    return dict(found)


def forward(graph: PlacedGraph) -> Movements:
    """All that moves in the forward pass, of whatever kind; the loss included."""
    phases = (Phase.FORWARD, Phase.LOSS)
    return {k: v for phase in phases for k, v in moved(graph, *TensorKind, phase=phase).items()}


def both_ways(layer: str, size: int) -> Movements:
    """The same from gpu0 to gpu1 and back."""
    return {(layer, "gpu0", "gpu1"): size, (layer, "gpu1", "gpu0"): size}


def held_repeatedly(graph: PlacedGraph) -> int:
    """Bytes of the parameters that are in more than one memory."""
    homes = {
        name: [graph.shards[shard] for shard in shards]
        for name, shards in graph.homes.items()
        if graph.task_graph.tensors[name].kind is TensorKind.PARAMETER and name.endswith("@0")
    }
    return sum(
        shards[0].bytes
        for shards in homes.values()
        if len(shards) > 1 and len({s.region for s in shards}) == 1
    )


def test_two_towers_move_four_activations() -> None:
    """Each GPU sends its half of pool2, pool5 and fc6 to the other, and gpu1 its half of fc7 to gpu0."""
    graph = world("towers")
    pool2, pool5, half = 128 * 128 * 13 * 13 * 4, 128 * 128 * 6 * 6 * 4, 128 * 2048 * 4
    assert (pool2, pool5, half) == (11_075_584, 2_359_296, 1_048_576)
    assert forward(graph) == {
        **both_ways("conv3", pool2),
        **both_ways("fc6", pool5),
        **both_ways("fc7", half),
        ("fc8", "gpu1", "gpu0"): half,
    }
    assert sum(forward(graph).values()) == 30_015_488
    assert held_repeatedly(graph) == 0


def test_exchange_per_image() -> None:
    """One image: 86,528 bytes each way before conv3, 18,432 before fc6, 8,192 before fc7, 8,192 to fc8."""
    assert forward(world("towers", 1)) == {
        **both_ways("conv3", 86_528),
        **both_ways("fc6", 18_432),
        **both_ways("fc7", 8_192),
        ("fc8", "gpu1", "gpu0"): 8_192,
    }


def test_batch_over_two_moves_no_activation() -> None:
    """With half of the images each GPU does its forward pass alone, and all weights are held twice."""
    graph = world("batch")
    assert forward(graph) == {}
    assert held_repeatedly(graph) == 60_965_224 * 4 == 243_860_896


def test_one_weird_trick() -> None:
    """Each of eight sends its 128 images to seven before fc6, then its 512 channels of all 1,024 images."""
    graph = world("one weird trick")
    images, channels, scores = 128 * 9216 * 4, 1024 * 512 * 4, 128 * 125 * 4
    assert (images, channels) == (4_718_592, 2_097_152)
    pairs = [(f"gpu{a}", f"gpu{b}") for a in range(8) for b in range(8) if a != b]
    sizes = {"fc6": images, "fc7": channels, "fc8": channels, "loss": scores}
    assert forward(graph) == {(layer, *pair): size for layer, size in sizes.items() for pair in pairs}
    convolutions = sum(n + b for n, b in ((34_848, 96), (307_200, 256), (884_736, 384), (663_552, 384)))
    assert held_repeatedly(graph) == 4 * (convolutions + 442_368 + 256) == 9_336_320


def test_rows_over_two() -> None:
    """A neighbour sends the rows that the other's windows reach into; gpu0 has the upper floor(n / 2) rows.

    conv1 has 55 rows, 27 above; pool1 27, 13 above: its row 13 begins at row 26, one row down.
    conv2 (27, 13 above) reaches two rows over the border either way. pool2 13, 6 above: its row
    6 begins at row 12, one down. conv3 to conv5 (13, 6 above) reach one row either way. pool5 6,
    3 above: its row 2 ends at row 6, one up. fc6 reads the lower 3 rows of pool5.
    """
    graph = world("rows")
    images = 128 * 4
    pool1, pool2, pool5 = images * 96 * 55, images * 256 * 27, images * 256 * 13
    conv2, conv3, conv4 = 2 * images * 96 * 27, images * 256 * 13, images * 384 * 13
    assert forward(graph) == {
        ("pool1", "gpu0", "gpu1"): pool1,
        **both_ways("conv2", conv2),
        ("pool2", "gpu0", "gpu1"): pool2,
        **both_ways("conv3", conv3),
        **both_ways("conv4", conv4),
        **both_ways("conv5", conv4),
        ("pool5", "gpu1", "gpu0"): pool5,
        ("fc6", "gpu1", "gpu0"): images * 256 * 3 * 6,
    }
    assert (pool1, conv2, pool2) == (2_703_360, 2_654_208, 3_538_944)
    assert (conv3, conv4, pool5) == (1_703_936, 2_555_904, 1_703_936)
    assert held_repeatedly(graph) == 9_336_320


@pytest.mark.parametrize("name", WORLDS)
def test_backward_is_the_mirror_of_forward(name: str) -> None:
    """The gradient of every activation that moved travels the other way, as large, for the same layer."""
    graph = world(name)
    back = moved(graph, TensorKind.ACTIVATION_GRADIENT)
    assert back == {(layer, b, a): size for (layer, a, b), size in forward(graph).items()}


@pytest.mark.parametrize(
    ("name", "total"),
    [
        ("towers", 0),
        ("batch", 2 * 243_860_896),
        ("one weird trick", 56 * 9_336_320),
        ("rows", 2 * 9_336_320),
    ],
)
def test_gradients_of_weights_held_repeatedly_are_exchanged(name: str, total: int) -> None:
    """Each holder of a weight sends its part of the gradient to each other holder, and nothing else moves."""
    graph = world(name)
    assert sum(moved(graph, TensorKind.PARAMETER_GRADIENT).values()) == total
    kinds = {kind(graph, task) for task in graph.transfers}
    assert kinds <= {TensorKind.ACTIVATION, TensorKind.ACTIVATION_GRADIENT, TensorKind.PARAMETER_GRADIENT} | {
        TensorKind.BATCH
    }
    assert {task.phase for task in graph.transfers} <= {*Phase} - {Phase.UPDATE}


@pytest.mark.parametrize(
    ("name", "loads"),
    [
        ("towers", {"gpu0": 128 * 3 * 227 * 227 * 4 + 128 * 4, "gpu1": 128 * 3 * 227 * 227 * 4}),
        ("batch", dict.fromkeys(("gpu0", "gpu1"), 64 * 3 * 227 * 227 * 4 + 64 * 4)),
        ("one weird trick", {f"gpu{i}": 128 * 3 * 227 * 227 * 4 + 128 * 4 for i in range(8)}),
        # Output rows 0 to 27 read 26 * 4 + 11 = 115 rows; rows 27 to 55 read those from 108 on.
        ("rows", {"gpu0": 128 * 3 * 115 * 227 * 4 + 128 * 4, "gpu1": 128 * 3 * 119 * 227 * 4}),
    ],
)
def test_host_loads(name: str, loads: dict[str, int]) -> None:
    """The host sends each processor the images and labels that it reads, and nothing more."""
    graph = world(name)
    sent: Counter[str] = Counter()
    for (_, source, destination), size in moved(graph, TensorKind.BATCH).items():
        assert source == "host"
        sent[destination] += size
    assert dict(sent) == loads
    assert moved(graph, TensorKind.BATCH) == moved(graph, TensorKind.BATCH, phase=Phase.LOAD)


@pytest.mark.parametrize("name", WORLDS)
def test_work_adds_up(name: str) -> None:
    """The slices of a task are all of its FLOP; here no processor repeats what another does."""
    graph = world(name)
    assert sum(task.flop for task in graph.tasks) == sum(task.flop for task in graph.task_graph.tasks)


def test_partial_sums_are_added_where_their_result_lives() -> None:
    """Over input channels each processor has a part of every output; each sends its part to the other."""
    net = network({"a": fc(3), "b": fc(2)}, image=(4, 1, 1))
    plan = Plan(mesh={"m": 2}, layers={"a": on("p0", "p1", in_channel="on"), "b": on("p0"), "loss": on("p0")})
    graph = placed(experiment(net, machine(2), plan, batch=5))
    parts = 5 * 3 * 8
    assert forward(graph) == {("a", "p0", "p1"): parts, ("a", "p1", "p0"): parts}
    sums = [task for task in graph.tasks if task.name.startswith("sum of a@0")]
    assert sorted((task.processor, len(task.reads[0].pieces)) for task in sums) == [("p0", 2), ("p1", 2)]


def test_a_pipeline_sends_each_activation_once() -> None:
    """A layer on another processor is sent its input, and sends back its gradient."""
    net = network({"a": fc(3), "b": fc(2)})
    graph = placed(experiment(net, machine(2), Plan(layers={"[bl]*": on("p1")}), batch=5))
    assert forward(graph) == {("b", "p0", "p1"): 5 * 3 * 8}
    assert moved(graph, TensorKind.ACTIVATION_GRADIENT) == {("b", "p1", "p0"): 5 * 3 * 8}


def test_a_copy_is_made_once() -> None:
    """What the forward pass has copied the gradient passes read again without another transfer."""
    graph = world("towers", 1)
    copies = Counter(task.writes["copy0"] for task in graph.transfers)
    assert set(copies.values()) == {1}


def test_one_processor_moves_nothing_but_the_batch() -> None:
    """On one processor only the host sends anything."""
    graph = placed(experiment(alexnet(), gpus(1), batch=1))
    assert {task.phase for task in graph.transfers} == {Phase.LOAD}


def test_the_batch_needs_a_host() -> None:
    """Hardware without a host has nowhere for the batch to come from."""
    whole = machine(1)
    alone = Hardware("alone", whole.processors, {"p0": whole.memories["p0"]}, ())
    with pytest.raises(PlanError, match="hardware 'alone' has no host, but the batch starts in host memory"):
        placed(experiment(network({"f": fc(2)}), alone))
