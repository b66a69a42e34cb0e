"""Plans: who does which slice of which layer, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dataflow.errors import CheckError, DataflowError, PlanError
from dataflow.ops import Phase
from dataflow.placement.parts import Parts
from dataflow.plan import CollectiveRule, Pipeline, Plan, Rule, Split
from dataflow.region import Range
from tests.engine.worlds import RELU, conv, experiment, fc, machine, network, on, placed, split

NET = network({"c": conv(4, 3, pad=1), "r": RELU, "f": fc(2)}, image=(3, 7, 5))


def sliced(plan: Plan, layer: str, *dimensions: str, processors: int = 4) -> list[tuple[str, list[Range]]]:
    """Who does which ranges of these loops of a layer, of a batch of 4."""
    parts = Parts(plan, NET.ops(4), machine(processors)).of(layer, Phase.FORWARD)
    return [(part.processor, [part.slices[dimension] for dimension in dimensions]) for part in parts]


def refused(plan: Plan, processors: int = 2) -> tuple[str, ...]:
    """The faults a plan is refused for."""
    with pytest.raises(CheckError) as raised:
        Parts(plan, NET.ops(4), machine(processors))
    assert str(raised.value).startswith("plan for hardware 'machine': ")
    return raised.value.faults


def test_no_plan_is_one_processor() -> None:
    """Without a mesh the first processor does everything."""
    assert sliced(Plan(), "c", "batch", "channel") == [("p0", [(0, 4), (0, 4)])]


def test_uneven_split() -> None:
    """Seven rows over three are 2, 2 and 3: floor(7 i / 3)."""
    plan = Plan(mesh={"m": 3}, layers={"c": split(height="m")})
    assert sliced(plan, "c", "height", processors=3) == [
        ("p0", [(0, 2)]),
        ("p1", [(2, 4)]),
        ("p2", [(4, 7)]),
    ]


def test_more_processors_than_channels() -> None:
    """Two channels over four are floor(2 i / 4): the second and the fourth get one each, the others none."""
    plan = Plan(mesh={"m": 4}, layers={"f": split(channel="m")})
    assert sliced(plan, "f", "channel") == [("p1", [(0, 1)]), ("p3", [(1, 2)])]


def test_two_axes() -> None:
    """On a mesh of two axes the last one runs fastest, and each slices its own dimension."""
    plan = Plan(mesh={"data": 2, "model": 2}, layers={"c": split(batch="data", channel="model")})
    assert sliced(plan, "c", "batch", "channel") == [
        ("p0", [(0, 2), (0, 2)]),
        ("p1", [(0, 2), (2, 4)]),
        ("p2", [(2, 4), (0, 2)]),
        ("p3", [(2, 4), (2, 4)]),
    ]


def test_what_no_axis_slices_is_done_by_all() -> None:
    """A layer sharded along one of two axes is done again along the other."""
    plan = Plan(mesh={"data": 2, "model": 2}, layers={"c": split(channel="model")})
    assert sliced(plan, "c", "channel") == [
        ("p0", [(0, 2)]),
        ("p1", [(2, 4)]),
        ("p2", [(0, 2)]),
        ("p3", [(2, 4)]),
    ]


def test_processors_give_the_order_of_the_mesh() -> None:
    """Named processors make up the mesh in the order in which they are named."""
    plan = Plan(mesh={"m": 2}, processors=("p3", "p1"), layers={"c": split(channel="m")})
    assert sliced(plan, "c", "channel") == [("p3", [(0, 2)]), ("p1", [(2, 4)])]


def test_layers_on_processors_of_their_own() -> None:
    """``on`` takes the place of the mesh, and is an axis of its own."""
    plan = Plan(layers={"c": on("p2", "p0", height="on"), "f": on("p3")})
    assert sliced(plan, "c", "height") == [("p2", [(0, 3)]), ("p0", [(3, 7)])]
    assert sliced(plan, "f", "channel") == [("p3", [(0, 2)])]


def test_the_last_pattern_that_matches_wins() -> None:
    """Rules are read from the first to the last, and a later one replaces an earlier one whole."""
    last = on("p1")
    plan = Plan(mesh={"m": 2}, layers={"*": split(batch="m"), "[cr]": split(channel="m"), "c": last})
    assert plan.rule("c") == last
    assert plan.rule("r") == split(channel="m")
    assert plan.rule("f") == split(batch="m")
    assert Plan().rule("c") == Rule()


def test_dimensions_that_a_layer_lacks_are_left_whole() -> None:
    """A pattern may shard a dimension that only some of its layers have; the others are done by all."""
    plan = Plan(mesh={"m": 2}, layers={"*": split(height="m")})
    assert sliced(plan, "r", "height", processors=2) == [("p0", [(0, 3)]), ("p1", [(3, 7)])]
    assert sliced(plan, "f", "channel", processors=2) == [("p0", [(0, 2)]), ("p1", [(0, 2)])]


@pytest.mark.parametrize(
    ("plan", "message"),
    [
        (
            Plan(mesh={"m": 3}),
            (
                r"mesh \{m: 3\} needs 3 processors, but 2 are there \(p0, p1\); "
                "change it, or name them under 'processors'"
            ),
        ),
        (
            Plan(mesh={"a": 2, "b": 2}, processors=("p0",)),
            r"mesh \{a: 2, b: 2\} needs 4 processors, but 1 are there \(p0\)",
        ),
        (Plan(processors=("p0", "p1")), r"mesh \{\} needs 1 processors, but 2 are there"),
    ],
)
def test_mesh_of_another_size(plan: Plan, message: str) -> None:
    """A mesh has no more places than there are processors to fill them, and who lists some needs a mesh."""
    with pytest.raises(CheckError, match=message):
        Parts(plan, NET.ops(4), machine(2))


@pytest.mark.parametrize(
    ("processors", "taken"),
    [((), ["p0", "p1"]), (("p2", "p0", "p1"), ["p2", "p0"]), (("p2", "p1"), ["p2", "p1"])],
)
def test_a_smaller_mesh_takes_the_first(processors: tuple[str, ...], taken: list[str]) -> None:
    """Of the processors that are listed, else of the machine's; those that are left do nothing."""
    parts = Parts(
        Plan(mesh={"m": 2}, processors=processors, layers={"*": split(batch="m")}), NET.ops(4), machine(3)
    )
    assert list(parts.mesh) == taken
    assert [part.processor for part in parts.of("c", Phase.FORWARD)] == taken


