"""Simulated machines that answer requests, against the recursion of one server and queueing theory."""

from __future__ import annotations

from dataclasses import replace
from math import sqrt

import pytest

from dataflow.errors import OptionError
from dataflow.experiment import Experiment, Mode
from dataflow.graph import step_graph
from dataflow.measurement import measure_trace
from dataflow.metrics import Latencies
from dataflow.picoseconds import PS_PER_S
from dataflow.placement import PlacedGraph, place
from dataflow.plan import Plan
from dataflow.serving.pattern import fixed_arrivals, poisson_arrivals, recorded_arrivals
from dataflow.serving.queueing import md1_mean_wait
from dataflow.serving.served import serve
from dataflow.serving.sweep import Offered, capacity, load_curve
from dataflow.simulation import simulate
from tests.engine.worlds import experiment, fc, machine, network, on
from tests.serving.lindley import waits, with_queue

# The image is 4 numbers of 8 bytes, 32 ps on the wire. A processor does a FLOP or moves a byte in a
# picosecond, whichever takes longer, after 1000 ps to start a task.
ONE = experiment(network({"a": fc(8)}, image=(4, 1, 1), classes=8), machine(1, launch_ps=1000), batch=1)
TWO = experiment(
    network({"a": fc(64), "b": fc(8)}, image=(4, 1, 1), classes=8),
    machine(2, launch_ps=1000),
    Plan(layers={"a": on("p0"), "b": on("p1"), "loss": on("p1")}),
    batch=1,
)


def served_in(mode: Mode, world: Experiment) -> tuple[Experiment, PlacedGraph]:
    """The world in a mode, and its step, placed."""
    world = replace(world, mode=mode)
    return world, place(step_graph(world), world.hardware, world.plan)


def alone_ps(placed: PlacedGraph) -> int:
    """The latency of a request that is alone."""
    return serve(placed, (0,), None).ended_ps[0]


def test_a_request_alone() -> None:
    """Load, layer and prediction one after the other, the two tasks after 1000 ps each.

    The load takes 32 ps; the layer (32 weights + 8 biases + 4 in + 8 out) * 8 bytes = 416 ps; the
    prediction reads 8 numbers of 8 bytes and writes one of 4, 68 ps.
    """
    _, placed = served_in("inference", ONE)
    assert alone_ps(placed) == 32 + 1000 + 416 + 1000 + 68


@pytest.mark.parametrize("load", [0.5, 0.9, 1.2])
def test_one_after_the_other_is_one_server(load: float) -> None:
    """Every latency is the recursion's to the picosecond."""
    _, placed = served_in("inference", ONE)
    service_ps = alone_ps(placed)
    times_ps = poisson_arrivals(400, 5).times_ps(load * PS_PER_S / service_ps)
    served = serve(placed, times_ps, None)
    assert served.arrived_ps == times_ps
    assert served.latencies_ps == tuple(wait + service_ps for wait in waits(times_ps, service_ps))
    assert served.lost_ps == ()


def test_a_pipeline_waits_as_its_slowest_stage() -> None:
    """Latencies are the own one and the waits at the slowest stage alone (Avi-Itzhak), to the picosecond."""
    _, placed = served_in("pipeline", TWO)
    own_ps = alone_ps(placed)
    slowest_ps = round(PS_PER_S / capacity(serve(placed, (0,) * 100, None)))
    assert slowest_ps < own_ps
    times_ps = poisson_arrivals(400, 6).times_ps(0.9 * PS_PER_S / slowest_ps)
    served = serve(placed, times_ps, None)
    assert served.latencies_ps == tuple(wait + own_ps for wait in waits(times_ps, slowest_ps))


@pytest.mark.parametrize("queue", [1, 3])
def test_a_full_queue_loses(queue: int) -> None:
    """Who is lost and how long the others take is as counted by hand."""
    _, placed = served_in("inference", ONE)
    service_ps = alone_ps(placed)
    times_ps = poisson_arrivals(400, 7).times_ps(1.1 * PS_PER_S / service_ps)
    served = serve(placed, times_ps, queue)
    latencies, lost = with_queue(times_ps, service_ps, queue)
    assert served.latencies_ps == tuple(latencies)
    assert served.lost_ps == tuple(times_ps[index] for index in lost)
    assert 0 < len(lost) < 200


