"""The search for a plan: it finds the best there is, the same one every time, within memory."""

from __future__ import annotations

from dataclasses import replace

import pytest

import topologies
from dataflow.errors import CheckError, OutOfMemoryError, PlanError
from dataflow.experiment import Experiment, Training
from dataflow.graph import training_graph
from dataflow.hardware import Hardware
from dataflow.placement import place
from dataflow.plan import Plan, Rule
from dataflow.planning import AutoPlan
from dataflow.planning.bound import WorkBound
from dataflow.planning.search import search_plan
from dataflow.planning.space import Space
from dataflow.planning.trial import Evaluator
from dataflow.simulation import simulate
from tests.engine.worlds import ONE_WEIRD_TRICK, RELU, conv, experiment, fc, gpus, machine, network, traced

NET = network(
    {"c": conv(4, 3, pad=1), "r": RELU, "f": fc(24), "s": RELU, "g": fc(4)}, image=(2, 8, 8), classes=4
)
SPLITS = AutoPlan(splits=("batch", "channel", "height", "one"), store=False, recompute=False)
MACHINES = {
    "fast links": machine(2, flops=1e10),
    "slow links": machine(2, flops=1e10, link_bytes_per_s=2e9),
    "slow start": machine(2, flops=1e10, copy_overhead_ps=20_000_000, launch_ps=1_000_000),
}


def world(hardware: Hardware, batch: int = 4) -> Experiment:
    """The small network on a machine."""
    return experiment(NET, hardware, batch=batch)


def steps_ps(chosen: Experiment, auto: AutoPlan) -> dict[str, int]:
    """The step time of every plan there is that fits, by how it is described."""
    space, graph = Space(chosen, auto), training_graph(chosen)
    found: dict[str, int] = {}
    for candidate in space.all():
        try:
            trace = simulate(place(graph, chosen.hardware, space.plan(candidate))).trace
        except OutOfMemoryError:
            continue
        found[f"{candidate.mesh_told} {candidate.describe(space.blocks)}"] = trace.end_ps - trace.start_ps
    return found


@pytest.mark.parametrize("name", MACHINES)
def test_few_trials_find_the_best_of_all_plans(name: str) -> None:
    """With a third of the trials that it would take to try them all, the best plan is found."""
    chosen = world(MACHINES[name])
    auto = replace(SPLITS, pipeline=False, trials=25)
    every = steps_ps(chosen, auto)
    search = search_plan(chosen, auto)
    assert len(every) == search.candidates == 72
    assert not search.exhaustive
    assert len(search.trials) <= 25
    assert search.best.outcome.step_time_ps == min(every.values())


def test_all_plans_are_tried_when_they_are_few() -> None:
    """Where the trials suffice for all plans, each is simulated or cannot be the best."""
    chosen = world(MACHINES["slow links"])
    auto = replace(SPLITS, pipeline=False, splits=("batch", "channel"))
    every = steps_ps(chosen, auto)
    search = search_plan(chosen, auto)
    assert search.exhaustive
    assert search.candidates == len(every)
    assert len(search.trials) + search.ruled_out == len(every)
    assert search.best.outcome.step_time_ps == min(every.values())


def test_stages_are_found_where_they_are_best() -> None:
    """Of plans with and without stages, cuts and micro-batches the best is found."""
    chosen = world(machine(2, flops=1e10, link_bytes_per_s=2e8), batch=8)
    auto = replace(SPLITS, splits=("batch",), trials=200)
    every = steps_ps(chosen, auto)
    best = min(every, key=lambda name: every[name])
    assert best.startswith("stage: 2")
    assert search_plan(chosen, auto).best.outcome.step_time_ps == every[best]
    assert search_plan(chosen, replace(auto, trials=10)).best.outcome.step_time_ps == every[best]


