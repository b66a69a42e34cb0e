"""The training loop: the values of a simulated run, whatever the plan and however often it is resumed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import backends
from dataflow.backend import Array
from dataflow.graph import training_graph
from dataflow.placement import Shard, place
from dataflow.simulation import simulate
from dataflow.tensor import TensorKind
from dataflow.training.cadence import Cadence
from dataflow.training.loop import Position, train
from dataflow.training.order import ShuffledBatches
from dataflow.training.recording import record
from dataflow.training.timing import StepTiming, time_steps
from dataflow.values.executor import Executor
from tests.training.worlds import DATA, PLANS, Session, without_wall_time, world


@pytest.mark.parametrize("plan", PLANS)
def test_steps_one_after_the_other_have_the_values_of_a_simulated_run(plan: str) -> None:
    """Two epochs in the order of one recorded step leave the parameters that simulating all of them does."""
    made = world(plan)
    session = Session(made, epochs=2)
    end = train(session.loop, Position())
    assert end.step == 8
    assert end.state is not None
    graph = place(training_graph(made), made.hardware, made.plan)
    last: dict[str, list[tuple[Shard, Array]]] = {}

    def keep(name: str, shard: Shard, array: Array) -> bool:
        carried = shard.tensor.kind in (TensorKind.PARAMETER, TensorKind.VELOCITY)
        if carried and name == f"{shard.tensor.base}@8":
            last.setdefault(shard.tensor.base, []).append((shard, array))
        return carried

    batches = ShuffledBatches(DATA.train, 4, made.training.seed, "stripes")
    simulate(graph, 8, Executor(graph, backends.get("numpy"), batches, 8, keep))
    assert set(last) == set(end.state)
    for base, pieces in last.items():
        for shard, array in pieces:
            assert np.array_equal(end.state[base][shard.region.slices_within(shard.tensor.region)], array)


def test_a_network_learns() -> None:
    """Stripes are told apart after some epochs, and the curve says when."""
    session = Session(world(), epochs=12)
    end = train(session.loop, Position())
    first, last = end.points[0], end.points[-1]
    assert (first.epoch, first.step, first.simulated_s, first.train_loss) == (0, 0, 0.0, None)
    assert (last.epoch, last.step) == (12, 48)
    assert last.test_accuracy == 1.0
    assert last.test_loss < 0.5 < first.test_loss
    assert [point.epoch for point in end.points] == list(range(13))


def test_simulated_time_is_steps_times_their_length() -> None:
    """Every step takes as long as the one that was simulated."""
    made = world("data")
    timing, run = time_steps(place(training_graph(made), made.hardware, made.plan))
    assert timing.kind == "repeats"
    assert timing.first_ps == (timing.steady_ps,) * 3
    assert run.trace.steps == 4
    end = train(Session(made, epochs=3).loop, Position())
    assert [point.simulated_s for point in end.points] == [n * 4 * timing.steady_ps / 1e12 for n in range(4)]


def test_lengths_of_further_steps() -> None:
    """First as simulated, then always the same."""
    timing = StepTiming("repeats", (9, 7), 5)
    assert [timing.length_ps(step) for step in range(4)] == [9, 7, 5, 5]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_two_and_two_epochs_are_four(plan: str, dtype: str) -> None:
    """Going on from a saved position gives the same curve and the same parameters, bit for bit."""
    whole = train(Session(world(plan, dtype=dtype), epochs=4).loop, Position())
    half = train(Session(world(plan, dtype=dtype), epochs=2).loop, Position())
    rest = train(Session(world(plan, dtype=dtype), epochs=4).loop, half)
    assert without_wall_time(rest) == without_wall_time(whole)
    assert rest.state is not None
    assert whole.state is not None
    assert list(rest.state) == list(whole.state)
    assert all(np.array_equal(rest.state[name], whole.state[name]) for name in whole.state)


@pytest.mark.parametrize("stop_at", [1, 3, 4, 6])
def test_stopping_anywhere_changes_nothing(stop_at: int) -> None:
    """A training that is stopped within an epoch, or at its end, and resumed is as if it never was."""
    whole = train(Session(world("model"), epochs=2).loop, Position())
    stopped = Session(world("model"), epochs=2, stop_at=stop_at)
    half = train(stopped.loop, Position())
    assert half.step == stop_at
    assert stopped.saved[-1] is half
    rest = train(Session(world("model"), epochs=2).loop, half)
    assert without_wall_time(rest) == without_wall_time(whole)
    assert rest.state is not None
    assert whole.state is not None
    assert all(np.array_equal(rest.state[name], whole.state[name]) for name in whole.state)


def test_what_is_told_and_saved() -> None:
    """Every step is told, and a position saved after every second epoch and in the end."""
    session = Session(world(), epochs=5)
    train(replace(session.loop, save_every=Cadence(2)), Position())
    assert [moment.step for moment in session.moments] == list(range(1, 21))
    assert [moment.epoch for moment in session.moments[3:6]] == [1, 2, 2]
    assert session.moments[4].tested.epoch == 1
    assert [position.step for position in session.saved] == [8, 16, 20]


def test_a_training_that_is_over_takes_no_step() -> None:
    """Going on from the end is to be there."""
    end = train(Session(world(), epochs=1).loop, Position())
    session = Session(world(), epochs=1)
    assert train(session.loop, end) is end
    assert session.moments == []


def test_a_recording() -> None:
    """The first batch is loaded before the step, and in the step every task starts and ends once."""
    made = world("data")
    graph = place(training_graph(made), made.hardware, made.plan)
    recording = record(graph)
    names = [call.task.name for call in recording.calls if call.task and call.what == "ended"]
    assert sorted(names) == sorted(task.name for task in graph.tasks)
    loads = [call.task.name for call in recording.loads if call.task and call.what == "started"]
    assert len(loads) == 4  # images and labels to each of two processors
    assert set(loads) < set(names)
