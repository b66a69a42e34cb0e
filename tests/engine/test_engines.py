"""Engines that tasks share: they saturate, and nobody does more there than they can."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.measurement import measure_trace
from dataflow.placement import PlacedGraph
from dataflow.plan import Plan
from dataflow.simulation import Run, simulate
from dataflow.simulation.check import trace_faults
from tests.engine.signals import LOAD, Given, card, laid
from tests.engine.traces import S
from tests.engine.worlds import experiment, fc, network, on, split


def alike(count: int, time_ps: int, operations: float, *, quick: int = 0) -> PlacedGraph:
    """A layer of which each of so many cores does a part, each asking as much of an engine of 1 operation/ps.

    Behind them one core predicts and asks nothing. quick: that many of the cores ask nothing either.
    """
    asking = Given(time_ps, {"dram": operations})
    models = [Given(time_ps)] * quick + [asking] * (count - quick) + [Given(10)]
    hardware = card(*models, engines={"dram": 1e12})
    cores = tuple(hardware.processors)
    plan = Plan(layers={"a": on(*cores[:-1], channel="on"), "loss": on(cores[-1])})
    world = experiment(
        network({"a": fc(count, bias=False)}, classes=count), hardware, plan, batch=1, dtype="float32"
    )
    return laid(replace(world, mode="inference"))


@pytest.mark.parametrize(("count", "length_ps"), [(1, 100), (2, 100), (3, 120), (4, 160), (8, 320)])
def test_saturation(count: int, length_ps: int) -> None:
    """Of n tasks of 100 ps and 40 operations each, at 1 operation/ps, n / max(100, 40 n) end a picosecond."""
    trace = simulate(alike(count, 100, 40)).trace
    spans = [span for span in trace.spans if span.layer == "a" and span.processor]
    assert [(span.start_ps, span.length_ps) for span in spans] == [(LOAD, length_ps)] * count
    assert [span.engine_ps for span in spans] == [length_ps - 100] * count
    assert {span.bound for span in spans} == {"compute" if length_ps == 100 else "engine"}
    assert spans[0].resources == ("core0", "dram")


def test_an_engine_that_is_slower_than_the_task() -> None:
    """Alone in the machine a task takes as long as its operations if these take longer."""
    trace = simulate(alike(1, 100, 250)).trace
    (span,) = [span for span in trace.spans if span.engine_operations]
    assert (span.length_ps, span.engine_ps, span.bound) == (250, 150, "engine")
    assert span.engine_operations == (("dram", 250),)


def test_those_who_ask_nothing_are_not_slowed_down() -> None:
    """Two of four ask for nothing; the others have the engine for themselves: 120 operations for 100 ps."""
    trace = simulate(alike(4, 100, 60, quick=2)).trace
    lengths = {span.processor: span.length_ps for span in trace.spans if span.layer == "a"}
    assert [lengths[f"core{index}"] for index in range(4)] == [100, 100, 120, 120]


def test_two_rates() -> None:
    """The engine is shared by need, and what one leaves the other takes.

    Of 1 operation/ps a task of 100 ps and 30 operations wants 0.3, one of 100 ps and 90 wants 0.9; max-min
    gives 0.3 and 0.7. At 100 the first has ended and the second has 20 left, at 0.9: 22.2 ps more.
    """
    hardware = card(Given(100, {"dram": 30}), Given(100, {"dram": 90}), Given(10), engines={"dram": 1e12})
    plan = Plan(layers={"a": on("core0", "core1", channel="on"), "loss": on("core2")})
    world = experiment(network({"a": fc(2, bias=False)}), hardware, plan, batch=1, dtype="float32")
    trace = simulate(laid(replace(world, mode="inference"))).trace
    lengths = {span.processor: span.length_ps for span in trace.spans if span.layer == "a"}
    assert (lengths["core0"], lengths["core1"]) == (100, 122)


def test_what_is_measured() -> None:
    """Four tasks of 40 operations keep the engine busy for 160 of 8 + 160 + 10 ps, and each core waits 60."""
    metrics = measure_trace(simulate(alike(4, 100, 40)))
    assert metrics.engines == pytest.approx({"dram": 160 / 178})
    assert metrics.idleness["core0"].engine_s == pytest.approx(60 * S)
    assert metrics.idleness["core4"].engine_s == 0.0


def test_memory_that_threads_do_not_hide() -> None:
    """A task's time in which its core waits for memory is kept with its span, and added up."""
    hardware = card(Given(100, stalled_ps=35), Given(10))
    plan = Plan(layers={"a": on("core0"), "loss": on("core1")})
    world = experiment(network({"a": fc(2, bias=False)}), hardware, plan, batch=1, dtype="float32")
    metrics = measure_trace(simulate(laid(replace(world, mode="inference"))))
    assert metrics.idleness["core0"].memory_s == pytest.approx(35 * S)
    assert metrics.processors["core0"].busy_s == pytest.approx(100 * S)


def test_the_checker_knows_engines() -> None:
    """A span quicker than its operations, and an engine that does more than it can, are faults."""
    run: Run = simulate(alike(2, 100, 90))
    hardware = run.placed.hardware
    assert not list(trace_faults(run.trace, hardware))
    quick = tuple(
        replace(span, end_ps=span.start_ps + 80) if span.engine_operations else span
        for span in run.trace.spans
    )
    faults = list(trace_faults(replace(run.trace, spans=quick), hardware))
    assert any("takes 80 ps, but 90 ps when it shares nothing" in fault for fault in faults)
    together = tuple(
        replace(span, end_ps=span.start_ps + 120) if span.engine_operations else span
        for span in run.trace.spans
    )
    faults = list(trace_faults(replace(run.trace, spans=together), hardware))
    assert "channel 'dram' carries in 120 ps from 8 ps what takes 180 ps" in faults


def test_the_same_part_on_every_axis() -> None:
    """A plan over a mesh saturates as one over a list of cores does."""
    hardware = card(*[Given(100, {"dram": 50})] * 4, engines={"dram": 1e12})
    plan = Plan(mesh={"m": 4}, layers={"a": split(channel="m"), "loss": on("core0")})
    world = experiment(network({"a": fc(4, bias=False)}, classes=4), hardware, plan, batch=1, dtype="float32")
    trace = simulate(laid(replace(world, mode="inference"))).trace
    assert {span.length_ps for span in trace.spans if span.layer == "a"} == {200}