def test_no_plan_is_faster_than_its_bound() -> None:
    """What a processor computes takes no longer than the step, so ruling out by it is right."""
    chosen = world(MACHINES["slow links"])
    space, graph = Space(chosen, AutoPlan(store=False)), training_graph(chosen)
    bound = WorkBound(graph, chosen.hardware)
    for candidate in list(space.all())[::23]:
        plan = space.plan(candidate)
        trace = simulate(place(graph, chosen.hardware, plan)).trace
        assert 0 < bound.least_ps(plan) <= trace.end_ps - trace.start_ps


def test_a_plan_fits_when_its_simulation_says_so() -> None:
    """Peaks measured in roomy memories are those that the real ones are held to."""
    roomy = world(machine(2))
    space = Space(roomy, AutoPlan())
    plans = [space.plan(candidate) for candidate in list(space.all())[::1009]]
    for plan in plans:
        outcome = Evaluator(roomy, training_graph(roomy)).outcome(plan)
        assert outcome.peak_bytes is not None
        peak = max(outcome.peak_bytes["p0"], outcome.peak_bytes["p1"])
        traced(replace(roomy, plan=plan, hardware=machine(2, capacity_bytes=peak)))
        with pytest.raises(OutOfMemoryError):
            traced(replace(roomy, plan=plan, hardware=machine(2, capacity_bytes=peak - 1)))


@pytest.mark.parametrize("capacity_bytes", [103_000, 110_000])
def test_the_best_plan_fits_in_memory(capacity_bytes: int) -> None:
    """In a small memory the best of the plans that fit is found."""
    chosen = world(machine(2, flops=1e10, link_bytes_per_s=2e9, capacity_bytes=capacity_bytes))
    auto = replace(SPLITS, pipeline=False, trials=40)
    every = steps_ps(chosen, auto)
    assert 0 < len(every) < Space(chosen, auto).size
    search = search_plan(chosen, auto)
    assert search.best.outcome.step_time_ps == min(every.values())
    assert not all(trial.fits for trial in search.trials)


def test_several_steps_fit_too() -> None:
    """Of an experiment of several steps the best plan fits in memory throughout."""
    chosen = world(machine(2, flops=1e10, capacity_bytes=110_000))
    chosen = replace(chosen, training=replace(chosen.training, steps=2))
    best = search_plan(chosen, AutoPlan(trials=20)).best
    trace = traced(replace(chosen, plan=best.plan))
    assert best.outcome.step_time_ps == (trace.end_ps - trace.start_ps) // 2


def test_nothing_fits() -> None:
    """When no plan fits, the error says how many were tried and which came closest."""
    chosen = world(machine(2, capacity_bytes=1000))
    told = (
        r"automatic plan: none of \d+ plans fits in memory; the closest \(.*: 2; .*\) needs [\d,]+ B of the "
        r"1,000 B of 'p[01]'; use a smaller batch, more processors or more trials"
    )
    with pytest.raises(PlanError, match=told):
        search_plan(chosen, AutoPlan(trials=10))


def test_no_plan_can_be_carried_out() -> None:
    """When no plan can be carried out, the error says why the first cannot."""
    hardware = machine(2)
    memories = {name: memory for name, memory in hardware.memories.items() if name != "host"}
    links = tuple(link for link in hardware.links if "host" not in (link.source, link.destination))
    without_host = replace(hardware, hosts=(), memories=memories, links=links)
    with pytest.raises(PlanError, match=r"none of 5 plans can be carried out; the first: .* has no host"):
        search_plan(world(without_host), AutoPlan(trials=5))


def test_the_seed_decides() -> None:
    """The same seed tries the same plans in the same order."""
    chosen = world(MACHINES["slow start"])
    first, again = (search_plan(chosen, AutoPlan(trials=30, seed=7)) for _ in range(2))
    other = search_plan(chosen, AutoPlan(trials=30, seed=8))
    assert first == again
    assert [trial.plan for trial in first.trials] != [trial.plan for trial in other.trials]


