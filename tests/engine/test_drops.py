"""Race dropout, in values: what is not stored at the signal is zero, and is counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import backends
from dataflow.backend import Array
from dataflow.data.batches import Noise
from dataflow.experiment import Experiment
from dataflow.hardware import Controller
from dataflow.layers import Initial
from dataflow.plan import Control, Plan
from dataflow.simulation import simulate
from dataflow.values.executor import Executor
from dataflow.verification.references import LastStep
from tests.engine.worlds import RELU, experiment, fc, machine, network, on, placed

LAYER = replace(fc(3), initial=Initial(weight_deviation="he", bias=0.5))
NET = network({"a": LAYER, "r": RELU, "b": LAYER, "c": replace(LAYER, channels=2)})


def racing(spacing_ps: int | None) -> Experiment:
    """A layer a processor, signalled so far apart; None to wait for what is read."""
    names = {"a": "p0", "r": "p1", "b": "p2", "c": "p3", "loss": "p3"}
    kind = "dataflow" if spacing_ps is None else "static"
    control = Control(kind=kind, spacing_ps=spacing_ps)
    plan = Plan(layers={layer: on(name) for layer, name in names.items()}, control=control)
    hardware = machine(4, latency_ps=1000)
    if spacing_ps is not None:
        hardware = replace(hardware, controller=Controller(0, 0, 0))
    return experiment(NET, hardware, plan, batch=5)


def run(world: Experiment) -> tuple[Executor, dict[str, Array]]:
    """The executor after a step, and the step's tensors."""
    graph, last = placed(world), LastStep(1)
    executor = Executor(graph, backends.get("numpy"), Noise(world), 1, last.keep)
    simulate(graph, 1, executor)
    return executor, {name: last.whole(name) for name in last.values}


def test_with_time_enough_nothing_is_dropped() -> None:
    """Signals a millisecond apart change no value."""
    executor, values = run(racing(10**9))
    _, expected = run(racing(None))
    assert values.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(values[name], array)
    assert executor.drops.rate == 0.0
    # Three tasks read 5 x 3 elements each of what the layer before made.
    assert dict(executor.drops.read) == {(0, "a"): 15, (0, "r"): 15, (0, "b"): 15}


def test_without_time_everything_is_dropped() -> None:
    """Signals a picosecond apart find no activation: layers see zeros and give their bias."""
    executor, values = run(racing(1))
    assert (values["r@0"] == 0).all()
    assert (values["b@0"] == 0.5).all()
    assert (values["c@0"] == 0.5).all()
    assert executor.drops.rate == 1.0
    assert executor.drops.missed == executor.drops.read


def test_pieces_are_dropped_one_by_one() -> None:
    """Of a layer on two processors its reader has the part beside it, and misses what is on its way.

    A transfer takes 1 ns at least, signals are 0.6 ns apart, and a task is done before the next signal.
    """
    world = racing(600)
    layers = {**world.plan.layers, "a": on("p0", "p1", channel="on")}
    executor, values = run(replace(world, plan=replace(world.plan, layers=layers)))
    # Of three channels p0 makes the first: five images' are missing.
    assert (executor.drops.read[0, "a"], executor.drops.missed[0, "a"]) == (15, 5)
    np.testing.assert_array_equal(values["r@0"][:, 0], np.zeros(5))
    np.testing.assert_array_equal(values["r@0"][:, 1:], np.maximum(values["a@0"][:, 1:], 0))


def test_the_gradients_wait() -> None:
    """Gradients are of what is stored in the end, not of what a race has found."""
    _, values = run(racing(1))
    raced = values["b.weight.grad@0"].reshape(3, 3)
    expected = values["b.grad@0"].T @ values["r@0"]
    assert raced == pytest.approx(expected)
