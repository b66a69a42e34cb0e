"""Batches made of files by hosts: times to the picosecond, rooms, values, and what is said of them.

A pixel takes a core 6 ps to decode and 4 to augment, and an image has one: of 4 images one core makes a
batch in 40 ps, two in 20. The batch is 16 B and its labels too, which are loaded in 16 ps each, one after the
other. Each of the step's five tasks takes 50 ps where nothing else is said.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

import backends
from dataflow.data.batches import Batch, Noise
from dataflow.errors import CheckError, OptionError
from dataflow.experiment import Experiment, Mode
from dataflow.graph import step_graph
from dataflow.hardware import Controller, Hardware
from dataflow.host_input import HostInput, Pictures, stored_side
from dataflow.layers import EmbeddingLayer, LinearLayer
from dataflow.measurement import measure
from dataflow.network import Tokens
from dataflow.placement import PlacedGraph, TaskKind, place
from dataflow.plan import Plan
from dataflow.recipe import Augmentation
from dataflow.simulation import Arrivals, simulate
from dataflow.simulation.check import trace_faults
from dataflow.training.timing import lengths_ps, time_steps
from dataflow.values.executor import Executor
from dataflow.verification.references import LastStep, one_processor
from tests.engine.signals import Given, card, chain, controlled
from tests.engine.spaces import machine_of
from tests.engine.worlds import TOWERS, alexnet, experiment, fc, gpus, machine, network, on, split

LOADS = 32
COMPUTE = 250
TWO = Plan(mesh={"data": 2}, layers={"*": split(batch="data")})


def host(cores: int = 1, buffers: int = 2, memory: float | None = None, times: float = 1.0) -> HostInput:
    """A host that takes 10 ps for an image of one pixel, so many times as long, on each of its cores."""
    return HostInput(cores, 1e12 / 6 / times, 1e12 / 4 / times, buffers, memory)


def world(
    given: HostInput | None,
    *,
    count: int = 1,
    plan: Plan | None = None,
    task_ps: int = 50,
    mode: Mode = "training",
    batch: int = 4,
) -> Experiment:
    """One layer and the loss, whose tasks all take equally long; None for batches that are there."""
    plain = machine(count)
    processors = {name: replace(p, cost=Given(task_ps)) for name, p in plain.processors.items()}
    hardware = replace(plain, processors=processors, inputs={} if given is None else {"host": given})
    made = experiment(
        network({"l0": fc(2, bias=False)}, (1, 1, 1)), hardware, plan, batch=batch, dtype="float32"
    )
    return jpeg(replace(made, mode=mode), None if given is None else "jpeg")


def jpeg(plain: Experiment, how: str | None = "jpeg") -> Experiment:
    """The same experiment on batches that are made of files."""
    assert how in ("jpeg", None)
    return replace(plain, training=replace(plain.training, input="jpeg" if how else None))


def laid(made: Experiment) -> PlacedGraph:
    """Its placed graph."""
    return place(step_graph(made), made.hardware, made.plan)


def lengths(made: Experiment, steps: int) -> tuple[int, ...]:
    """How long its steps take."""
    return lengths_ps(simulate(laid(made), steps))


def test_time_of_a_batch_is_that_of_the_core_with_most_images_or_of_the_memory() -> None:
    """5 images of 2 and 3 pixels: 24 ps each, on 2 cores 3 of them; 100 B at 1 B/ps take longer."""
    pictures = Pictures(5, 2, 3)
    assert host(2).image_ps(pictures) == 24
    assert [host(cores).time_ps(pictures, 100) for cores in (1, 2, 3, 5, 9)] == [120, 72, 48, 24, 24]
    assert host(2, memory=1e12).time_ps(pictures, 100) == 100
    assert host(2, memory=1e12).bound(pictures, 100) == "memory"
    assert host(1, memory=1e12).bound(pictures, 100) == "compute"
    assert host(2, memory=1e12).faster().time_ps(pictures, 100) == 50
    assert host().instant().time_ps(pictures, 100) == 1


def test_pictures_are_stored_a_little_larger_than_their_crops() -> None:
    """256 of the paper for crops of 224 to 256, in proportion for others."""
    assert [stored_side(crop) for crop in (224, 227, 256, 112, 8, 1, 448)] == [256, 256, 256, 128, 9, 1, 512]
    assert Pictures(2, 99, 81).moved_bytes == 2 * (28 + 594)


@pytest.mark.parametrize("task_ps", [1, 5, 10, 50])
@pytest.mark.parametrize(("cores", "times"), [(1, 1), (2, 1), (4, 1), (1, 5), (1, 10)])
def test_a_step_takes_as_long_as_computing_or_preparing(task_ps: int, cores: int, times: float) -> None:
    """With two buffers: max(compute, prepare, loads), in every step and in a run of one alone."""
    made = world(host(cores, times=times), task_ps=task_ps)
    prepare = round(4 // cores * 10 * times)
    expected = max(5 * task_ps, prepare, LOADS)
    assert set(lengths(made, 6)[1:]) == {expected}
    if prepare >= LOADS or 5 * task_ps >= prepare + LOADS:
        assert lengths(made, 1) == (expected,)
    timing, _ = time_steps(laid(made))
    assert (timing.kind, timing.steady_ps) == ("repeats", expected)


@pytest.mark.parametrize("task_ps", [1, 10, 50])
def test_one_buffer_is_filled_when_it_has_been_loaded(task_ps: int) -> None:
    """With one buffer: preparing and loading come one after the other, 40 + 32 ps."""
    made = world(host(buffers=1), task_ps=task_ps)
    assert set(lengths(made, 5)) == {max(5 * task_ps, 40 + LOADS)}
    assert lengths(made, 5) >= lengths(world(host(), task_ps=task_ps), 5)


def test_every_start_and_end_of_an_input_bound_run() -> None:
    """Two buffers, tasks of 1 ps: the cores never rest, and everything else waits for them."""
    trace = simulate(laid(world(host(), task_ps=1)), 2).trace
    assert trace.start_ps == 40 + LOADS
    prepared = [
        (span.step, span.start_ps, span.end_ps) for span in trace.spans if span.resources == ("host.input",)
    ]
    assert prepared == [(-1, 0, 40), (0, 40, 80), (1, 80, 120)]
    loaded = [(span.step, span.start_ps, span.end_ps) for span in trace.spans if span.source == "host"]
    assert loaded == [(-1, 40, 56), (-1, 56, 72), (0, 80, 96), (0, 96, 112), (1, 120, 136), (1, 136, 152)]
    assert trace.step_ends_ps == (112, 152)


def test_more_cores_or_buffers_are_never_slower() -> None:
    """Of a batch of 7, cores from 1 to 8 and buffers from 1 to 3."""
    for task_ps in (1, 20):
        table = [
            [lengths(world(host(cores, buffers), task_ps=task_ps, batch=7), 6)[-1] for cores in range(1, 9)]
            for buffers in (1, 2, 3)
        ]
        for row in table:
            assert row == sorted(row, reverse=True)
        for fewer, more in pairwise(table):
            assert all(b <= a for a, b in zip(fewer, more, strict=True))


def test_without_files_nothing_changes() -> None:
    """A machine that could make batches of files, and is not asked to, leaves the same trace."""
    made = world(host())
    decoded = replace(made, training=replace(made.training, input="decoded"))
    assert simulate(laid(decoded), 3).trace == simulate(laid(world(None)), 3).trace
    assert measure(simulate(laid(decoded))).input is None


def test_each_image_is_prepared_once_by_the_host_it_is_read_from() -> None:
    """Two towers read all images of one host; two halves of the batch near two hosts half of each."""
    towers = jpeg(experiment(alexnet(), replace(gpus(2), inputs={"host": host()}), TOWERS, batch=8))
    (task,) = [task for task in laid(towers).tasks if task.kind is TaskKind.PREPARE]
    assert task.pictures == Pictures(8, 256 * 256, 227 * 227)
    assert set(task.writes.values()) == {"data@1 on host", "label@1 on host"}
    made = jpeg(replace(world(host(), count=2, plan=TWO), hardware=two_hosts()))
    tasks = [task for task in laid(made).tasks if task.kind is TaskKind.PREPARE]
    assert [(task.name, task.pictures) for task in tasks] == [
        ("prepare on host0", Pictures(2, 1, 1)),
        ("prepare on host1", Pictures(2, 1, 1)),
    ]
    assert set(tasks[1].writes.values()) == {"data@1[2:4] on host1", "label@1[2:4] on host1"}


def two_hosts() -> Hardware:
    """Two processors, each with a host of its own near it."""
    plain = machine_of({"p0": ["p0"], "p1": ["p1"]}, cost=Given(50), hosts=("host0", "host1"))
    near = {("host0", "p0"), ("host1", "p1"), ("p0", "p1"), ("host0", "host1")}
    links = [
        link
        for link in plain.links
        if {(link.source, link.destination), (link.destination, link.source)} & near
    ]
    return replace(plain, links=tuple(links), inputs={"host0": host(), "host1": host()})


def test_a_host_holds_the_files_and_as_many_batches_as_it_has_buffers() -> None:
    """A file of 9 x 9 pixels has 23 B: 4 of them, and 3 batches of 256 + 16 B."""
    made = world(host(buffers=3, times=0.1), task_ps=500)
    wide = replace(made, network=network({"l0": fc(2, bias=False)}, (1, 4, 4)))
    wide = replace(wide, training=replace(wide.training, augmentation=Augmentation(shorter_side=9)))
    placed = laid(wide)
    (task,) = [task for task in placed.tasks if task.kind is TaskKind.PREPARE]
    assert task.pictures == Pictures(4, 81, 16)
    assert task.bytes == 4 * (23 + 6 * 81) + 256 + 16
    trace = simulate(placed, 6).trace
    used = [event.used_bytes for event in trace.memory_events if event.memory == "host"]
    assert max(used) == 3 * (256 + 16) + 4 * 23
    assert used[-1] == 0
    assert set(lengths(wide, 3)) == {2500}


@pytest.mark.parametrize("buffers", [1, 2, 3])
def test_a_host_that_computes_reads_what_it_has_prepared(buffers: int) -> None:
    """Nothing is loaded; with one buffer the next batch is made when this one has been read."""
    plain = machine_of({"host": ["core0"]}, cost=Given(50))
    made = jpeg(
        replace(world(host(), plan=Plan()), hardware=replace(plain, inputs={"host": host(buffers=buffers)}))
    )
    placed = laid(made)
    assert not placed.transfers
    assert set(lengths(made, 4)) == {COMPUTE}
    slow = replace(made, hardware=replace(made.hardware, inputs={"host": host(buffers=buffers, times=10)}))
    assert set(lengths(slow, 5)[1:]) == {400 if buffers > 1 else 400 + 200}


def test_inferences_prepare_their_own_image() -> None:
    """40 ps, the load of 16 and two tasks of 50: one after the other, and from when a request arrives."""
    made = world(host(), mode="inference")
    assert lengths(made, 3) == (156, 156, 156)
    trace = simulate(laid(made), arrivals=Arrivals((0, 10, 400))).trace
    assert trace.step_ends_ps == (156, 312, 556)


def test_in_a_pipeline_batches_are_prepared_ahead() -> None:
    """The slowest stage sets the interval: a processor with two tasks of 50 ps, or the host's 40 x 4."""
    made = world(host(), mode="pipeline")
    assert lengths(made, 8)[-1] == 100
    slow = world(host(times=4), mode="pipeline")
    assert lengths(slow, 8)[-1] == 160


