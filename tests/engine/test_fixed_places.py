"""Tensors in an address space of banks have fixed places: named, or the nearest with room."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from dataflow.bank import Bank
from dataflow.errors import CheckError, PlanError
from dataflow.experiment import Experiment, Mode, Training
from dataflow.graph import step_graph, training_graph
from dataflow.hardware import Controller, Engine, Hardware
from dataflow.memory_map import memory_map
from dataflow.placement import PlacedGraph, place
from dataflow.plan import Control, Plan, Rule, Split
from dataflow.simulation import simulate
from tests.engine.spaces import machine_of, machines_with_spaces, nic, small_banks
from tests.engine.strategies import law, networks, plans
from tests.engine.worlds import RELU, experiment, fc, machine, network, on, placed

NET = network({"a": fc(2, bias=False), "relu": RELU, "b": fc(2, bias=False)})
CHAIN = Plan(layers={"a": on("core0"), "relu": on("core1"), "b": on("core3"), "loss": on("core3")})
DYNAMIC = Control(kind="dynamic")


def banks_of(graph: PlacedGraph) -> dict[str, str]:
    """By shard the name of its bank."""
    return {name.removesuffix(" on nic"): bank.name for name, bank in graph.banks.items()}


def without_copy_engines(bank: Bank) -> Bank:
    """The same, but the copy engines of the space do not reach it."""
    return replace(bank, reached_by=tuple(name for name in bank.reached_by if name != "nic"))


def inferring(plan: Plan, hardware: Hardware, mode: Mode = "inference") -> PlacedGraph:
    """The world's placed graph without training."""
    world = replace(experiment(NET, hardware, plan), mode=mode)
    return place(step_graph(world), hardware, plan)


def test_the_nearest_bank_that_all_users_reach() -> None:
    """Own memory for what one core uses, next-neighbour registers for what is passed on, else shared."""
    graph = inferring(CHAIN, nic(4, small_banks(4)))
    assert banks_of(graph) == {
        "data@0": "near",  # the copy engine writes it
        "a.weight@0": "core0.local",
        "a@0": "core0.nn",  # core1 is next to core0
        "relu@0": "near",  # core3 is not next to core1
        "b.weight@0": "core3.local",
        "b@0": "core3.local",
        "prediction@0": "core3.local",
    }


def test_what_is_accessed_most_for_its_size_comes_first() -> None:
    """Of what takes 32 B relu has most accesses: 4 writes, and 8 products of b read it; 8 B are left over."""
    plan = Plan(layers={"*": on("core0")})
    graph = inferring(plan, nic(1, small_banks(1, local_bytes=48)))
    assert banks_of(graph) == {
        "data@0": "near",
        "a.weight@0": "near",  # 8 products
        "a@0": "near",  # 4 writes, 4 reads
        "relu@0": "core0.local",
        "b.weight@0": "near",
        "b@0": "near",
        "prediction@0": "core0.local",
    }


def test_banks_that_a_plan_names() -> None:
    """By name or kind; of patterns that match the last wins; all versions and shards of a tensor follow."""
    plan = replace(CHAIN, banks={"*.weight": "emem", "b.weight": "core3.local", "relu": "far"})
    found = banks_of(placed(experiment(NET, nic(4, small_banks(4)), plan)))
    assert found["a.weight@0"] == found["a.weight@1"] == "far"
    assert found["b.weight@0"] == found["b.weight@1"] == "core3.local"
    assert found["relu@0"] == "far"
    assert found["a@0"] == "core0.nn"


def test_a_cache_holds_what_is_accessed_most_for_its_size() -> None:
    """Of 48 B data has 32 (12 accesses, as relu, which has no room then), the prediction 8 of the 16 left."""
    banks = tuple(replace(bank, cache_bytes=48 * (bank.name == "far")) for bank in small_banks(1))
    plan = Plan(layers={"*": on("core0")}, banks={"*": "far", "b": "near"})
    graph = inferring(plan, nic(1, banks))
    assert {place.shards[0].removesuffix(" on nic"): place.misses for place in graph.fixed_places} == {
        "data@0": False,
        "a.weight@0": True,
        "a@0": True,
        "relu@0": True,
        "b.weight@0": True,
        "b@0": False,  # its bank has no cache
        "prediction@0": False,
    }
    (forward,) = [task for task in graph.tasks if task.name.startswith("a.forward")]
    assert {access.operand: access.misses for access in forward.accesses} == {
        "input": False,
        "weight": True,
        "output": True,
    }
    (far,) = [bank for bank in memory_map(graph) if bank.name == "far"]
    assert (far.cache_bytes, far.cached_bytes, far.used_bytes) == (48, 40, 168)
    assert [each.tensor for each in far.stored if not each.misses] == ["data", "prediction"]


