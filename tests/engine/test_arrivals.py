"""Requests that arrive: latencies and losses worked out by hand.

A request is loaded in 8 ps and computed in 100, and the next one starts when it has ended: 108.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.errors import OptionError
from dataflow.hardware import Controller
from dataflow.placement import PlacedGraph
from dataflow.simulation import Arrivals, simulate
from dataflow.simulation.event_loop import Simulation
from dataflow.trace import Trace
from tests.engine.signals import Given, card, chain, controlled, laid

SERVICE = 108


def server() -> PlacedGraph:
    """Two layers one after the other, 50 ps each."""
    return laid(chain(card(Given(50), Given(50))))


def served(times_ps: tuple[int, ...], queue: int | None = None, *, light: bool = False) -> Trace:
    """The trace of requests that arrive at these times."""
    return simulate(server(), arrivals=Arrivals(times_ps, queue), light=light).trace


def latencies(trace: Trace) -> list[int]:
    """From arrival to end."""
    return [end - came for came, end in zip(trace.arrivals_ps, trace.step_ends_ps, strict=True)]


def test_slow_arrivals_do_not_wait() -> None:
    """D/D/1 with a period longer than the service: every latency is the service time."""
    assert latencies(served(tuple(range(0, 2000, 200)))) == [SERVICE] * 10
    assert latencies(served(tuple(range(0, 1080, SERVICE)))) == [SERVICE] * 10


def test_quick_arrivals_wait_longer_and_longer() -> None:
    """D/D/1 with a period of 100: request k waits 8 k."""
    assert latencies(served(tuple(range(0, 1000, 100)))) == [SERVICE + 8 * k for k in range(10)]


def test_a_full_queue_loses() -> None:
    """One may wait. The second waits for the first, the third finds it waiting; the fourth finds nobody."""
    trace = served((0, 10, 20, 300), 1)
    assert trace.arrivals_ps == (0, 10, 300)
    assert trace.lost_ps == (20,)
    assert trace.step_starts_ps == (0, 108, 300)
    assert trace.step_ends_ps == (108, 216, 408)


def test_at_one_instant_what_waits_starts_before_requests_arrive() -> None:
    """At 108 the first ends and the second starts, so that the third finds room."""
    trace = served((0, 10, 108), 1)
    assert (trace.step_ends_ps, trace.lost_ps) == ((108, 216, 324), ())


def test_several_at_one_instant() -> None:
    """Of four at 0 the first starts at once, two wait, one is lost."""
    trace = served((0, 0, 0, 0), 2)
    assert (trace.arrivals_ps, trace.lost_ps) == ((0, 0, 0), (0,))
    assert latencies(trace) == [SERVICE, 2 * SERVICE, 3 * SERVICE]


def test_a_light_simulation_keeps_what_latencies_need() -> None:
    """Without spans and memory events, the times are the same."""
    times = (0, 10, 20, 300, 310, 320)
    full, light = served(times, 1), served(times, 1, light=True)
    assert light == replace(full, spans=(), memory_events=())
    assert light.busy_ps == {"core0": 50 * 4, "core1": 50 * 4}


def test_steps_that_have_ended_take_no_room() -> None:
    """However many requests there are, only those under way are kept."""
    times = tuple(range(0, 200 * 500, 200))
    simulation = Simulation(server(), 1, arrivals=Arrivals(times), light=True)
    assert len(simulation.run().step_ends_ps) == 500
    # What the last ones told of steps that never came.
    assert len(simulation.steps.waiting) <= 2
    assert not simulation.under_way
    assert not simulation.readied


def test_requests_stream_through_a_pipeline() -> None:
    """With mode pipeline request 1, which comes at 10, follows one stage behind: 50 ps later."""
    graph = laid(chain(card(Given(50), Given(50)), mode="pipeline"))
    trace = simulate(graph, arrivals=Arrivals((0, 10, 1000))).trace
    assert trace.step_ends_ps == (108, 158, 1108)


@pytest.mark.parametrize(
    ("times", "queue", "message"),
    [
        ((), None, "arrivals: there are no requests; give at least one time"),
        ((-1, 2), None, "arrivals: -1 ps is before the beginning; times start at 0"),
        ((5, 3), None, "arrivals: 3 ps comes after 5 ps; sort the times"),
        ((1,), 0, "arrivals: a queue of 0 loses every request; there must be room for at least 1"),
    ],
)
def test_what_cannot_arrive(times: tuple[int, ...], queue: int | None, message: str) -> None:
    """Times start at 0 and are in order, and somebody may wait."""
    with pytest.raises(OptionError) as caught:
        Arrivals(times, queue)
    assert str(caught.value) == message


def test_a_training_step_is_no_request() -> None:
    """Requests are inferences."""
    graph = laid(chain(card(Given(50), Given(50)), mode="training"))
    with pytest.raises(OptionError, match="requests arrive, but each step trains; set 'mode: inference'"):
        simulate(graph, arrivals=Arrivals((0,)))


def test_no_requests_at_fixed_signals() -> None:
    """Tasks that are signalled at fixed times belong to steps that follow one another."""
    hardware = card(Given(50), Given(50), controller=Controller(1, 1, 1))
    graph = laid(chain(hardware, controlled("static", 10)))
    with pytest.raises(OptionError, match="requests arrive, but tasks are signalled at fixed times"):
        simulate(graph, arrivals=Arrivals((0,)))
