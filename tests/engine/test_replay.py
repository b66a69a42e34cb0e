"""Whether timing repeats: one step then stands for all that follow."""

from __future__ import annotations

from dataflow.plan import Plan
from dataflow.simulation import simulate
from dataflow.simulation.replay import repeats
from tests.engine.signals import Given, card, chain, laid
from tests.engine.worlds import experiment, fc, machine, network, on, placed


def test_a_step_tells_of_all() -> None:
    """The ends of a hundred steps follow from four."""
    graph = placed(experiment(network({"a": fc(2), "b": fc(2)}), machine(1), steps=4))
    time = repeats(simulate(graph, 4))
    assert time is not None
    assert tuple(time.end_ps(step) for step in range(100)) == simulate(graph, 100).trace.step_ends_ps


def test_two_gpus() -> None:
    """Also where processors wait for one another's transfers, and steps overlap."""
    plan = Plan(layers={"a": on("p0"), "b": on("p1"), "loss": on("p1")})
    graph = placed(experiment(network({"a": fc(2), "b": fc(2)}), machine(2), plan))
    time = repeats(simulate(graph, 4))
    assert time is not None
    assert time.end_ps(29) == simulate(graph, 30).trace.end_ps


def test_requests_one_by_one_repeat() -> None:
    """Inference repeats from step to step as training does."""
    time = repeats(simulate(laid(chain(card(Given(50), Given(70)))), 4))
    assert time is not None
    assert (time.step_ps, time.first_end_ps) == (128, 128)


def test_too_few_steps_tell_nothing() -> None:
    """Three steps have one that begins, one, and one that ends."""
    graph = placed(experiment(network({"a": fc(2)}), machine(1)))
    assert repeats(simulate(graph, 3)) is None
    assert repeats(simulate(graph, 4)) is not None
