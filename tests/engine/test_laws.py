"""Laws that hold for every network on every machine under every plan, tried on random worlds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings

import backends
from dataflow.backend import Array, Backend
from dataflow.batches import Batch, Noise
from dataflow.cost import PS_PER_S
from dataflow.experiment import Experiment
from dataflow.layers import Initial
from dataflow.measurement import measure
from dataflow.ops import Op, Pass, Phase, SoftmaxCrossEntropy
from dataflow.placement import TaskKind
from dataflow.randomness import generator
from dataflow.references import OneProcessor, verify
from dataflow.region import Region, uncovered
from dataflow.simulation import simulate
from tests.engine.strategies import LAW, experiments
from tests.engine.worlds import computed, placed


class WholeNumbers:
    """NumPy, but with a loss whose values and gradients are whole numbers, so that every sum is exact."""

    name: str = "whole numbers"
    dtypes: tuple[str, ...] = ("float64",)
    computes: bool = True

    def __init__(self) -> None:
        self.numpy = backends.get("numpy")
        self.empty, self.release = self.numpy.empty, self.numpy.release
        self.accumulate = self.numpy.accumulate

    def compute(
        self, op: Op, direction: Pass, reads: Mapping[str, Array], writes: Mapping[str, Array]
    ) -> None:
        """Any op but the loss as in NumPy; the loss's gradient is its input modulo 3, less 1 at the label."""
        if not isinstance(op, SoftmaxCrossEntropy):
            self.numpy.compute(op, direction, reads, writes)
        elif direction.name == "forward":
            writes["probability"][...] = np.mod(np.floor(reads["input"]), 3)
            writes["output"][...] = reads["input"].sum(axis=1) - reads["label"]
        else:
            writes["input.grad"][...] = reads["probability"]
            writes["input.grad"][np.arange(op.batch), reads["label"]] -= 1


class SmallIntegers(Noise):
    """Images of -2 to 2."""

    def batch(self, step: int) -> Batch:
        """Integers drawn for this step."""
        values = generator(self.seed, "integers", step).integers(-2, 3, self.shape)
        return Batch(values.astype(np.float32), super().batch(step).labels)


def small_integers(seed: int, name: str, shape: tuple[int, ...], initial: Initial) -> Array:
    """Weights of -1 to 1 in the place of Gaussian ones."""
    return generator(seed, "integers", name).integers(-1, 2, shape).astype(np.float32)


def strong(seed: int, name: str, shape: tuple[int, ...], initial: Initial) -> Array:
    """Weights of deviation 0.7, and biases like them, so that values neither vanish nor cancel."""
    return generator(seed, "strong", name).standard_normal(shape, dtype=np.float32) * np.float32(0.7)


@cache
def numpy_backend() -> Backend:
    """The reference backend, once."""
    return backends.get("numpy")


def assert_all_there(world: Experiment, last_step: Any) -> None:
    """Every value of the last step that a placed world has to have is there, and whole."""
    for shards in last_step.values.values():
        whole = shards[0][0].tensor.region
        assert uncovered(whole, [shard.region for shard, _ in shards]) == ()


@settings(LAW, max_examples=300)
@given(world=experiments(exact=True))
def test_values_are_those_of_one_processor_bit_for_bit(world: Experiment) -> None:
    """Where every sum is exact, any plan on any machine gives exactly what one processor gives."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dataflow.executor.initial_values", small_integers)
        backend = WholeNumbers()
        _, last_step = computed(world, backend, SmallIntegers(world))
        assert_all_there(world, last_step)
        verification = verify(last_step, world, SmallIntegers(world), OneProcessor(backend), tolerance=0.0)
    assert [c.tensor for c in verification.comparisons if not c.passed] == []
    assert verification.passed


@settings(LAW, max_examples=300)
@given(world=experiments(steps=2))
def test_values_are_those_of_one_processor(world: Experiment) -> None:
    """Any plan on any machine gives, after two steps, what one processor gives within 1e-9."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dataflow.executor.initial_values", strong)
        _, last_step = computed(world, numpy_backend())
        assert_all_there(world, last_step)
        verification = verify(last_step, world, Noise(world), OneProcessor(numpy_backend()), tolerance=1e-9)
    off = [c for c in verification.comparisons if not c.passed and c.max_absolute_error > 1e-12]
    assert [c.tensor for c in off] == []
    assert verification.missing == ()


