"""Race dropout: tasks of the forward pass start at their signal with what is stored by then."""

from __future__ import annotations

import pytest

import backends
from dataflow.cost import Cost
from dataflow.data.batches import Noise
from dataflow.experiment import Experiment, Mode
from dataflow.hardware import Controller
from dataflow.simulation import Run, simulate
from dataflow.values.executor import Executor
from tests.engine.signals import Given, card, chain, controlled, laid, lines

CONTROLLER = Controller(signal_ps=10, dispatch_ps=20, semaphore_ps=5)


def world(
    *models: Given, spacing_ps: int, mode: Mode = "training", seed: int = 0, steps: int = 2
) -> Experiment:
    """Layers l0, l1, ... on cores of their own, and the loss on the last."""
    hardware = card(*models, controller=CONTROLLER)
    return chain(hardware, controlled("static", spacing_ps), mode=mode, seed=seed, steps=steps)


def run(of: Experiment) -> tuple[Run, Executor]:
    """With values."""
    graph, steps = laid(of), of.training.steps
    executor = Executor(graph, backends.get("numpy"), Noise(of), steps)
    return simulate(graph, steps, executor), executor


def forward(of: Run, step: int) -> list[tuple[str, int, int]]:
    """Name, start and end of the layers' and the loss's forward tasks and their signals, of a step."""
    return [
        (name, start, end)
        for _, name, start, end in lines(of.trace, step)
        if name.split(" of ")[-1] in ("l0.forward", "l1.forward", "loss.forward")
    ]


def test_too_close() -> None:
    """Signals 50 apart, tasks of 100: l1 starts at 60 while l0 is under way until 110, and misses all of it.

    Step 0 begins when the first batch is there. The loss is no forward task: it waits for l1.
    """
    result, executor = run(world(*[Given(100)] * 3, spacing_ps=50, steps=1))
    begin = result.trace.start_ps
    assert [(name, start - begin, end - begin) for name, start, end in forward(result, 0)] == [
        ("signal of l0.forward", 0, 10),
        ("l0.forward", 10, 110),
        ("signal of l1.forward", 50, 60),
        ("l1.forward", 60, 160),
        ("signal of loss.forward", 160, 170),
        ("loss.forward", 170, 270),
    ]
    assert executor.drops.rate == 1.0


def test_far_enough() -> None:
    """Signals 100 apart: l1 starts at the instant at which l0 ends, and reads all of it."""
    result, executor = run(world(*[Given(100)] * 3, spacing_ps=100, steps=1))
    begin = result.trace.start_ps
    starts = {name: start - begin for name, start, _ in forward(result, 0)}
    assert (starts["l0.forward"], starts["l1.forward"], starts["loss.forward"]) == (10, 110, 220)
    assert executor.drops.rate == 0.0


def test_the_next_step_starts_when_the_one_before_has_ended() -> None:
    """Nothing of step 1 starts before the end of step 0."""
    result, _ = run(world(*[Given(100)] * 3, spacing_ps=50, steps=3))
    for step in (1, 2):
        first = min(span.start_ps for span in result.trace.spans if span.step == step)
        assert first == result.trace.step_ends_ps[step - 1]


def test_a_reader_that_ends_before_the_writer_starts() -> None:
    """Memories survive readers that come first: l1 takes 5, and ends while l0's core has not begun.

    l0 waits behind its load, so that l1 is signalled first; what l0 writes then has no reader left,
    and is freed at once.
    """
    of = world(Given(100), Given(5), Given(5), spacing_ps=1, mode="inference", steps=1)
    result = simulate(laid(of), 2)
    assert lines(result.trace, 0)[:5] == [
        ("nic.copy", "data@0", 0, 8),
        ("controller", "signal of l1.forward", 1, 11),
        ("core1", "l1.forward", 11, 16),
        ("controller", "signal of l0.forward", 11, 21),
        ("core0", "l0.forward", 21, 121),
    ]
    used = [event.used_bytes for event in result.trace.memory_events if event.memory == "nic"]
    weights = sum(s.bytes for s in result.placed.shards.values() if s.tensor.kind.value == "parameter")
    assert used[-1] == weights


def test_times_vary_with_seed_and_step_alone() -> None:
    """Latencies are drawn anew for each step and task: the same with the same seed, others with another."""

    def of(seed: int) -> Experiment:
        return world(*[Given(100, spread_ps=80)] * 3, spacing_ps=60, seed=seed, steps=5)

    first, again, other = (simulate(laid(of(seed)), 5) for seed in (0, 0, 1))
    assert first.trace == again.trace
    assert first.trace != other.trace
    lengths = {span.length_ps for span in first.trace.spans if span.name.startswith("l0.forward")}
    assert len(lengths) > 3
    assert all(60 <= length <= 140 for length in lengths)


def test_a_step_of_many_by_itself() -> None:
    """Step 3 by itself, with its own number, takes the times that it has among the others."""
    graph = laid(world(*[Given(100, spread_ps=80)] * 3, spacing_ps=60, steps=5))
    lengths = {s.name: s.length_ps for s in simulate(graph, 5).trace.spans if s.step == 3 and s.processor}
    alone = simulate(graph, 1, first_step=3).trace
    assert {s.name: s.length_ps for s in alone.spans if s.step == 0 and s.processor} == lengths


def test_cost_of_position() -> None:
    """What the worlds above are made of: position 0 is 40 less than the middle, 1 is 40 more."""
    model = Given(100, spread_ps=80)
    graph = laid(world(model, model, spacing_ps=60))
    work = graph.tasks[-1].work
    assert [model.cost(work, position) for position in (0.0, 0.5, 1.0)] == [
        Cost(60, "compute"),
        Cost(100, "compute"),
        Cost(140, "compute"),
    ]


@pytest.mark.parametrize("spacing_ps", [1, 30, 70, 100, 500])
def test_values_at_any_spacing(spacing_ps: int) -> None:
    """However far apart signals are, a run goes through to its end; far enough apart, nothing is missed."""
    _, executor = run(world(*[Given(100)] * 4, spacing_ps=spacing_ps, steps=3))
    assert (executor.drops.rate == 0.0) == (spacing_ps >= 100)