def values(made: Experiment, steps: int = 3) -> LastStep:
    """What the last of some steps computes."""
    last = LastStep(steps)
    simulate(laid(made), steps, Executor(laid(made), backends.get("numpy"), Noise(made), steps, last.keep))
    return last


WIDE = network({"l0": fc(3), "l1": fc(4)}, (1, 3, 3), 4)
TENSOR = Plan(mesh={"model": 2}, layers={"*": split(channel="model"), "loss": on("p0")})


@pytest.mark.parametrize("plan", [Plan(), TWO, TENSOR, replace(TWO, microbatches=2)])
@pytest.mark.parametrize("mode", ["training", "inference", "pipeline"])
@pytest.mark.parametrize("cores", [1, 4])
def test_values_are_those_of_batches_that_are_there(plan: Plan, mode: Mode, cores: int) -> None:
    """Bit for bit, for any plan and mode."""
    if mode != "training":
        plan = replace(plan, microbatches=1)
    hardware = replace(machine(2), inputs={"host": host(cores, times=20)})
    plain = replace(experiment(WIDE, hardware, plan, batch=4, steps=3, dtype="float32"), mode=mode)
    _same(values(plain), values(jpeg(plain)))


def test_values_of_two_hosts_and_of_one_that_computes() -> None:
    """Each host makes its part of one batch, which the source is asked for once."""
    asked: list[int] = []

    class Counted(Noise):
        """Noise that notes what it was asked for."""

        def batch(self, step: int) -> Batch:
            """Notes for which step it was asked."""
            asked.append(step)
            return super().batch(step)

    made = replace(jpeg(world(host(), count=2, plan=TWO)), hardware=two_hosts())
    plain = jpeg(made, None)
    _same(values(plain), values(made))
    placed = laid(made)
    simulate(placed, 3, Executor(placed, backends.get("numpy"), Counted(made), 3))
    assert asked == [0, 1, 2]
    computing = replace(machine_of({"host": ["core0"]}), inputs={"host": host(times=9)})
    alone = replace(experiment(WIDE, computing, Plan(), batch=4, steps=3, dtype="float32"))
    _same(values(alone), values(jpeg(alone)))