@settings(LAW, max_examples=120)
@given(world=experiments(steps=2))
def test_the_trace_is_the_same_with_and_without_values(world: Experiment) -> None:
    """Timing never depends on values, and two runs of the same world give the same trace."""
    graph = placed(world)
    timed = simulate(graph, 2).trace
    run, _ = computed(world, numpy_backend())
    assert run.trace == timed == simulate(graph, 2).trace


@settings(LAW, max_examples=120)
@given(world=experiments(steps=3))
def test_bytes(world: Experiment) -> None:
    """Bytes sent are bytes received, and are the regions that transfers move; links carry just these."""
    graph = placed(world)
    for task in graph.transfers:
        (piece,) = task.reads[0].pieces
        copy = graph.shards[task.writes["copy0"]]
        assert piece.region == copy.region
        assert task.bytes == piece.region.size * copy.tensor.itemsize > 0
    metrics = measure(simulate(graph, 3))
    leaving: Counter[str] = Counter()
    for task in graph.transfers:
        for link in world.hardware.route(*task.route):
            leaving[link.name] += task.bytes
    carried = {link.name: metrics.links[link.name].bytes for link in world.hardware.links}
    assert carried == {name: leaving[name] for name in carried}
    for node in (*world.hardware.memories, *world.hardware.switches):
        out = sum(carried[link.name] for link in world.hardware.links if link.source == node)
        back = sum(carried[link.name] for link in world.hardware.links if link.destination == node)
        sent = sum(task.bytes for task in graph.transfers if task.route[0] == node)
        received = sum(task.bytes for task in graph.transfers if task.route[1] == node)
        assert out - sent == back - received


def overlaps(intervals: list[tuple[int, int]], allowed: int) -> bool:
    """Whether more of the intervals than allowed are open at once."""
    lasting = [(start, end) for start, end in intervals if end > start]
    changes = sorted([(start, 1) for start, _ in lasting] + [(end, -1) for _, end in lasting])
    held = 0
    for _, change in changes:
        held += change
        if held > allowed:
            return True
    return False


@settings(LAW, max_examples=120)
@given(world=experiments(steps=2))
def test_nothing_overlaps_on_an_exclusive_resource(world: Experiment) -> None:
    """A processor does one task at a time, a channel passes one transfer, a copy engine drives one."""
    trace = simulate(placed(world), 2).trace
    by_resource: dict[str, list[tuple[int, int]]] = {}
    for span in trace.spans:
        for resource in span.resources:
            by_resource.setdefault(resource, []).append((span.start_ps, span.end_ps))
    engines = {f"{name}.copy": p.copy_engines for name, p in world.hardware.processors.items()}
    for resource, intervals in by_resource.items():
        assert not overlaps(intervals, engines.get(resource, 1)), resource


@settings(LAW, max_examples=120)
@given(world=experiments(steps=2))
def test_nothing_starts_before_what_it_needs(world: Experiment) -> None:
    """A task starts after all that write what it reads, after its cause, and in its own step's time."""
    graph = placed(world)
    trace = simulate(graph, 2).trace
    ends = {(span.step, span.name): span.end_ps for span in trace.spans}
    for span in trace.spans:
        for before in graph.graph.predecessors(span.name):
            assert ends[span.step, before] <= span.ready_ps <= span.start_ps
        if span.cause is not None:
            assert trace.spans[span.cause].end_ps == span.start_ps
        assert span.step < 0 or span.start_ps >= trace.start_ps
    assert [span.start_ps for span in trace.spans] == sorted(span.start_ps for span in trace.spans)
    assert list(trace.step_ends_ps) == sorted(trace.step_ends_ps)
    assert trace.end_ps == max(span.end_ps for span in trace.spans)