def test_one_core_against_theory() -> None:
    """At load 0.6 the mean wait of 5,000 requests is M/D/1's within 3 standard errors of 50 batches."""
    _, placed = served_in("inference", ONE)
    service_ps = alone_ps(placed)
    served = serve(placed, poisson_arrivals(5_000, 2).times_ps(0.6 * PS_PER_S / service_ps), None)
    found = [latency / service_ps - 1 for latency in served.latencies_ps]
    means = [sum(found[start : start + 100]) / 100 for start in range(0, 5_000, 100)]
    mean = sum(means) / 50
    error = sqrt(sum((each - mean) ** 2 for each in means) / 49 / 50)
    assert abs(mean - md1_mean_wait(0.6)) < 3 * error
    assert error < 0.15 * mean


def test_curve_of_one_core() -> None:
    """Capacity is one request every service; what is busy, served and predicted follows from the load."""
    world, placed = served_in("inference", ONE)
    service_ps = alone_ps(placed)
    curve = load_curve(world, placed, Offered(fixed_arrivals(200), (0.5, 1.0, 1.2)), notes=("n",))
    assert curve.capacity_per_s == pytest.approx(PS_PER_S / service_ps)
    assert (curve.requests, curve.warm_up, curve.mode, curve.one_server) == (200, 20, "inference", True)
    half, full, beyond = curve.points
    assert half.served_per_s == pytest.approx(curve.capacity_per_s / 2, rel=1e-3)
    assert half.p50_s == half.max_s == curve.service_s
    assert (half.busiest, half.loss_share, half.steady, full.steady) == ("p0", 0.0, True, True)
    # p0 computes all but the 32 ps of load in every second service.
    assert half.utilisation == pytest.approx((service_ps - 32) / service_ps / 2, rel=0.01)
    assert not beyond.steady
    assert beyond.predicted is not None
    assert beyond.mean_wait_s == pytest.approx(beyond.predicted.mean_wait_s, rel=1e-4)
    assert beyond.p99_s == pytest.approx(beyond.predicted.p99_s, rel=1e-4)
    assert curve.knee is full


def test_recorded_arrivals_at_their_own_rate() -> None:
    """A file's requests as they came: the load is what its rate makes of the capacity."""
    world, placed = served_in("inference", ONE)
    service_ps = alone_ps(placed)
    times_ps = tuple(index * 2 * service_ps for index in range(40))
    curve = load_curve(world, placed, Offered(recorded_arrivals(times_ps), None, 4))
    (point,) = curve.points
    assert point.load == pytest.approx(0.5)
    assert (point.mean_wait_s, point.predicted, curve.arrivals) == (0.0, None, "recorded")


@pytest.mark.parametrize(
    ("loads", "queue", "message"),
    [
        ((), None, "loads: none are named; name shares of the capacity such as 0.1,0.5,0.9"),
        ((0.5, 0.0), None, "loads: 0 is no load; it is a share of the capacity above 0 and up to 100"),
        ((float("nan"),), None, "loads: nan is no load"),
        ((0.5, 0.5), None, "loads: 0.5 stands there more than once; name each load once"),
        ((0.5,), 0, "queue: 0 places; there is at least 1, or none for no limit"),
        (None, None, "loads: only arrivals from a file have a rate of their own; name loads"),
    ],
)
def test_offers_that_make_no_sense(loads: tuple[float, ...] | None, queue: int | None, message: str) -> None:
    """Loads are shares above 0, each once; queues have room."""
    with pytest.raises(OptionError, match=message):
        Offered(fixed_arrivals(10), loads, queue)


def test_latency_of_one_inference() -> None:
    """Samples served one after the other all take what one alone does; training has no such latency."""
    _, placed = served_in("inference", ONE)
    found = measure_trace(simulate(placed, 5)).sample_latency
    assert found == Latencies(5, *[alone_ps(placed) / PS_PER_S] * 3)
    training = measure_trace(simulate(place(step_graph(ONE), ONE.hardware, ONE.plan)))
    assert training.sample_latency is None