def _same(first: LastStep, second: LastStep) -> None:
    assert first.values.keys() == second.values.keys()
    for name in first.values:
        for (one, left), (other, right) in zip(first.values[name], second.values[name], strict=True):
            assert one.name == other.name
            assert np.array_equal(left, right)


def test_two_runs_leave_the_same_trace() -> None:
    """Whatever is ready at once."""
    made = replace(jpeg(world(host(), count=2, plan=TWO)), hardware=two_hosts())
    assert simulate(laid(made), 4).trace == simulate(laid(made), 4).trace


def test_measures_say_that_training_is_input_bound() -> None:
    """Preparing takes 400 ps, computing 250: 4 images in 400 ps, where 4 in 250 could be used."""
    metrics = measure(simulate(laid(world(host(times=10))), 3))
    assert metrics.input is not None
    assert metrics.input.bound
    assert metrics.input.share == 1.0
    assert metrics.input.images_per_s == pytest.approx(4 / 400e-12)
    assert metrics.input.needed_images_per_s == pytest.approx(4 / 250e-12)
    use = metrics.input.hosts["host"]
    assert (use.images, use.cores, use.buffers, use.busy, use.bound) == (4, 1, 2, 1.0, "compute")
    assert use.prepare_s == pytest.approx(400e-12)
    use_of = metrics.processors["p0"]
    idle_s = use_of.waiting_for_input_s + use_of.communication_exposed_s
    assert idle_s == pytest.approx((400 - 250) * 1e-12)
    assert use_of.waiting_for_input_s > 100e-12
    assert use_of.waiting_for_others_s == 0
    assert metrics.limits[0].resource == "input path"
    assert metrics.limits[0].step_time_s == pytest.approx(250e-12)
    assert metrics.critical_path[0].told == "preparation of batches on host"


