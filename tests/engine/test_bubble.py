"""The bubble of pipelines made by hand, against GPipe's formula and by counting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from dataflow.measurement import measure_trace
from dataflow.metrics import Bubble
from dataflow.ops import Phase
from dataflow.simulation import Run, simulate
from dataflow.trace import Trace
from tests.engine.pipelines import Lengths, Work, gpipe, one_forward_one_backward, pipeline
from tests.engine.test_pipelines import Order
from tests.engine.test_pipelines import pipeline as equal_pipeline
from tests.engine.traces import TWO, S, compute, trace
from tests.engine.worlds import experiment, fc, machine, network, placed


def bubble_of(measured: Trace, processors: int = 2) -> Bubble:
    """The bubble of a trace of so many processors."""
    graph = placed(experiment(network({"a": fc(2)}), machine(processors), batch=4))
    return measure_trace(Run(graph, measured)).bubble


def stages(count: int) -> list[str]:
    """The processors p0, p1, ..."""
    return [f"p{stage}" for stage in range(count)]


@pytest.mark.parametrize("order", [gpipe, one_forward_one_backward])
@pytest.mark.parametrize("backward", [10, 20])
@pytest.mark.parametrize(("p", "m"), [(1, 3), (2, 1), (2, 4), (4, 8), (8, 3)])
def test_equal_stages_without_communication(
    order: Callable[[int, int, int], list[Work]], backward: int, p: int, m: int
) -> None:
    """(p - 1) / (m + p - 1), in GPipe's order and in 1F1B, on all stages alike."""
    made = pipeline([order(stage, p, m) for stage in range(p)], stages(p), Lengths(backward=backward))
    found = bubble_of(made, p)
    assert found.fraction == pytest.approx((p - 1) / (m + p - 1))
    assert found.span_s == pytest.approx((m + p - 1) * (10 + backward) * S)
    assert found.processors == pytest.approx(dict.fromkeys(stages(p), (p - 1) / (m + p - 1)))


@pytest.mark.parametrize("order", ["gpipe", "1f1b"])
@pytest.mark.parametrize(("p", "m"), [(2, 2), (4, 4), (4, 8), (8, 4)])
def test_placed_pipeline_of_equal_stages(p: int, m: int, order: Order) -> None:
    """The same of plans as they are placed and simulated, whose sends take 1 ps."""
    run = simulate(placed(equal_pipeline(p, m, order)))
    found = measure_trace(run).bubble
    assert found.fraction == pytest.approx((p - 1) / (m + p - 1), rel=1e-5)
    assert list(found.processors) == stages(p)


def test_transfers_make_it_larger() -> None:
    """Two stages, one micro-batch: 10 forward, 5 to send, 10 and 10, 5 back, 10: each is busy 20 of 50."""
    made = pipeline([gpipe(stage, 2, 1) for stage in range(2)], stages(2), Lengths(send=5))
    assert bubble_of(made).fraction == pytest.approx(1 - 40 / 100)


def test_updates_are_outside() -> None:
    """TWO's forward and gradient tasks last from 0 to 20: p0 is busy 12 of it, p1 6; updates do not count."""
    found = bubble_of(TWO)
    assert found.span_s == pytest.approx(20 * S)
    assert found.processors == pytest.approx({"p0": 8 / 20, "p1": 14 / 20})
    assert found.fraction == pytest.approx(22 / 40)


def test_steps_are_averaged() -> None:
    """Step 0 takes 10 of which p1 works 5, step 1 takes 30 of which p1 works 10: 25 of 80 are idle."""
    made = trace(
        compute(0, 10),
        compute(0, 5, on="p1"),
        compute(10, 40, 0, step=1),
        compute(10, 20, 0, on="p1", step=1),
        ends=(10, 40),
    )
    assert bubble_of(made).fraction == pytest.approx(25 / 80)
    assert bubble_of(made).span_s == pytest.approx(20 * S)


def test_processors_that_only_update_have_no_part() -> None:
    """A processor without forward and gradient tasks is not said to be idle; without any there is none."""
    made = trace(compute(0, 10), compute(10, 12, 0, on="p1", phase=Phase.UPDATE))
    assert bubble_of(made) == Bubble(0.0, pytest.approx(10 * S), {"p0": 0.0})
    only = trace(replace(compute(0, 10), phase=Phase.UPDATE))
    assert bubble_of(only) == Bubble(0.0, 0.0, {})