def test_all_faults_of_a_plan_are_listed() -> None:
    """Unknown processors, layers, axes and dimensions are all named, with what there is."""
    plan = Plan(
        mesh={"m": 2},
        processors=("p0", "p7"),
        layers={
            "conv?": split(batch="m"),
            "c": split(batch="n"),
            "r": split(in_channel="m"),
            "f": on("p9", "p1", channel="m"),
            "loss": split(channel="m"),
        },
    )
    has = "hardware 'machine' has p0, p1"
    assert refused(plan) == (
        "processor 'p7' is not in hardware 'machine', which has p0, p1",
        "layer 'conv?' is not in the network (there are: c, r, f, loss)",
        "layer 'c' shards 'batch' over axis 'n', but the axes are: m",
        "layer 'r' cannot be sharded by 'in_channel'; possible: batch, channel, height, width",
        f"layer 'f' on 'p9', but {has}",
        "layer 'f' shards 'channel' over axis 'm', but the axes are: on",
        "layer 'loss' cannot be sharded by 'channel'; possible: batch",
    )


def test_no_axes_to_shard_over() -> None:
    """Without a mesh there is no axis, and the message says so."""
    plan = Plan(layers={"c": split(batch="m")})
    assert refused(plan) == ("layer 'c' shards 'batch' over axis 'm', but the axes are: none",)


