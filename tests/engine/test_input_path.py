"""Batches made of files by hosts, to the picosecond and the byte; see ``tests.engine.files``."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from dataflow.host_input import Pictures
from dataflow.measurement import measure
from dataflow.placement import TaskKind
from dataflow.plan import Plan
from dataflow.recipe import Augmentation
from dataflow.simulation import Arrivals, simulate
from dataflow.simulation.check import trace_faults
from dataflow.training.timing import time_steps
from tests.engine.files import COMPUTE, LOADS, TWO, host, jpeg, laid, lengths, two_hosts, world
from tests.engine.signals import Given
from tests.engine.spaces import machine_of
from tests.engine.worlds import TOWERS, alexnet, experiment, fc, gpus, network


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


def test_bytes_that_pass_through_the_memory() -> None:
    """A file of 99 pixels has 28 B, and its pixels are written and read: 594 B."""
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


def test_two_runs_leave_the_same_trace() -> None:
    """Whatever is ready at once."""
    made = replace(jpeg(world(host(), count=2, plan=TWO)), hardware=two_hosts())
    assert simulate(laid(made), 4).trace == simulate(laid(made), 4).trace


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
