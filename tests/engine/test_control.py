"""Who says when a task starts: whole traces of the three kinds of control, worked out by hand.

Layer l0 on core0, l1 on core1, the prediction on core2: every task takes 100 ps, a load 8.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.hardware import Controller
from dataflow.measurement import critical_path, measure, measure_trace
from dataflow.metrics import Metrics
from dataflow.placement import PlacedGraph, TaskKind
from dataflow.simulation import Run, simulate
from dataflow.simulation.schedule import signalled
from dataflow.waiting import waits
from tests.engine.signals import Given, card, chain, controlled, laid, lines
from tests.engine.spaces import machine_of
from tests.engine.traces import S
from tests.engine.worlds import experiment, fc, machine, network, on

CONTROLLER = Controller(signal_ps=10, dispatch_ps=20, semaphore_ps=5)


def three(kind: str) -> PlacedGraph:
    """Three tasks one after the other, each planned on a core of its own."""
    return laid(chain(card(*[Given(100)] * 3, controller=CONTROLLER), controlled(kind)))


def wide(kind: str, count: int = 2) -> PlacedGraph:
    """A layer in parts on so many cores, and the prediction on the first of them."""
    hardware = card(*[Given(100)] * count, controller=CONTROLLER)
    cores = tuple(hardware.processors)
    plan = replace(controlled(kind), layers={"a": on(*cores, channel="on"), "loss": on("core0")})
    world = experiment(network({"a": fc(count, bias=False)}), hardware, plan, batch=1, dtype="float32")
    return laid(replace(world, mode="inference"))


def test_static() -> None:
    """A task starts when it was signalled, and it is when its input is there."""
    assert lines(simulate(three("static")).trace) == [
        ("nic.copy", "data@0", 0, 8),
        ("controller", "signal of l0.forward", 8, 18),
        ("core0", "l0.forward", 18, 118),
        ("controller", "signal of l1.forward", 118, 128),
        ("core1", "l1.forward", 128, 228),
        ("controller", "signal of loss.forward", 228, 238),
        ("core2", "loss.forward", 238, 338),
    ]


def test_dynamic() -> None:
    """Each task goes to the first free core, which is free again when it has said that it is done.

    There are three cores, but there is never more than one task: core0 does them all.
    """
    assert lines(simulate(three("dynamic")).trace) == [
        ("nic.copy", "data@0", 0, 8),
        ("controller", "dispatch of l0.forward", 8, 28),
        ("core0", "l0.forward", 28, 128),
        ("controller", "completion of l0.forward", 128, 138),
        ("controller", "dispatch of l1.forward", 138, 158),
        ("core0", "l1.forward", 158, 258),
        ("controller", "completion of l1.forward", 258, 268),
        ("controller", "dispatch of loss.forward", 268, 288),
        ("core0", "loss.forward", 288, 388),
        ("controller", "completion of loss.forward", 388, 398),
    ]


def test_dataflow() -> None:
    """Without a controller a task that reads what another core wrote tests a semaphore: 5 ps of its own."""
    trace = simulate(three("dataflow")).trace
    assert lines(trace) == [
        ("nic.copy", "data@0", 0, 8),
        ("core0", "l0.forward", 8, 108),
        ("core1", "l1.forward", 108, 213),
        ("core2", "loss.forward", 213, 318),
    ]
    assert [span.semaphore_ps for span in trace.spans] == [0, 0, 5, 5]


def test_the_controller_sends_one_message_after_the_other() -> None:
    """Two tasks that are ready together are signalled in order; so the second starts 10 later."""
    assert lines(simulate(wide("static")).trace)[1:] == [
        ("controller", "signal of a.forward", 8, 18),
        ("core0", "a.forward", 18, 118),
        ("controller", "signal of a.forward", 18, 28),
        ("core1", "a.forward", 28, 128),
        ("controller", "signal of loss.forward", 128, 138),
        ("core0", "loss.forward", 138, 238),
    ]


def test_dynamic_uses_what_is_free() -> None:
    """While core0 computes, the next task goes to core1; messages follow in the order of the key."""
    assert lines(simulate(wide("dynamic")).trace)[1:] == [
        ("controller", "dispatch of a.forward", 8, 28),
        ("core0", "a.forward", 28, 128),
        ("controller", "dispatch of a.forward", 28, 48),
        ("core1", "a.forward", 48, 148),
        ("controller", "completion of a.forward", 128, 138),
        ("controller", "completion of a.forward", 148, 158),
        ("controller", "dispatch of loss.forward", 158, 178),
        ("core0", "loss.forward", 178, 278),
        ("controller", "completion of loss.forward", 278, 288),
    ]


def measured(graph: PlacedGraph, steps: int = 2) -> Metrics:
    """Its metrics, which it is checked add up."""
    metrics = measure_trace(simulate(graph, steps))
    for core, idle in metrics.idleness.items():
        parts = idle.signal_s + idle.input_s + idle.idle_s + metrics.processors[core].busy_s
        assert parts == pytest.approx(metrics.step_time_s)
    return metrics


def test_dynamic_costs_more_messages_than_static() -> None:
    """Two a task against one, and more of the controller's time; semaphores are only tested by readers."""
    used = {kind: measured(wide(kind)).control for kind in ("dataflow", "static", "dynamic")}
    counts = {kind: use.signals for kind, use in used.items() if use}
    assert counts == {"dataflow": 1, "static": 3, "dynamic": 6}
    busy = {kind: use.busy_s for kind, use in used.items() if use}
    assert busy == pytest.approx({"dataflow": 5 * S, "static": 30 * S, "dynamic": 90 * S})
    assert [use.kind for use in used.values() if use] == ["dataflow", "static", "dynamic"]