@settings(LAW, max_examples=120)
@given(world=experiments())
def test_lower_bounds(world: Experiment) -> None:
    """A step takes at least its longest chain of tasks, and each resource's work over its capacity."""
    graph = placed(world)
    trace = simulate(graph).trace
    step_ps = trace.end_ps - trace.start_ps
    lengths = {span.name: span.length_ps for span in trace.spans if span.step == 0}
    order: nx.DiGraph[str] = nx.DiGraph()
    order.add_nodes_from(lengths)
    order.add_weighted_edges_from((a, b, lengths[a]) for a, b in graph.graph.edges)
    finished: dict[str, int] = {}
    for name in nx.topological_sort(order):
        finished[name] = max((finished[p] for p in order.predecessors(name)), default=0) + lengths[name]
    assert step_ps >= max(finished.values())
    for name, processor in world.hardware.processors.items():
        flop = sum(task.flop for task in graph.tasks if task.processor == name)
        assert step_ps >= int(flop * PS_PER_S / processor.cost.peak_flops)
    for channel in {link.channel for link in world.hardware.links}:
        work_ps = sum(
            int(task.bytes * PS_PER_S / link.bandwidth_bytes_per_s)
            for task in graph.transfers
            for link in world.hardware.route(*task.route)
            if link.channel == channel
        )
        assert step_ps >= work_ps


@settings(LAW, max_examples=120)
@given(world=experiments(steps=2))
def test_memory_ends_with_what_is_kept(world: Experiment) -> None:
    """At the end each memory holds its weights, velocities and one batch; it never held less than nothing."""
    graph = placed(world)
    trace = simulate(graph, 2).trace
    used: dict[str, int] = dict.fromkeys(world.hardware.memories, 0)
    for event in trace.memory_events:
        used[event.memory] += event.bytes
        assert event.used_bytes == used[event.memory] >= 0
    kept = dict.fromkeys(world.hardware.memories, 0)
    for shard in graph.shards.values():
        if shard.tensor.carried and shard.tensor.version == 0:
            kept[shard.memory] += shard.bytes
    assert used == kept
    times = [event.time_ps for event in trace.memory_events]
    assert all(a <= b for a, b in pairwise(times))


@settings(LAW, max_examples=120)
@given(world=experiments(steps=2))
def test_a_processor_s_time_adds_up(world: Experiment) -> None:
    """A processor is busy, waits for transfers or waits for others; the critical path's parts add up too."""
    metrics = measure(simulate(placed(world), 2))
    for use in metrics.processors.values():
        if use.busy_s:
            parts = use.busy_s + use.communication_exposed_s + use.waiting_for_others_s
            assert parts == pytest.approx(metrics.step_time_s, rel=1e-12)
            assert sum(use.exposed_by.values()) == pytest.approx(use.communication_exposed_s, rel=1e-12)
            assert 0 <= use.communication_hidden_s <= metrics.step_time_s * (1 + 1e-12)
            assert 0 <= use.utilisation <= 1
    assert sum(part.time_s for part in metrics.critical_path) == pytest.approx(metrics.step_time_s, rel=1e-12)
    assert sum(part.share for part in metrics.critical_path) == pytest.approx(1, rel=1e-12)
    assert sum(p.busy_s for p in metrics.processors.values()) == pytest.approx(sum(metrics.phases.values()))


@LAW
@given(world=experiments(steps=2))
def test_a_run_that_fits_can_be_measured(world: Experiment) -> None:
    """With memories as large as the run needs and no larger, everything about it can still be measured."""
    metrics = measure(simulate(placed(world), 2))
    memories = {
        name: replace(memory, capacity_bytes=metrics.memories[name].peak_bytes)
        for name, memory in world.hardware.memories.items()
    }
    tight = replace(world, hardware=replace(world.hardware, memories=memories))
    again = measure(simulate(placed(tight), 2))
    assert again.step_time_s == metrics.step_time_s


@settings(LAW, max_examples=120)
@given(world=experiments())
def test_every_slice_of_work_is_done(world: Experiment) -> None:
    """Replicas counted once, the placed tasks of a pass do all of its FLOP and write all of its outputs."""
    graph = placed(world)
    for task in graph.task_graph.tasks:
        if task.phase is Phase.UPDATE:
            continue
        slices: dict[Any, int] = {}
        for one in graph.tasks:
            if one.kind is TaskKind.COMPUTE and one.name.startswith(f"{task.name} on "):
                written = tuple(graph.shards[name].region for name in one.writes.values())
                read = tuple(read.region for read in one.reads)
                slices[written, read] = one.flop
        assert sum(slices.values()) == task.flop
    for name, homes in graph.homes.items():
        tensor = graph.task_graph.tensors[name]
        if name.split("@")[0] not in ("data", "label"):
            regions = [graph.shards[home].region for home in homes]
            assert uncovered(Region.whole(tensor.shape), regions) == ()
