"""Processors that share an address space: nothing is copied within it, and the numbers stay the same."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

import backends
from dataflow.data.batches import BatchSource, Noise
from dataflow.data.tokens import UniformTokens
from dataflow.errors import CheckError, PlanError
from dataflow.experiment import Experiment, Training
from dataflow.graph import training_graph
from dataflow.hardware import Hardware, Link, Memory, Processor
from dataflow.layers import FullyConnectedLayer
from dataflow.network import Tokens
from dataflow.placement import PlacedGraph, TaskKind, place
from dataflow.plan import Pipeline, Plan, Rule, Split
from dataflow.region import uncovered
from dataflow.simulation import simulate
from dataflow.values.executor import Executor
from dataflow.verification.references import LastStep, OneProcessor, verify
from dataflow.verification.verification import Verification
from tests.engine.spaces import ROOFLINE, cores, machine_of, machines_with_spaces, nic, small_banks
from tests.engine.strategies import law, networks, plans
from tests.engine.test_laws import strong
from tests.engine.worlds import PLENTY, RELU, TANH, conv, experiment, fc, max_pool, network, on, placed, split

NET = network(
    {
        "conv": conv(3, 3, pad=1),
        "relu": RELU,
        "pool": max_pool(2, 2),
        "fc": fc(4),
        "tanh": TANH,
        "out": fc(3),
    },
    (2, 4, 4),
    3,
)
MESH = {"m": 3}
PLANS = {
    "channels": Plan(mesh=MESH, layers={"*": split(channel="m")}),
    "batch": Plan(mesh=MESH, layers={"*": split(batch="m")}),
    "rows": Plan(mesh=MESH, layers={name: split(height="m") for name in ("conv", "relu", "pool")}),
    "replicas": Plan(mesh=MESH),
    "summed loops": Plan(mesh=MESH, layers={"fc": split(in_channel="m"), "conv": split(in_channel="m")}),
    "gradients on other cores": Plan(
        mesh=MESH,
        layers={"*": Rule(on=("core0", "core1"), shard={"channel": "on"}, gradient=Split(on=("core2",)))},
    ),
    "updates on other cores": Plan(
        mesh=MESH,
        layers={
            "fc": Rule(shard={"batch": "m"}, update=Split(on=("core1", "core2"), shard={"channel": "on"}))
        },
    ),
    "shards": Plan(
        mesh=MESH,
        layers={"*": Rule(shard={"batch": "m"}, store={"parameter": "m", "gradient": "m", "velocity": "m"})},
    ),
    "micro-batches": Plan(mesh=MESH, microbatches=2, layers={"*": split(channel="m")}),
    "stages": Plan(mesh={"stage": 3}, pipeline=Pipeline(cuts=("pool", "out")), microbatches=2, order="gpipe"),
    "mixed": Plan(
        mesh=MESH,
        layers={
            "conv": split(batch="m"),
            "relu": split(channel="m"),
            "fc": on("core0"),
            "tanh": on("core1", "core2", channel="on"),
        },
    ),
}


def verified(world: Experiment, graph: PlacedGraph | None = None, tolerance: float = 1e-9) -> Verification:
    """The values of a world's last step against those of one processor."""
    graph = graph or placed(world)
    backend, last = backends.get(world.backend), LastStep(world.training.steps)
    batches: BatchSource = UniformTokens(world) if isinstance(world.network.input, Tokens) else Noise(world)
    simulate(graph, world.training.steps, Executor(graph, backend, batches, world.training.steps, last.keep))
    for shards in last.values.values():
        assert uncovered(shards[0][0].tensor.region, [shard.region for shard, _ in shards]) == ()
    return verify(last, world, batches, OneProcessor(backend), tolerance=tolerance)


@pytest.mark.parametrize("banks", [False, True])
@pytest.mark.parametrize("name", PLANS)
def test_any_plan_within_one_space_gives_the_numbers_of_one_processor(name: str, banks: bool) -> None:
    """Three cores in one memory compute what one processor does, and only the host's batch is copied."""
    hardware = nic(3, small_banks(3) if banks else ())
    world = experiment(NET, hardware, PLANS[name], batch=4, steps=2)
    graph = placed(world)
    verification = verified(world, graph)
    assert verification.passed
    assert verification.missing == ()
    assert {task.ends for task in graph.transfers} == {("host", "nic")}


