"""Latencies drawn within their published ranges, in runs without races."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.hardware import Controller
from dataflow.measurement import has_ranges, inference_latency, measure_trace
from dataflow.metrics import Latencies
from dataflow.simulation import Arrivals, simulate
from tests.engine.signals import LOAD, Given, card, chain, laid
from tests.engine.traces import S

VARYING = Given(100, spread_ps=80)


def test_without_drawing_every_step_is_in_the_middle() -> None:
    """A load of 8 and two tasks of 100, whatever their ranges; and so without ranges, though drawn."""
    varying, constant = laid(chain(card(VARYING, VARYING))), laid(chain(card(Given(100), Given(100))))
    for run in (simulate(varying, 3), simulate(constant, 3, drawn=True)):
        assert run.trace.step_ends_ps == (208, 416, 624)


def test_drawn_times_are_in_their_ranges_by_seed_step_and_task() -> None:
    """From 60 to 140 each, other ones in every step and of every seed, the same ones again."""

    def of(seed: int) -> list[int]:
        run = simulate(laid(chain(card(VARYING, VARYING), seed=seed)), 20, drawn=True)
        return [span.length_ps for span in run.trace.spans if span.processor]

    lengths = of(0)
    assert all(60 <= length <= 140 for length in lengths)
    assert len(set(lengths)) > 20
    assert of(0) == lengths
    assert of(1) != lengths


def test_streams_and_requests_can_draw_too() -> None:
    """Step 1 of two requests far apart takes what step 1 of a sequence of inferences takes."""
    placed = laid(chain(card(VARYING, VARYING)))
    far = simulate(placed, arrivals=Arrivals((0, 10_000)), light=True, drawn=True).trace
    near = simulate(placed, 2, light=True, drawn=True).trace
    took = [end - begin for begin, end in zip(near.step_starts_ps, near.step_ends_ps, strict=True)]
    assert [end - begin for begin, end in zip(far.arrivals_ps, far.step_ends_ps, strict=True)] == took
    stream = laid(chain(card(VARYING, VARYING), mode="pipeline"))
    assert simulate(stream, 5, drawn=True).trace != simulate(stream, 5).trace


def test_percentiles_of_one_inference() -> None:
    """200 inferences of two tasks lie within 8 + 120 and 8 + 280, their median in the middle third."""
    placed = laid(chain(card(VARYING, VARYING)))
    assert has_ranges(placed)
    found = inference_latency(placed)
    assert (found.count, found.drawn) == (200, True)
    low_s, high_s = (LOAD + 120) * S, (LOAD + 280) * S
    assert low_s < found.p50_s < found.p99_s <= found.max_s < high_s
    assert low_s + (high_s - low_s) / 3 < found.p50_s < low_s + 2 * (high_s - low_s) / 3
    assert measure_trace(simulate(placed, 2)).sample_latency == Latencies(2, *[pytest.approx(208 * S)] * 3)


def test_a_machine_without_ranges_has_one_latency() -> None:
    """One inference says all, and nothing is drawn."""
    placed = laid(chain(card(Given(100), Given(100))))
    assert not has_ranges(placed)
    assert inference_latency(placed) == Latencies(1, *[pytest.approx(208 * S)] * 3)


def test_semaphores_are_tested_in_drawn_steps_too() -> None:
    """Where a task reads what another core wrote, its step is longer by the test of a semaphore."""
    plain = card(VARYING, VARYING)
    tested = replace(plain, controller=Controller(signal_ps=10, dispatch_ps=20, semaphore_ps=5))
    ends = [simulate(laid(chain(machine)), 1, drawn=True).trace.end_ps for machine in (plain, tested)]
    assert ends[1] == ends[0] + 5
