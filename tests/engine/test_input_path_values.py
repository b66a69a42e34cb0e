"""Values computed on batches that hosts make of files: those of batches that are there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import backends
from dataflow.data.batches import Batch, Noise
from dataflow.experiment import Experiment, Mode
from dataflow.hardware import Controller
from dataflow.plan import Plan
from dataflow.simulation import simulate
from dataflow.values.executor import Executor
from dataflow.verification.references import LastStep
from tests.engine.files import TWO, host, jpeg, laid, lengths, two_hosts, world
from tests.engine.signals import Given, card, chain, controlled
from tests.engine.spaces import machine_of
from tests.engine.worlds import experiment, fc, machine, network, on, split


def values(made: Experiment, steps: int = 3) -> LastStep:
    """What the last of some steps computes."""
    last = LastStep(steps)
    simulate(laid(made), steps, Executor(laid(made), backends.get("numpy"), Noise(made), steps, last.keep))
    return last


WIDE = network({"l0": fc(3), "l1": fc(4)}, (1, 3, 3), 4)
TENSOR = Plan(mesh={"model": 2}, layers={"*": split(channel="model"), "loss": on("p0")})


@pytest.mark.parametrize("plan", [Plan(), TWO, TENSOR, replace(TWO, microbatches=2)])
@pytest.mark.parametrize("mode", ["training", "inference", "pipeline"])
@pytest.mark.parametrize("cores", [1, 4])
def test_values_are_those_of_batches_that_are_there(plan: Plan, mode: Mode, cores: int) -> None:
    """Bit for bit, for any plan and mode."""
    if mode != "training":
        plan = replace(plan, microbatches=1)
    hardware = replace(machine(2), inputs={"host": host(cores, times=20)})
    plain = replace(experiment(WIDE, hardware, plan, batch=4, steps=3, dtype="float32"), mode=mode)
    _same(values(plain), values(jpeg(plain)))


def test_values_of_two_hosts_and_of_one_that_computes() -> None:
    """Each host makes its part of one batch, which the source is asked for once."""
    asked: list[int] = []

    class Counted(Noise):
        """Noise that notes what it was asked for."""

        def batch(self, step: int) -> Batch:
            """Notes for which step it was asked."""
            asked.append(step)
            return super().batch(step)

    made = replace(jpeg(world(host(), count=2, plan=TWO)), hardware=two_hosts())
    plain = jpeg(made, None)
    _same(values(plain), values(made))
    placed = laid(made)
    simulate(placed, 3, Executor(placed, backends.get("numpy"), Counted(made), 3))
    assert asked == [0, 1, 2]
    computing = replace(machine_of({"host": ["core0"]}), inputs={"host": host(times=9)})
    alone = replace(experiment(WIDE, computing, Plan(), batch=4, steps=3, dtype="float32"))
    _same(values(alone), values(jpeg(alone)))


def _same(first: LastStep, second: LastStep) -> None:
    assert first.values.keys() == second.values.keys()
    for name in first.values:
        for (one, left), (other, right) in zip(first.values[name], second.values[name], strict=True):
            assert one.name == other.name
            assert np.array_equal(left, right)


CONTROLLER = Controller(signal_ps=10, dispatch_ps=20, semaphore_ps=5)


def on_a_card(kind: str, spacing_ps: int | None = None, steps: int = 3) -> Experiment:
    """Three cores of one address space behind a host, whose tasks are told to start."""
    made = chain(
        card(*[Given(50)] * 3, controller=CONTROLLER),
        controlled(kind, spacing_ps),
        mode="training",
        steps=steps,
    )
    with_input = replace(made.hardware, inputs={"host": host(times=3)})
    return replace(made, hardware=with_input, network=replace(made.network, input=(3, 1, 1)))


@pytest.mark.parametrize("kind", ["dataflow", "static", "dynamic"])
def test_cores_of_an_address_space_behind_a_host(kind: str) -> None:
    """Whoever tells the cores to start: the same values, and no step is shorter for it."""
    plain = on_a_card(kind)
    _same(values(plain), values(jpeg(plain)))
    slow = replace(plain, hardware=replace(plain.hardware, inputs={"host": host(times=100)}))
    assert lengths(jpeg(slow), 4)[-1] == 1000 > lengths(plain, 4)[-1]


def test_where_tasks_race_a_batch_is_prepared_in_the_step_before() -> None:
    """Signals come at fixed times from when a step begins; what is computed depends on these alone."""
    plain = on_a_card("static", 40)
    _same(values(plain), values(jpeg(plain)))
    trace = simulate(laid(jpeg(plain)), 3).trace
    prepared = [span for span in trace.spans if span.resources == ("host.input",)]
    begins = (0, trace.start_ps, *trace.step_ends_ps[:2])
    assert [span.start_ps for span in prepared] == list(begins)