@pytest.mark.parametrize("name", [name for name in PLANS if name != "mixed"])
def test_fixed_point_gives_the_same_bits_under_any_plan(name: str) -> None:
    """In q8.8, whose sums are exact until they are rounded once, three cores give what one does, exactly."""
    net = network(
        {key: spec for key, spec in NET.layers.items() if key not in ("tanh", "loss")}, (2, 4, 4), 3
    )
    training = Training(batch=4, steps=2, dtype="q8.8", learning_rate=0.5)
    world = Experiment("bits", net, nic(3, small_banks(3)), PLANS[name], training, backend="fixed")
    verification = verified(world, tolerance=0.0)
    assert [c.tensor for c in verification.comparisons if c.max_absolute_error > 0] == []
    assert verification.missing == ()


@law(4)
@given(data=st.data())
def test_any_plan_on_any_spaces_gives_the_numbers_of_one_processor(data: st.DataObject) -> None:
    """Random networks, plans and memories shared by some processors: after two steps as on one processor."""
    net, hardware = data.draw(networks()), data.draw(machines_with_spaces())
    batch = data.draw(st.integers(1, 4))
    training = Training(
        batch=batch, steps=2, dtype="float64", learning_rate=0.5, momentum=0.5, weight_decay=0.25
    )
    plan = data.draw(plans(net.ops(batch), hardware))
    world = Experiment("random", net, hardware, plan, training)
    try:
        graph = place(training_graph(world), hardware, plan)
    except PlanError:
        reject()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dataflow.values.given.initial_values", strong)
        verification = verified(world, graph)
    assert [c for c in verification.comparisons if not c.passed and c.max_absolute_error > 1e-12] == []
    assert verification.missing == ()


def tasks_of(graph: PlacedGraph, prefix: str) -> list[str]:
    """The names of the tasks that begin like this."""
    return [task.name for task in graph.tasks if task.name.startswith(prefix)]


def test_what_processors_of_a_space_would_all_do_the_first_does_once() -> None:
    """A layer that is sharded along no axis is computed by one core; another memory has its own replica."""
    hardware = machine_of({"nic": ["core0", "core1"], "gpu": ["gpu"]})
    graph = placed(experiment(network({"fc": fc(2)}), hardware, Plan(mesh={"m": 3})))
    assert tasks_of(graph, "fc.forward") == ["fc.forward on core0", "fc.forward on gpu"]


def test_a_parameter_has_one_home_in_a_space() -> None:
    """Three cores read the whole weight: there is one of it, and one update."""
    graph = placed(
        experiment(network({"fc": fc(2)}), nic(3), Plan(mesh=MESH, layers={"*": split(batch="m")}), batch=3)
    )
    assert graph.homes["fc.weight@0"] == ("fc.weight@0 on nic",)
    assert tasks_of(graph, "fc.weight.update") == ["fc.weight.update on core0"]
    assert graph.shards["fc.weight@0 on nic"].bytes == 2 * 2 * 8


def test_regions_that_overlap_are_kept_once() -> None:
    """Halves and thirds of one weight, read by two layers, are kept as the halves alone."""
    layers = {
        "first": fc(6),
        "a": fc(6),
        "b": FullyConnectedLayer(op="fully_connected", channels=6, weight_of="a"),
        "c": fc(2),
    }
    rules = {"a": on("core0", "core1", channel="on"), "b": on(*cores(3), channel="on")}
    graph = placed(experiment(network(layers, (6, 1, 1)), nic(3), Plan(layers=rules)))
    assert graph.homes["a.weight@0"] == ("a.weight@0[0:3] on nic", "a.weight@0[3:6] on nic")
    (read,) = [
        read
        for task in graph.tasks
        if task.name == "b.forward on core1"
        for read in task.reads
        if read.operand == "weight"
    ]
    assert [piece.shard for piece in read.pieces] == ["a.weight@0[0:3] on nic", "a.weight@0[3:6] on nic"]


