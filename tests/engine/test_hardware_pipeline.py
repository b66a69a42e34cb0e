"""Samples that stream through stages: closed forms for equal and unequal stages, and back-pressure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.measurement import measure_trace
from dataflow.metrics import PipelineUse
from dataflow.plan import Plan
from dataflow.simulation import simulate
from tests.engine.signals import LOAD, Given, card, chain, laid
from tests.engine.strategies import law
from tests.engine.traces import S
from tests.engine.worlds import experiment, fc, machine, network, on


def end_ps(times_ps: Sequence[int], samples: int, places: int) -> int:
    """When the last of some samples has left stages of these times with so many places between them."""
    world = chain(card(*(Given(time) for time in times_ps)), Plan(buffers=places), mode="pipeline")
    return simulate(laid(world), samples).trace.end_ps


def used(times_ps: Sequence[int], samples: int, places: int = 2) -> PipelineUse:
    """What is measured of the same."""
    world = chain(card(*(Given(time) for time in times_ps)), Plan(buffers=places), mode="pipeline")
    pipeline = measure_trace(simulate(laid(world), samples)).pipeline
    assert pipeline is not None
    return pipeline


@pytest.mark.parametrize("places", [2, 3])
@pytest.mark.parametrize("samples", [1, 2, 7])
@pytest.mark.parametrize("stages", [2, 3, 5])
def test_equal_stages(stages: int, samples: int, places: int) -> None:
    """Behind the first load, N samples through S stages of time t take (S + N - 1) t."""
    assert end_ps([100] * stages, samples, places) == LOAD + (stages + samples - 1) * 100


@law(30)
@given(st.lists(st.integers(20, 300), min_size=2, max_size=4), st.integers(1, 6))
def test_unequal_stages(times_ps: list[int], samples: int) -> None:
    """Stages of times t take sum(t) + (N - 1) max(t); a load is hidden behind any of them."""
    assert end_ps(times_ps, samples, 2) == LOAD + sum(times_ps) + (samples - 1) * max(times_ps)


def test_one_place() -> None:
    """With one place a stage waits until its neighbour has read: two that are adjacent take turns.

    So samples follow one another at the largest sum of two neighbours; the load is the first stage's.
    """
    assert end_ps([100, 100, 100], 5, 1) == LOAD + 300 + 4 * 200
    assert end_ps([100, 300], 5, 1) == LOAD + 400 + 4 * 400


def test_back_pressure() -> None:
    """A quick stage before a slow one fills the buffer, and waits for each sample to leave it.

    Stage 0 takes 100, stage 1 300. Sample 0 is in stage 0 from 8 to 108 and in stage 1 to 408,
    sample 1 in stage 0 to 208; sample 2 could go on then, but both places are taken until 408. So
    samples 2 to 5 wait for 200 each. Samples leave at 408, 708, ... 1908. A place is taken from when a
    sample enters stage 0 until it leaves stage 1: twice 100 ps alone at the beginning and 300 at
    the end, and two places from 108 to 1608.

    Loads take 8 too, and wait for stage 0 to have read: sample 2 from 16 to 108, 3 from 116 to 208, 4 from
    216 to 508, 5 from 516 to 808; one at a time, though all the samples are there from the beginning.
    """
    pipeline = used([100, 300], 6)
    assert pipeline.interval_s == pytest.approx(300 * S)
    assert pipeline.fill_s == pytest.approx(408 * S)
    assert pipeline.bottleneck == "core1"
    assert pipeline.balanced_interval_s == pytest.approx(200 * S)
    assert [(stage.processor, stage.layers) for stage in pipeline.stages] == [
        ("core0", ("l0",)),
        ("core1", ("loss",)),
    ]
    assert [stage.occupied for stage in pipeline.stages] == pytest.approx([1 / 3, 1])
    (between,) = [buffer for buffer in pipeline.buffers if buffer.consumer == "core1"]
    assert (between.producer, between.capacity, between.peak) == ("core0", 2, 2)
    assert between.stalled_s == pytest.approx(800 * S)
    (source,) = [buffer for buffer in pipeline.buffers if buffer.consumer == "core0"]
    assert source.stalled_s == pytest.approx((92 + 92 + 292 + 292) * S)
    assert between.full_fraction == pytest.approx((1608 - 108) / 1908)
    assert between.mean == pytest.approx((100 + 2 * 1500 + 300) / 1908)


def test_latencies() -> None:
    """A sample's latency is from the start of its load to its end: here 8 + 100 + 100 without waiting.

    The buffers hold two samples, so later ones are loaded before their turn: sample 1 is loaded from 8 on
    and leaves at 308; sample 2 from 108 on, when sample 0 has been read, and leaves at 408.
    """
    pipeline = used([100, 100], 3)
    assert pipeline.latency.count == 3
    assert pipeline.latency.max_s == pytest.approx(300 * S)
    assert pipeline.latency.p50_s == pytest.approx(300 * S)
    assert pipeline.drain_s == pytest.approx(300 * S)


def test_a_single_sample_has_no_interval() -> None:
    """It overlaps with none: stages are compared with its whole time, and no interval is claimed."""
    pipeline = used([100, 300], 1)
    assert (pipeline.interval_s, pipeline.balanced_interval_s) == (None, None)
    assert pipeline.fill_s == pytest.approx((LOAD + 400) * S)
    assert [stage.occupied for stage in pipeline.stages] == pytest.approx([100 / 408, 300 / 408])


def test_step_time_is_the_interval() -> None:
    """In a pipeline a step takes as long as from one sample to the next, and throughput follows."""
    world = chain(card(Given(100), Given(300)), mode="pipeline")
    metrics = measure_trace(simulate(laid(world), 6))
    assert metrics.step_time_s == pytest.approx(300 * S)
    assert metrics.images_per_s == pytest.approx(1 / (300 * S))
    one_by_one = measure_trace(simulate(laid(replace(world, mode="inference")), 6))
    assert one_by_one.step_time_s == pytest.approx((LOAD + 400) * S)
    assert one_by_one.pipeline is None


def test_two_processors_with_memories_of_their_own() -> None:
    """Any machine can run so. p0 takes 48 a step, p1 48 + 24, a transfer 16: one sample every 72."""
    plan = Plan(layers={"a": on("p0"), "b": on("p1"), "loss": on("p1")})
    net = network({"a": fc(2, bias=False), "b": fc(2, bias=False)})
    world = replace(experiment(net, machine(2), plan, dtype="float32"), mode="pipeline")
    run = simulate(laid(world), 4)
    assert run.trace.step_ends_ps == (152, 224, 296, 368)
    pipeline = measure_trace(run).pipeline
    assert pipeline is not None
    assert pipeline.bottleneck == "p1"
    assert [buffer.producer for buffer in pipeline.buffers] == ["host->p0", "p0", "p0->p1"]


def test_a_link_can_be_the_bottleneck() -> None:
    """Where a transfer takes longer than any stage, the copy engine that drives it is named."""
    plan = Plan(layers={"a": on("p0"), "b": on("p1"), "loss": on("p1")})
    net = network({"a": fc(2, bias=False), "b": fc(2, bias=False)})
    hardware = machine(2, link_bytes_per_s=1e11)
    world = replace(experiment(net, hardware, plan, dtype="float32"), mode="pipeline")
    pipeline = measure_trace(simulate(laid(world), 6)).pipeline
    assert pipeline is not None
    assert pipeline.bottleneck == "p0.copy"