def test_faults_of_banks_are_all_listed() -> None:
    """Unknown banks and tensors, with what may have been meant."""
    plan = replace(CHAIN, banks={"a.weight": "emen", "c": "far", "relu": "core9.local"})
    with pytest.raises(CheckError) as raised:
        inferring(plan, nic(4, small_banks(4)))
    assert raised.value.faults == (
        (
            "'a.weight' is to be in bank 'emen', which is none (did you mean 'emem'?); "
            "there are: nn, local, ctm, emem"
        ),
        "banks are given for 'c', which no tensor there is called",
        (
            "'relu' is to be in bank 'core9.local', which is none (did you mean 'core3.local'?); "
            "there are: nn, local, ctm, emem"
        ),
    )


def test_banks_that_users_do_not_reach() -> None:
    """A bank of one core for what two use, and next-neighbour registers for what is not passed on."""
    plan = replace(CHAIN, banks={"relu": "core1.local", "data": "local", "b.weight": "nn"})
    with pytest.raises(CheckError) as raised:
        inferring(plan, nic(4, small_banks(4)))
    assert sorted(raised.value.faults) == [
        "'b.weight' in bank 'nn': 'nn' only passes values from a processor to the next; name another bank",
        "'data' in bank 'local' is used by nic, who cannot reach that bank; name one that all reach",
        (
            "'relu' in bank 'core1.local' is used by core3, who cannot reach that bank; "
            "name one that all reach"
        ),
    ]


def test_copy_engines_of_which_no_bank_says_anything() -> None:
    """They reach what several cores share, not what is next to one; with a single core, all there is."""
    banks = tuple(without_copy_engines(bank) for bank in small_banks(4))
    assert banks_of(inferring(Plan(layers={"*": on("core0")}), nic(4, banks)))["data@0"] == "near"
    banks = tuple(without_copy_engines(bank) for bank in small_banks(1))
    assert banks_of(inferring(Plan(layers={"*": on("core0")}), nic(1, banks)))["data@0"] == "core0.local"


def test_no_bank_at_all() -> None:
    """What two cores use has no place where each reaches its own memory alone."""
    banks = tuple(Bank(f"core{i}.local", "local", 100, (f"core{i}",)) for i in range(2))
    plan = Plan(layers={"a": on("core0"), "*": on("core1"), "relu": on("core0")})
    with pytest.raises(CheckError, match="'relu' is used by core1, but no bank of 'nic' is reached by all"):
        inferring(
            Plan(layers={**plan.layers, "b": on("core1"), "loss": on("core1"), "relu": on("core0")}),
            nic(2, banks),
        )


def test_banks_on_a_machine_without_any() -> None:
    """A plan that names banks on a machine of plain memories is told so."""
    with pytest.raises(CheckError, match="banks are given for 'a', but no memory of hardware 'machine' has"):
        placed(experiment(NET, machine(1), Plan(banks={"a": "emem"})))


def test_room_for_both_versions_and_both_batches() -> None:
    """An update in place takes room once, this batch and the next twice."""
    graph = placed(experiment(NET, nic(1, small_banks(1))))
    places = {found.shards: (found.bank.name, found.bytes) for found in graph.fixed_places}
    assert places["a.weight@0 on nic", "a.weight@1 on nic"] == ("core0.local", 2 * 2 * 8)
    assert places["data@0 on nic", "data@1 on nic"] == ("near", 2 * 2 * 2 * 8)
    assert places["a@0 on nic",] == ("core0.local", 2 * 2 * 8)
    assert sum(found.bytes for found in graph.fixed_places if found.bank.name == "core0.local") <= 1024


def test_buffers_of_a_pipeline_take_as_many_places() -> None:
    """Three places for what another core or the copy engine passes on, one for what stays on a core."""
    graph = inferring(replace(CHAIN, buffers=3), nic(4, small_banks(4)), "pipeline")
    copies = {found.shards[0].removesuffix(" on nic"): found.copies for found in graph.fixed_places}
    assert copies == {
        "data@0": 3,
        "a.weight@0": 1,
        "a@0": 3,
        "relu@0": 3,
        "b.weight@0": 1,
        "b@0": 1,
        "prediction@0": 1,
    }
    assert banks_of(graph)["a@0"] == "near"  # 3 x 32 B are more than the 64 B of core0.nn


def test_what_does_not_fit_anywhere_is_in_the_last_bank() -> None:
    """The outermost bank may be overfull: that is what ``fit`` is for."""
    graph = inferring(CHAIN, nic(4, small_banks(4, local_bytes=8, shared_bytes=0, far_bytes=16)))
    assert banks_of(graph)["a.weight@0"] == "far"


def test_accesses_of_tasks() -> None:
    """What a core reads and writes, piece by piece, with its bank; a copy engine's are no core's."""
    graph = inferring(CHAIN, nic(4, small_banks(4)))
    tasks = {task.name: task for task in graph.tasks}
    assert [
        (each.operand, each.bank.name, each.elements, each.bytes, each.writes)
        for each in tasks["a.forward on core0"].accesses
    ] == [
        ("input", "near", 4, 32, False),
        ("weight", "core0.local", 4, 32, False),
        ("output", "core0.nn", 4, 32, True),
    ]
    assert tasks["a.forward on core0"].work.accesses == tasks["a.forward on core0"].accesses
    assert tasks["data@0 on nic from host"].accesses == ()