def test_measures_say_that_training_is_not_input_bound() -> None:
    """Preparing takes 40 ps of a step of 250."""
    metrics = measure(simulate(laid(world(host())), 3))
    assert metrics.input is not None
    assert not metrics.input.bound
    assert metrics.input.share == 0.0
    assert metrics.input.hosts["host"].busy == pytest.approx(40 / 250)
    assert metrics.input.needed_images_per_s == pytest.approx(metrics.images_per_s)
    assert all(use.waiting_for_input_s == 0 for use in metrics.processors.values())


def test_a_batch_made_too_quickly_is_a_fault() -> None:
    """The checker knows how long bytes need through the memory, and that cores do one batch at a time."""
    made = world(host(memory=1e12))
    trace = simulate(laid(made), 2).trace
    slower = replace(made.hardware, inputs={"host": host(memory=1e11)})
    assert not list(trace_faults(trace, made.hardware))
    assert any("its bytes take the memory" in fault for fault in trace_faults(trace, slower))
    first, second = (span for span in trace.spans if span.resources == ("host.input",) and span.step < 1)
    early = replace(second, start_ps=first.start_ps, ready_ps=0, cause=None)
    spans = tuple(early if span.index == second.index else span for span in trace.spans)
    assert any("'host.input'" in fault for fault in trace_faults(replace(trace, spans=spans), made.hardware))


