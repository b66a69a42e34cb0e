"""A search as tables: how thorough it was, what the plans spend their time on, which do not fit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.errors import OutOfMemoryError
from dataflow.experiment import Experiment
from dataflow.plan import Plan
from dataflow.planning import AutoPlan
from dataflow.planning.comparison import compared, unplanned
from dataflow.planning.search import search_plan
from reports.plan_search_table import best_grid, plan_search_json, why_grid
from tests.engine.worlds import conv, experiment, fc, machine, network, split, traced

NET = network({"c": conv(4, 3, pad=1), "f": fc(24), "g": fc(2)}, image=(2, 8, 8))
FEW = AutoPlan(splits=("batch", "channel", "one"), pipeline=False, store=False, recompute=False)
BY_CHANNEL = Plan(mesh={"worker": 2}, layers={"*": split(channel="worker")})


def world(capacity_bytes: int = 1 << 50) -> Experiment:
    """A small network by channel on two processors."""
    return experiment(NET, machine(2, flops=1e10, capacity_bytes=capacity_bytes), BY_CHANNEL, batch=4)


def test_the_best_plans_are_listed() -> None:
    """The table has the plans that fit, fastest first, and says how many there are."""
    chosen = world()
    search = search_plan(unplanned(chosen), FEW)
    grid = best_grid(search)
    assert [row[0] for row in grid.rows] == [str(place) for place in range(1, len(grid.rows) + 1)]
    assert grid.rows[0][4:] == (search.best.mesh, search.best.splits)
    tried = len(search.trials)
    assert grid.note == (
        f"{tried} plans simulated, {tried} of them can be carried out and fit; {54 - tried} ruled out by the "
        "work of their busiest processor alone: no plan of the 54 there are is faster"
    )
    # c, f and g each in three ways, the loss by batch or on one: 3 x 3 x 3 x 2.
    assert search.candidates == 54


def test_what_a_step_is_spent_on_adds_up() -> None:
    """Of every plan the mean processor's computing, waiting and idling are the step."""
    chosen = world()
    plans = compared(chosen, search_plan(unplanned(chosen), replace(FEW, trials=6)))
    assert [plan.name for plan in plans] == ["best", "runner-up", "data parallel", "as described"]
    told = {row[0]: row[1:] for row in why_grid(plans).rows}
    assert len(told["limited by"]) == 4
    trace = traced(chosen)
    assert plans[3].metrics is not None
    assert plans[3].metrics.step_time_s == pytest.approx((trace.end_ps - trace.start_ps) / 1e12)
    for plan in plans:
        assert plan.metrics is not None
        spent = sum(
            use.busy_s + use.communication_exposed_s + use.waiting_for_others_s
            for use in plan.metrics.processors.values()
        )
        assert spent <= 2 * plan.metrics.step_time_s * (1 + 1e-9)


def test_a_plan_that_does_not_fit_is_compared_too() -> None:
    """In a memory too small for the whole network's gradients, data parallelism is said not to fit."""
    chosen = world(110_000)
    with pytest.raises(OutOfMemoryError):
        traced(replace(chosen, plan=Plan(mesh={"worker": 2}, layers={"*": split(batch="worker")})))
    search = search_plan(unplanned(chosen), FEW)
    plans = {plan.name: plan for plan in compared(chosen, search)}
    assert plans["data parallel"].metrics is None
    assert "does not fit" in why_grid(list(plans.values())).rows[0]
    document = plan_search_json(search, list(plans.values()))
    assert document["compared"]["data parallel"] is None
    assert {trial["fits"] for trial in document["trials"]} == {True, False}