def workers(graph: PlacedGraph, kind: str) -> dict[str, str]:
    """By name who does each sum or update."""
    return {
        task.name: task.processor or ""
        for task in graph.tasks
        if (task.kind is TaskKind.SUM if kind == "sum" else kind in task.name)
    }


def test_who_made_a_gradient_updates() -> None:
    """Gradients on core2 are applied by core2, unless the plan names another."""
    rule = Rule(on=("core0",), gradient=Split(on=("core2",)))
    graph = placed(experiment(network({"fc": fc(2, bias=False)}), nic(3), Plan(layers={"*": rule})))
    assert workers(graph, "update") == {"fc.weight.update on core2": "core2"}
    rule = Rule(on=("core0",), gradient=Split(on=("core2",)), update=Split(on=("core1",)))
    graph = placed(experiment(network({"fc": fc(2, bias=False)}), nic(3), Plan(layers={"*": rule})))
    assert workers(graph, "update") == {"fc.weight.update on core1": "core1"}


def test_who_adds_parts_of_a_gradient() -> None:
    """The writer of the first part; with an update in slices each updater adds and applies its own."""
    net = network({"fc": fc(2, bias=False)})
    by_batch = Rule(on=("core1", "core2"), shard={"batch": "on"})
    graph = placed(experiment(net, nic(3), Plan(layers={"*": by_batch})))
    assert workers(graph, "sum") == {"sum of fc.weight.grad@0 on nic": "core1"}
    apart = Rule(
        on=("core1", "core2"),
        shard={"batch": "on"},
        update=Split(on=("core0", "core2"), shard={"channel": "on"}),
    )
    graph = placed(experiment(net, nic(3), Plan(layers={"*": apart})))
    assert workers(graph, "sum") == {
        "sum of fc.weight.grad@0[0:1] on nic": "core0",
        "sum of fc.weight.grad@0[1:2] on nic": "core2",
    }
    assert workers(graph, "update") == {
        "fc.weight.update on core0": "core0",
        "fc.weight.update on core2": "core2",
    }
    assert graph.homes["fc.weight@0"] == ("fc.weight@0[0:1] on nic", "fc.weight@0[1:2] on nic")


def test_each_maker_adds_up_the_gradient_of_its_own() -> None:
    """The neurons of one layer add, each its own, what those of the next contribute to their gradients."""
    plan = Plan(
        layers={
            "a": on("core0", "core1", channel="on"),
            "b": on("core2", "core3", channel="on"),
            "loss": on("core3"),
        }
    )
    graph = placed(experiment(network({"a": fc(2), "b": fc(2)}), nic(4), plan))
    assert workers(graph, "sum") == {
        "sum of a.grad@0[:,0:1] on nic": "core0",
        "sum of a.grad@0[:,1:2] on nic": "core1",
    }


def test_windows_that_overlap_are_loaded_together() -> None:
    """Three cores read rows of the image that overlap: they are loaded as one piece."""
    graph = placed(
        experiment(
            network({"conv": conv(1, 3), "fc": fc(2)}, (1, 5, 5)),
            nic(3),
            Plan(mesh=MESH, layers={"conv": split(height="m")}),
        )
    )
    assert [task.name for task in graph.transfers] == ["data@1 on nic from host", "label@1 on nic from host"]


def test_times_of_copies_into_a_space() -> None:
    """A copy engine of the space drives them: its overhead, the link's latency, then 1 byte/ps."""
    hardware = machine_of({"nic": cores(2), "gpu": ["gpu"]}, copy_overhead_ps=70)
    assert hardware.driver("host", "nic") == "nic"
    assert hardware.driver("nic", "gpu") == "nic"
    assert hardware.driver("gpu", "nic") == "gpu"
    assert hardware.driver("host", "host") is None
    assert hardware.copy_engines == {"nic": 1, "gpu": 1}
    assert hardware.alpha_ps("host", "nic") == 70
    assert hardware.transfer_ps(100, "nic", "gpu") == 170
    assert hardware.transfer_ps(100, "gpu", "nic") == 100
    assert hardware.processors_in("nic") == ("core0", "core1")
    assert hardware.processors_in("host") == ()


