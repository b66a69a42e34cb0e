"""How long steps count as: simulated once where they repeat, their mean where they do not."""

from __future__ import annotations

import pytest

from dataflow.graph import training_graph
from dataflow.placement import PlacedGraph, place
from dataflow.simulation import Run, simulate
from dataflow.training import timing
from dataflow.training.timing import StepTiming, lengths_ps, time_steps
from tests.training.worlds import world


def placed() -> PlacedGraph:
    """A small network on two processors."""
    made = world("data")
    return place(training_graph(made), made.hardware, made.plan)


def test_steps_that_repeat() -> None:
    """Four steps of equal length tell of all others; the last, with which nothing overlaps, tells nothing."""
    found, run = time_steps(placed())
    lengths = lengths_ps(run)
    assert found == StepTiming("repeats", lengths[:3], lengths[0])
    assert sum(lengths) == run.trace.end_ps - run.trace.start_ps
    many = lengths_ps(simulate(placed(), 30))[:-1]
    assert tuple(found.length_ps(step) for step in range(29)) == many


def test_steps_that_vary(monkeypatch: pytest.MonkeyPatch) -> None:
    """More and more steps are simulated; when none repeats, their mean stands for those that follow."""
    asked: list[int] = []

    def varying(graph: PlacedGraph, steps: int) -> Run:
        asked.append(steps)
        return simulate(graph, steps)

    monkeypatch.setattr(timing, "simulate", varying)
    monkeypatch.setattr(timing, "lengths_ps", lambda run: tuple(range(1, run.trace.steps + 1)))
    found, _ = time_steps(placed())
    assert asked == [4, 8, 16]
    assert found == StepTiming("varies", tuple(range(1, 16)), 8)  # the mean of 1 to 15
    assert found.length_ps(99) == 8
