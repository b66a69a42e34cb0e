"""Theory is printed only where processors are stages that a request visits once."""

from __future__ import annotations

from dataclasses import replace

import topologies
from dataflow.experiment import Experiment, Mode
from dataflow.graph import step_graph
from dataflow.override import Override
from dataflow.placement import place
from dataflow.plan import Plan
from dataflow.serving.load_curve import LoadCurve
from dataflow.serving.pattern import poisson_arrivals
from dataflow.serving.stages import no_closed_form
from dataflow.serving.sweep import Offered, load_curve
from dataflow.session import place_experiment
from tests.engine.worlds import experiment, fc, machine, network, on, split

NET = network({"a": fc(64), "b": fc(64), "c": fc(8)}, image=(4, 1, 1), classes=8)
TURNS = Plan(layers={"a": on("p0"), "b": on("p1"), "c": on("p0"), "loss": on("p0")})
STAGES = Plan(layers={"a": on("p0"), "b": on("p1"), "c": on("p1"), "loss": on("p1")})
HALVES = Plan(mesh={"m": 2}, layers={"*": split(channel="m"), "loss": on("p0")})


def world(plan: Plan, mode: Mode = "pipeline") -> Experiment:
    """Three layers on two processors."""
    return replace(experiment(NET, machine(2, launch_ps=1000), plan, batch=1), mode=mode)


def told(of: Experiment) -> str:
    """Why there is no theory."""
    return no_closed_form(place(step_graph(of), of.hardware, of.plan))


def curve(of: Experiment) -> LoadCurve:
    """At half the capacity."""
    placed = place(step_graph(of), of.hardware, of.plan)
    return load_curve(of, placed, Offered(poisson_arrivals(20, 0), (0.5,)))


def test_stages_that_a_request_visits_once() -> None:
    """One processor after the other, each with layers that follow one another."""
    assert told(world(STAGES)) == ""
    (point,) = curve(world(STAGES)).points
    assert point.predicted is not None


def test_a_request_that_comes_back_has_no_theory() -> None:
    """p0, p1 and p0 again, or both by turns in every layer; a note says so."""
    for plan in (TURNS, HALVES):
        reason = "no closed form: stages exchange, a request comes back to p0, p1"
        assert told(world(plan)) == reason
        answered = curve(world(plan))
        assert answered.notes == (reason,)
        assert answered.points[0].predicted is None


def test_one_request_after_the_other_is_one_server() -> None:
    """Whatever processors exchange: in mode inference the machine is one server."""
    assert told(world(TURNS, "inference")) == ""
    assert curve(world(TURNS, "inference")).points[0].predicted is not None


def test_shipped_experiments() -> None:
    """The cores of the digits CNN are stages, unless a controller signals them; AlexNet's GPUs are not."""
    pipeline = Override("mode", "pipeline")
    cnn = topologies.load("digits-cnn-agilio", [pipeline])
    assert no_closed_form(place_experiment(cnn)) == ""
    signalled = topologies.load("digits-cnn-agilio", [pipeline, Override("plan.control.kind", "static")])
    assert no_closed_form(place_experiment(signalled)).endswith("waits for the one controller")
    gpus = topologies.load("alexnet-2x-gtx580", [pipeline])
    assert no_closed_form(place_experiment(gpus)).endswith("comes back to gpu0, gpu1")