def test_two_spaces_sum_between_memories() -> None:
    """Two spaces of two cores and a batch over all four: parts are added in each, then between the two."""
    hardware = machine_of({"left": ["p0", "p1"], "right": ["p2", "p3"]})
    plan = Plan(mesh={"space": 2, "core": 2}, layers={"*": split(batch=("space", "core"))})  # type: ignore[arg-type]
    world = experiment(network({"fc": fc(2, bias=False)}), hardware, plan, batch=4, steps=2)
    graph = placed(world)
    sums = Counter(task.computes_in for task in graph.tasks if task.kind is TaskKind.SUM)
    assert sums == {"left": 2, "right": 2}
    copies = [task for task in graph.transfers if "host" not in (task.ends or ())]
    assert {task.dimension for task in copies} == {"space"}
    assert {task.collective for task in copies} == {"all-reduce direct"}
    assert verified(world, graph).passed


def test_a_host_that_computes_reads_the_batch_in_place() -> None:
    """The batch of a CPU whose memory is the host's is not loaded, only what the other memory needs."""
    hardware = machine_of({"host": ["cpu"], "nic": cores(2)})
    plan = Plan(layers={"*": on("cpu"), "conv": on("core0", "core1", channel="on")})
    world = experiment(NET, hardware, plan, batch=4, steps=3)
    graph = placed(world)
    assert [task.name for task in graph.tasks if task.layer == "data"] == ["data@1 on nic from host"]
    assert graph.shards["label@0 on host"].supplied
    assert verified(world, graph).passed


def test_parts_of_fixed_point_sums_are_wide() -> None:
    """Parts of a sum of q8.8 have 32 bits after the point and 8 bytes each; what is summed has 2 bytes."""
    plan = Plan(mesh=MESH, layers={"*": split(batch="m")})
    world = Experiment(
        "wide", network({"fc": fc(2, bias=False)}), nic(3), plan, Training(batch=3, dtype="q8.8")
    )
    graph = placed(world)
    part = next(shard for name, shard in graph.shards.items() if ".part" in name)
    assert (part.tensor.dtype, part.bytes) == ("q48.16", 4 * 8)
    (total,) = [task for task in graph.tasks if task.kind is TaskKind.SUM]
    assert total.bytes == 3 * 4 * 8 + 4 * 2
    assert total.in_place == ()


def test_a_part_of_a_sum_is_sent_in_full_width() -> None:
    """Between two memories parts of q8.8 go with 8 bytes an element."""
    hardware = machine_of({"p0": ["p0"], "p1": ["p1"]})
    plan = Plan(mesh={"m": 2}, layers={"*": split(batch="m")})
    world = Experiment(
        "wide", network({"fc": fc(2, bias=False)}), hardware, plan, Training(batch=2, dtype="q8.8")
    )
    sizes = {task.bytes for task in placed(world).transfers if task.collective}
    assert sizes == {4 * 8}


def test_faults_of_spaces() -> None:
    """Memories that are not there, names that are taken, and controllers that are missing are all named."""
    processors = {
        "a": Processor("a", "p", ROOFLINE, 0, 0, memory="nowhere"),
        "b": Processor("b", "p", ROOFLINE, 0, 0, memory="c"),
        "c": Processor("c", "p", ROOFLINE, 0, 0, memory="space"),
    }
    memories = {name: Memory(name, PLENTY) for name in ("c", "space")}
    links = tuple(
        Link(f"{a}{b}", "wire", a, b, 1e12, 0, f"{a}{b}") for a, b in (("c", "space"), ("space", "c"))
    )
    with pytest.raises(CheckError) as raised:
        Hardware("bad", processors, memories, links)
    assert raised.value.faults == (
        "'a' computes in 'nowhere', which is no memory; name one that is there",
        "'c' names two things; processors, hosts and switches need names of their own",
    )
