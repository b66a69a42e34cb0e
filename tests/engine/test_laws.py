"""The law of values: any network split any way on any machine gives the numbers of one processor."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given

import backends
from dataflow.backend import Array, Backend, Site
from dataflow.data.batches import Batch, BatchSource, Noise
from dataflow.errors import PlanError
from dataflow.experiment import Experiment
from dataflow.graph import training_graph
from dataflow.layers import Initial
from dataflow.ops import Op, Pass, Phase, SoftmaxCrossEntropy
from dataflow.placement import TaskKind, place
from dataflow.region import Region, uncovered
from dataflow.simulation import Run, simulate
from dataflow.values.executor import Executor
from dataflow.values.randomness import generator
from dataflow.verification.references import LastStep, OneProcessor, verify
from tests.engine.strategies import World, experiments, law, worlds


class WholeNumbers:
    """NumPy, but with a loss whose values and gradients are whole numbers, so that every sum is exact."""

    name: str = "whole numbers"
    dtypes: tuple[str, ...] = ("float64",)
    computes: bool = True

    def __init__(self) -> None:
        numpy = self.numpy = backends.get("numpy")
        self.empty, self.release = numpy.empty, numpy.release
        self.accumulate, self.fill, self.supports = numpy.accumulate, numpy.fill, numpy.supports

    def compute(
        self, op: Op, direction: Pass, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site
    ) -> None:
        """Any op but the loss as in NumPy; the loss's gradient is its input modulo 3, less 1 at the label."""
        if not isinstance(op, SoftmaxCrossEntropy):
            self.numpy.compute(op, direction, reads, writes, site)
        elif direction.name == "forward":
            writes["probability"][...] = np.mod(np.floor(reads["input"]), 3)
            writes["output"][...] = reads["input"].sum(axis=1) - reads["label"]
        else:
            label = np.expand_dims(reads["label"], 1)
            less = np.take_along_axis(reads["probability"], label, axis=1) - 1
            writes["input.grad"][...] = reads["probability"]
            np.put_along_axis(writes["input.grad"], label, less, axis=1)


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


def computed(world: World, backend: Backend, batches: BatchSource) -> tuple[Run, LastStep]:
    """The world's run with values, and those of its last step, every element of which is there."""
    last = LastStep(world.steps)
    executor = Executor(world.placed, backend, batches, world.steps, last.keep)
    run = simulate(world.placed, world.steps, executor)
    for shards in last.values.values():
        whole = shards[0][0].tensor.region
        assert uncovered(whole, [shard.region for shard, _ in shards]) == ()
    return run, last


@law(10)
@given(world=worlds(exact=True))
def test_values_are_those_of_one_processor_bit_for_bit(world: World) -> None:
    """Where every sum is exact, any plan on any machine gives exactly what one processor gives."""
    batches = SmallIntegers(world.experiment) if isinstance(world.batches, Noise) else world.batches
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dataflow.values.given.initial_values", small_integers)
        backend = WholeNumbers()
        _, last = computed(world, backend, batches)
        verification = verify(last, world.experiment, batches, OneProcessor(backend), tolerance=0.0)
    assert [c.tensor for c in verification.comparisons if not c.passed] == []
    assert verification.passed


@law(10)
@given(world=worlds(steps=3))
def test_values_are_those_of_one_processor(world: World) -> None:
    """Any plan on any machine gives, after three steps, what one processor gives within 1e-9."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dataflow.values.given.initial_values", strong)
        _, last = computed(world, numpy_backend(), world.batches)
        reference = OneProcessor(numpy_backend())
        verification = verify(last, world.experiment, world.batches, reference, tolerance=1e-9)
    off = [c for c in verification.comparisons if not c.passed and c.max_absolute_error > 1e-12]
    assert off == []
    assert verification.missing == ()


@law(4)
@given(world=worlds(steps=2))
def test_the_trace_is_the_same_with_and_without_values(world: World) -> None:
    """Timing never depends on values, nor on the backend that computes them."""
    timed = simulate(world.placed, 2).trace
    for backend in (numpy_backend(), WholeNumbers()):
        run, _ = computed(world, backend, world.batches)
        assert run.trace == timed


@law(6)
@given(world=worlds())
def test_every_slice_of_work_is_done(world: World) -> None:
    """Replicas counted once, the placed tasks of a pass do all of its FLOP and write all of its outputs."""
    graph = world.placed
    for task in graph.task_graph.tasks:
        if task.phase is Phase.UPDATE:
            continue
        slices: dict[Any, int] = {}
        for one in graph.tasks:
            if one.kind is TaskKind.COMPUTE and one.name.startswith((f"{task.name} on ", f"{task.name} #")):
                written = tuple(graph.shards[name].region for name in one.writes.values())
                read = tuple(read.region for read in one.reads)
                slices[written, read] = one.flop
        assert sum(slices.values()) == task.flop
    for name, homes in graph.homes.items():
        tensor = graph.task_graph.tensors[name]
        if name.split("@")[0] not in ("data", "label"):
            regions = [graph.shards[home].region for home in homes]
            assert uncovered(Region.whole(tensor.shape), regions) == ()


def test_few_random_plans_cannot_be_carried_out() -> None:
    """Of a hundred random plans fewer than ten are passed over; no more would go unnoticed."""
    refused: list[bool] = []

    @law(5)
    @given(world=experiments())
    def count(world: Experiment) -> None:
        try:
            place(training_graph(world), world.hardware, world.plan)
        except PlanError:
            refused.append(True)
        else:
            refused.append(False)

    count()
    assert sum(refused) < len(refused) / 10