def test_one_processor() -> None:
    """On one processor there is nothing to split, and the plan is the one without a plan."""
    chosen = world(machine(1))
    search = search_plan(chosen, AutoPlan())
    assert search.data_parallel is None
    assert search.exhaustive
    assert search.best.outcome.step_time_ps == steps_ps(chosen, SPLITS)["1 processor c..loss whole"]


def test_an_image_cannot_be_split() -> None:
    """Where there are fewer images than processors, the batch is not split."""
    search = search_plan(world(machine(2), batch=1), AutoPlan(trials=10))
    assert search.data_parallel is None
    assert "batch" not in search.best.splits


def test_the_mesh_may_be_given() -> None:
    """Of a given mesh, only the splits over its axes are searched."""
    chosen = replace(world(machine(4)), plan=Plan(mesh={"data": 2, "model": 2}))
    search = search_plan(chosen, AutoPlan(trials=12))
    assert {trial.mesh for trial in search.trials} == {"data: 2, model: 2"}
    staged = replace(chosen, plan=Plan(mesh={"stage": 2, "data": 2}))
    plans = [trial.plan for trial in search_plan(staged, AutoPlan(trials=5)).trials]
    assert all(plan.pipeline is not None and plan.pipeline.axis == "stage" for plan in plans)


def test_processors_may_be_given() -> None:
    """Of given processors, only these are used."""
    chosen = replace(world(machine(3)), plan=Plan(processors=("p0", "p2")))
    plan = search_plan(chosen, AutoPlan(trials=4)).plan
    assert plan.processors == ("p0", "p2")


def test_contradictions_are_listed() -> None:
    """What a plan says beside ``auto`` and cannot be kept is refused, all at once."""
    plan = Plan(mesh={"a": 4}, processors=("p0", "p9", "p0"), layers={"*": Rule()}, shares={"a": (1, 2)})
    with pytest.raises(CheckError, match="automatic plan for hardware 'machine': 5 faults") as raised:
        Space(replace(world(machine(2)), plan=plan), AutoPlan())
    text = str(raised.value)
    assert "'auto' chooses the plan's 'layers' itself; leave out one of the two" in text
    assert "'auto' chooses the plan's 'shares' itself; leave out one of the two" in text
    assert "processor 'p9' is not in hardware 'machine', which has p0, p1" in text
    assert "'processors' names 'p0' more than once" in text
    assert "mesh {a: 4} needs 4 processors, but there are 3; leave it out to have 'auto' choose it" in text


def test_at_most_two_axes() -> None:
    """Three axes to split layers along are refused."""
    plan = Plan(mesh={"a": 2, "b": 2, "c": 2})
    with pytest.raises(
        CheckError, match="along two mesh axes at most, but these are a, b, c; leave some out"
    ):
        Space(replace(world(machine(8)), plan=plan), AutoPlan())


def test_more_stages_than_blocks() -> None:
    """Stages need a block each."""
    plan = Plan(mesh={"stage": 8})
    with pytest.raises(CheckError, match="axis 'stage' has 8 stages, but the network only 4 blocks; make it"):
        Space(replace(world(machine(8)), plan=plan), AutoPlan())


def test_krizhevskys_split_or_something_faster() -> None:
    """On two GTX 580 a search is at least as fast as AlexNet's two towers."""
    towers = topologies.load("alexnet-2x-gtx580")
    search = search_plan(replace(towers, plan=Plan()), AutoPlan(trials=6))
    trace = traced(towers)
    assert search.best.outcome.step_time_ps <= trace.end_ps - trace.start_ps


def test_one_weird_trick_or_something_faster() -> None:
    """With eight GPUs a search is at least as fast as convolutions by batch and the rest by channel."""
    net = topologies.load_network("alexnet-owt")
    chosen = Experiment("owt", net, gpus(8), ONE_WEIRD_TRICK, Training(batch=1024))
    search = search_plan(replace(chosen, plan=Plan()), AutoPlan(trials=4))
    trace = traced(chosen)
    assert search.best.outcome.step_time_ps <= trace.end_ps - trace.start_ps