@pytest.mark.parametrize(
    "shard",
    [
        {"channel": "m", "in_channel": "m"},
        {"batch": "m", "in_channel": "m"},
        {"batch": "m", "channel": "m"},
    ],
)
def test_an_axis_slices_one_dimension(shard: Mapping[str, str]) -> None:
    """Two dimensions over the same axis would leave all but a diagonal of the work undone."""
    plan = Plan(mesh={"m": 2}, layers={"c": Rule(shard=shard)})
    (fault,) = refused(plan)
    first, second = shard
    assert f"layer 'c' shards both {first!r} and {second!r} over axis 'm'" in fault


@pytest.mark.parametrize(
    "plan",
    [
        Plan(layers={"c": on("p0", "p0", channel="on")}),
        Plan(mesh={"m": 2}, processors=("p1", "p1"), layers={"*": split(batch="m")}),
    ],
)
def test_a_processor_is_named_once(plan: Plan) -> None:
    """A processor that is named twice would have to do two slices of a layer at once."""
    with pytest.raises(DataflowError, match=r"plan.*\n?.*'p[01]' (twice|more than once)"):
        Parts(plan, NET.ops(4), machine(2))


def test_patterns_match_whole_names() -> None:
    """A pattern without wildcards is a layer's full name, letter for letter."""
    net = network({"f": fc(2), "f2": fc(2)})
    plan = Plan(mesh={"m": 2}, layers={"f": split(channel="m")})
    parts = Parts(plan, net.ops(2), machine(2))
    assert [part.slices["channel"] for part in parts.of("f2", Phase.FORWARD)] == [(0, 2), (0, 2)]


SPLIT = {"*": split(batch="m")}


@pytest.mark.parametrize(
    ("plan", "fault"),
    [
        (
            Plan(mesh={"m": 2}, layers={"*": Rule(shard={"batch": ("m", "m")})}),
            "layer '*' shards 'batch' over m, m; name each axis once, and at least one",
        ),
        (
            Plan(mesh={"m": 2}, layers={"*": Rule(shard={"batch": ()})}),
            "layer '*' shards 'batch' over none; name each axis once, and at least one",
        ),
        (
            Plan(mesh={"m": 2}, layers={"c": Rule(at={"m": 2})}),
            "layer 'c' is at 'm' 2, but that axis ends at 1",
        ),
        (
            Plan(mesh={"m": 2}, layers={"c": Rule(at={"n": 0})}),
            "layer 'c' is at 'n' 0, but the axes are: m",
        ),
        (
            Plan(mesh={"m": 2}, layers={"c": Rule(on=("p0",), at={"m": 0})}),
            "layer 'c' has both 'on' and 'at'; name its processors, or where in the mesh they are",
        ),
        (
            Plan(mesh={"m": 2}, layers={"c": Rule(at={"m": 1}, shard={"batch": "m"})}),
            "layer 'c' shards 'batch' over axis 'm', but is at one place of it",
        ),
        (
            Plan(mesh={"m": 2}, layers=SPLIT, pipeline=Pipeline(axis="m", cuts=("f",))),
            "layer '*' shards 'batch' over axis 'm', but is at one place of it",
        ),
        (
            Plan(mesh={"m": 2}, shares={"m": (1,)}),
            "axis 'm' has 2 places, but 1 shares (1); give one for each",
        ),
        (Plan(mesh={"m": 2}, shares={"n": (1, 2)}), "shares are given for axis 'n', but the axes are: m"),
        (
            Plan(mesh={"m": 2}, pipeline=Pipeline(cuts=("f",))),
            "the pipeline goes along axis 'stage', but the axes are: m",
        ),
        (
            Plan(mesh={"stage": 2}, pipeline=Pipeline(cuts=())),
            (
                "stages along axis 'stage': 2, so cuts needed: 1, but the pipeline has 0; "
                "name the first layer of each stage but the first"
            ),
        ),
        (
            Plan(mesh={"stage": 2}, pipeline=Pipeline(cuts=("g",))),
            "pipeline cut 'g' is not a layer of the network",
        ),
        (
            Plan(mesh={"stage": 2}, pipeline=Pipeline(cuts=("c",))),
            "pipeline cuts c are not in the order of the layers, each once, after the first",
        ),
        (
            Plan(mesh={"m": 2}, microbatches=5),
            "layer 'c' has 5 micro-batches of a batch of 4; at most one an image",
        ),
        (
            Plan(mesh={"m": 2}, layers={"c": Rule(store={"velocity": "n"})}),
            "layer 'c' keeps its velocity in shards along axis 'n', but the axes are: m",
        ),
        (
            Plan(mesh={"m": 2}, layers={"c": Rule(store={"velocity": "m"}, update=Split(on=("p0",)))}),
            "layer 'c' stores its velocity in shards, but 'update' says where it is; keep one",
        ),
        (
            Plan(mesh={"m": 2}, layers={"c": Rule(update=Split(shard={"rows": "m"}))}),
            (
                "update of layer 'c' cannot be sharded by 'rows'; possible: channel, in_channel, "
                "kernel_height, kernel_width"
            ),
        ),
        (
            Plan(mesh={"m": 2}, layers={"c": Rule(gradient=Split(on=("p5",)))}),
            "gradient of layer 'c' on 'p5', but hardware 'machine' has p0, p1",
        ),
    ],
)
def test_what_a_plan_is_refused_for(plan: Plan, fault: str) -> None:
    """Each rule has one message that says who, which value and what there is."""
    assert refused(plan) == (fault,)