def test_idleness() -> None:
    """Static, three in a row, 338 ps: core1 waits 118 for its input, 10 for its signal, and ends at 228."""
    metrics = measured(three("static"))
    idle = metrics.idleness["core1"]
    assert (idle.input_s, idle.signal_s, idle.idle_s) == pytest.approx((118 * S, 10 * S, 110 * S))
    assert metrics.control is not None
    assert metrics.control.overhead_s == pytest.approx(30 * S)
    assert metrics.control.utilisation == pytest.approx(30 / 338)


def test_no_controller() -> None:
    """Tasks start by themselves at no cost."""
    graph = laid(chain(card(*[Given(100)] * 3)))
    run = simulate(graph)
    assert run.trace.end_ps == 308
    assert measure_trace(run).control is None


def test_waits_go_on_behind_signals() -> None:
    """What core1 waits for before it starts at 128: the load to 8, then a message, core0 and a message."""
    trace = simulate(three("static")).trace
    found = sorted((w.start_ps, w.end_ps, w.transfer is not None) for w in waits(trace)["core1"])
    assert found[:4] == [(0, 8, True), (8, 18, False), (18, 118, False), (118, 128, False)]


def test_the_critical_path_names_messages() -> None:
    """All of the static trace is one chain: 30 of 338 ps are signals."""
    parts = {part.told: part.share for part in critical_path(simulate(three("static")).trace)}
    assert parts["signal messages"] == pytest.approx(30 / 338)
    assert sum(parts.values()) == pytest.approx(1)


@pytest.mark.parametrize("kind", ["dataflow", "static", "dynamic"])
def test_training(kind: str) -> None:
    """Training steps go through all kinds of control, one message or more a task, and repeat."""
    hardware = card(*[Given(100)] * 3, controller=CONTROLLER)
    run: Run = simulate(laid(chain(hardware, controlled(kind), mode="training")), 4)
    ends = run.trace.step_ends_ps
    assert ends[3] - ends[2] == ends[2] - ends[1]
    tasks = sum(1 for task in run.placed.tasks if task.processor)
    signals = sum(1 for span in run.trace.spans if span.kind is TaskKind.SIGNAL)
    assert signals == {"dataflow": 0, "static": 4 * tasks, "dynamic": 8 * tasks}[kind]


def test_control_twice_as_fast() -> None:
    """Among what is doubled to see what limits is control: 338 ps without half of 30 is 323."""
    limits = {limit.resource: limit.step_time_s for limit in measure(simulate(three("static"))).limits}
    assert limits["control"] == pytest.approx(323 * S)


def test_who_is_signalled() -> None:
    """Cores that share an address space; where none do, every processor."""
    assert signalled(card(*[Given(1)] * 2)) == {"core0", "core1"}
    assert signalled(machine(2)) == {"p0", "p1"}
    assert signalled(machine_of({"nic": ["core0", "core1"], "cpu": ["cpu"]})) == {"core0", "core1"}