def test_a_host_without_an_input_path_cannot_make_batches() -> None:
    """The message names the host, the machine and where to describe it."""
    made = jpeg(world(host()))
    bare = replace(made, hardware=replace(made.hardware, inputs={}))
    with pytest.raises(
        OptionError, match=r"host 'host' of hardware 'machine' has no input path; .*hosts\.host\.input"
    ):
        laid(bare)


def test_what_is_no_picture_is_refused() -> None:
    """Tokens, and images of two channels."""
    made = world(host())
    layers = {
        "words": EmbeddingLayer(op="embedding", channels=3),
        "scores": LinearLayer(op="linear", channels=5),
    }
    reader = replace(network(layers, classes=5), input=Tokens(tokens=4))
    with pytest.raises(OptionError, match="reads tokens"):
        laid(jpeg(experiment(reader, machine(1))))
    with pytest.raises(OptionError, match="reads 2 channels, and pictures have 3, or 1"):
        laid(replace(made, network=replace(made.network, input=(2, 1, 1))))


def test_only_hosts_have_an_input_path() -> None:
    """The fault names what is none."""
    with pytest.raises(CheckError, match=r"'p0' has an input path, but is no host \(there are: host\)"):
        replace(machine(1), inputs={"p0": host()})


def test_the_reference_can_make_batches_too() -> None:
    """What is verified against one processor may be trained on files."""
    made = world(host())
    laid(replace(made, hardware=one_processor(), plan=Plan()))


CONTROLLER = Controller(signal_ps=10, dispatch_ps=20, semaphore_ps=5)


def on_a_card(kind: str, spacing_ps: int | None = None, steps: int = 3) -> Experiment:
    """Three cores of one address space behind a host, whose tasks are told to start."""
    made = chain(
        card(*[Given(50)] * 3, controller=CONTROLLER),
        controlled(kind, spacing_ps),
        mode="training",
        steps=steps,
    )
    with_input = replace(made.hardware, inputs={"host": host(times=3)})
    return replace(made, hardware=with_input, network=replace(made.network, input=(3, 1, 1)))


@pytest.mark.parametrize("kind", ["dataflow", "static", "dynamic"])
def test_cores_of_an_address_space_behind_a_host(kind: str) -> None:
    """Whoever tells the cores to start: the same values, and no step is shorter for it."""
    plain = on_a_card(kind)
    _same(values(plain), values(jpeg(plain)))
    slow = replace(plain, hardware=replace(plain.hardware, inputs={"host": host(times=100)}))
    assert lengths(jpeg(slow), 4)[-1] == 1000 > lengths(plain, 4)[-1]


def test_where_tasks_race_a_batch_is_prepared_in_the_step_before() -> None:
    """Signals come at fixed times from when a step begins; what is computed depends on these alone."""
    plain = on_a_card("static", 40)
    _same(values(plain), values(jpeg(plain)))
    trace = simulate(laid(jpeg(plain)), 3).trace
    prepared = [span for span in trace.spans if span.resources == ("host.input",)]
    begins = (0, trace.start_ps, *trace.step_ends_ps[:2])
    assert [span.start_ps for span in prepared] == list(begins)