@pytest.mark.parametrize(
    ("name", "rule", "fault"),
    [
        (
            "allreduce",
            CollectiveRule(),
            (
                "'allreduce' is no collective; there are: all-reduce, all-gather, reduce-scatter, "
                "all-to-all, broadcast, reduce, *"
            ),
        ),
        (
            "all-to-all",
            CollectiveRule(algorithm="tree"),
            "all-to-all has no algorithm 'tree'; there are: auto, direct, ring, hierarchical, server",
        ),
        (
            "all-to-all",
            CollectiveRule(algorithm="ring", pieces=2),
            "all-to-all has 2 pieces, but its messages are not cut; leave 'pieces' out",
        ),
        (
            "all-reduce",
            CollectiveRule(pieces=2),
            "all-reduce has 2 pieces, but 'auto' chooses how many; name an algorithm too",
        ),
        (
            "all-reduce",
            CollectiveRule(algorithm="ring", server="host"),
            "all-reduce names a server, but its algorithm is 'ring'; make that 'server'",
        ),
        (
            "all-reduce",
            CollectiveRule(algorithm="server"),
            "algorithm 'server' of all-reduce needs a 'server': the memory it goes through",
        ),
        (
            "all-reduce",
            CollectiveRule(algorithm="server", server="q"),
            "'q', the server of all-reduce, is no memory; there are: p0, p1, host",
        ),
    ],
)
def test_collectives_that_a_plan_cannot_have(name: str, rule: CollectiveRule, fault: str) -> None:
    """What is unknown, and what would be ignored."""
    assert refused(Plan(mesh={"m": 2}, collectives={name: rule})) == (fault,)


def test_channels_and_groups_are_one_loop() -> None:
    """A layer cannot be cut by channels along one axis and by whole groups of them along another."""
    net = network({"c": conv(4, 3, pad=1, groups=2), "f": fc(2)}, image=(4, 7, 5))
    plan = Plan(mesh={"x": 2, "y": 2}, layers={"c": split(channel="x", group="y")})
    with pytest.raises(CheckError) as raised:
        Parts(plan, net.ops(4), machine(4))
    assert raised.value.faults == (
        "layer 'c' shards 'channel' and 'group', which are the same loop; name one, over several axes",
    )


def test_a_server_takes_no_part_itself() -> None:
    """A memory that contributes cannot be the server too."""
    how = {"all-reduce": CollectiveRule(algorithm="server", server="p0")}
    plan = Plan(mesh={"m": 2}, layers=SPLIT, collectives=how)
    with pytest.raises(PlanError, match="all-reduce goes through the server 'p0', which takes part itself"):
        placed(experiment(NET, machine(2), plan, batch=4))
