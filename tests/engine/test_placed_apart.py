"""Plans that put slices and tasks in unusual places, each a small world calculated by hand."""

from __future__ import annotations

from dataclasses import replace

from dataflow.layers import LayerSpec
from dataflow.ops import Phase
from dataflow.plan import Plan, Rule, Split
from dataflow.tensor import TensorKind
from tests.engine.counting import NUMBER, assert_trains_like_one_processor, kept, sent_by
from tests.engine.worlds import RELU, conv, experiment, fc, machine, network, on, placed, split


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
    """``batch: [node, data]`` cuts six images into a part for each place of both, the first slowest."""
    plan = Plan(mesh={"node": 2, "data": 3}, layers={"*": Rule(shard={"batch": ("node", "data")})})
    world = experiment(network({"a": fc(2)}), machine(6), plan, batch=6)
    graph = placed(world)
    assert [graph.shards[name].region.ranges[0] for name in graph.homes["a@0"]] == [
        (i, i + 1) for i in range(6)
    ]
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
    layers: dict[str, LayerSpec] = {"c": conv(6, 1, groups=3), "f": fc(2)}
    plan = Plan(mesh={"model": 2}, layers={"c": split(group="model")})
    world = experiment(network(layers, image=(3, 1, 1)), machine(2), plan)
    graph = placed(world)
    assert [graph.shards[name].region.ranges[1] for name in graph.homes["c@0"]] == [(0, 2), (2, 6)]
    assert_trains_like_one_processor(world)


def test_on_and_rules_side_by_side() -> None:
    """Layers on processors of their own beside a mesh: still the numbers of one processor."""
    layers: dict[str, LayerSpec] = {"c": conv(4, 1), "f": fc(4), "r": RELU, "g": fc(2)}
    rules = {"*": split(batch="data"), "f": on("p2", "p0", channel="on"), "g": on("p1")}
    plan = Plan(mesh={"data": 2}, processors=("p0", "p1"), layers=rules)
    assert_trains_like_one_processor(experiment(network(layers, image=(2, 2, 2)), machine(3), plan, batch=4))


def test_a_processor_that_has_no_part_of_the_first_micro_batch() -> None:
    """Of micro-batches of one image and two p1 has none of the first, which gathering must not wait for."""
    batch = on("p1", "p2", batch="on")
    layers = {"a": batch, "b": batch, "c": batch, "d": Rule(store={"parameter": "x"})}
    plan = Plan(mesh={"x": 2}, processors=("p2", "p1"), microbatches=2, layers=layers)
    net = network({name: fc(2) for name in layers})
    assert_trains_like_one_processor(experiment(net, machine(3), plan, batch=3))


def test_parts_of_sums_say_what_of() -> None:
    """Input channels over two: a's value is the sum of two parts, which know it; nothing else is a part."""
    plan = Plan(mesh={"x": 2}, layers={"*": split(in_channel="x")})
    graph = placed(experiment(network({"a": fc(2)}), machine(2), plan, batch=2))
    parts = {s.tensor.base: s.tensor.part_of for s in graph.shards.values() if s.tensor.part_of}
    assert parts == {"a.part0": "a", "a.part1": "a"}


def test_versions_of_a_parameter_share_a_place() -> None:
    """What step 3 reads as version 3 it leaves as version 4, in the place of the same name."""
    graph = placed(experiment(network({"a": fc(2)}), machine(1), Plan(), batch=2))
    old, new = (graph.shards[f"a.weight@{version} on p0"] for version in (0, 1))
    assert old.place == new.place == "a.weight on p0"
    assert (old.name_in(3), new.name_in(3)) == ("a.weight@3 on p0", "a.weight@4 on p0")