def test_dynamic_control_forbids_private_banks() -> None:
    """Whoever is free gets a task, so everything is where all cores in use reach it."""
    hardware = replace(nic(4, small_banks(4)), controller=Controller(1, 1, 1))
    assert set(banks_of(inferring(replace(CHAIN, control=DYNAMIC), hardware)).values()) == {"near"}
    with pytest.raises(CheckError, match=r"'a.weight' in bank 'local' is used by core1, core3"):
        inferring(replace(CHAIN, control=DYNAMIC, banks={"a.weight": "local"}), hardware)


def test_faults_of_control() -> None:
    """Signals need a controller, and fixed times a static one."""
    with pytest.raises(CheckError, match="control is 'static', but hardware 'spaces' has no controller"):
        inferring(Plan(control=Control(kind="static")), nic(1))
    with pytest.raises(CheckError, match="control has a spacing, but is 'dataflow'; only a 'static'"):
        inferring(Plan(control=Control(spacing_ps=5)), nic(1))


def test_faults_of_the_banks_of_a_machine() -> None:
    """Twice the same name, cores of other memories, and engines that are not there."""
    banks = (
        Bank("x", "ctm", 8, ("core0", "other")),
        Bank("x", "ctm", 8, ("core0",), {"read": "dram"}),
    )
    with pytest.raises(CheckError) as raised:
        nic(1, banks)
    assert raised.value.faults == (
        "memory 'nic' has 2 banks called 'x'; give each a name of its own",
        "bank 'x' of 'nic' is reached by 'other', which computes in another memory or is not there",
        "bank 'x' goes through engine 'dram', but there are: none",
    )
    engines = {"dram": Engine("dram", 1e6)}
    fine = replace(banks[1], name="y")
    plain = nic(1)
    memories = {**plain.memories, "nic": replace(plain.memories["nic"], banks=(fine,))}
    assert replace(plain, memories=memories, engines=engines).memories["nic"].banks == (fine,)


def overwritten(graph: PlacedGraph, steps: int) -> list[str]:
    """What is written into a place before all have read what was there; nothing, if all is right.

    Of two versions that share a place the new one is read as the old one in the step that follows.
    """
    spans = {(span.name, span.step): span for span in simulate(graph, steps).trace.spans}
    faults: list[str] = []
    for found in graph.fixed_places:
        written = [name for name in found.shards if name in graph.writer]
        old = [name for name in found.shards if name not in graph.writer]
        writers = {graph.tasks[graph.writer[name]].name for name in written}
        values: list[tuple[int, int]] = []
        for step in range(-1, steps):
            readers = [(graph.tasks[i].name, step) for name in written for i in graph.readers[name]]
            readers += [(graph.tasks[i].name, step + 1) for name in old for i in graph.readers[name]]
            ends = [spans[key].end_ps for key in readers if key in spans and key[0] not in writers]
            starts = [spans[name, step].start_ps for name in writers if (name, step) in spans]
            if starts or (old and step < 0):
                values.append((min(starts, default=-1), max(ends, default=-1)))
        faults += [
            f"{found.shards} of step {index}"
            for index, (start, _) in enumerate(values)
            if index >= found.copies and values[index - found.copies][1] > start
        ]
    return faults


@law(4)
@given(data=st.data())
def test_nothing_is_overwritten_that_is_still_to_be_read(data: st.DataObject) -> None:
    """Random plans in spaces with banks, training or streaming: each place holds what it should."""
    net, hardware = data.draw(networks()), data.draw(machines_with_spaces())
    batch = data.draw(st.integers(1, 3))
    plan = data.draw(plans(net.ops(batch), hardware))
    world = Experiment("random", net, hardware, plan, Training(batch=batch, steps=4))
    try:
        graph = place(training_graph(world), hardware, plan)
    except PlanError:
        reject()
    assert overwritten(graph, 4) == []


def test_an_update_waits_for_all_that_read_the_old_weight() -> None:
    """A copy of a weight that leaves for another memory is made before the weight is overwritten."""
    hardware = machine_of({"nic": ["core0", "core1"], "gpu": ["gpu"]}, {"nic": small_banks(2)})
    rule = Rule(on=("gpu",), gradient=Split(on=("core0",)), update=Split(on=("core1",)))
    graph = placed(experiment(network({"fc": fc(2, bias=False)}), hardware, Plan(layers={"*": rule})))
    (update,) = [task for task in graph.tasks if "update" in task.name]
    readers = {graph.tasks[index].name for index in graph.readers["fc.weight@0 on nic"]} - {update.name}
    assert readers <= {*update.after}
