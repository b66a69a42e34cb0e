"""Running statistics of batch normalisation: by hand, in groups, across a stop, and from given weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from dataflow.experiment import Experiment
from dataflow.graph import training_graph
from dataflow.layers import BatchNormalizationLayer
from dataflow.placement import Shard, place
from dataflow.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from dataflow.training.loop import Position, train
from dataflow.training.running_statistics import RunningStatistics
from tests.engine.worlds import RELU, conv, experiment, fc, machine, network
from tests.training.worlds import PLANS, Session


def world(images: int | None = None, dtype: str = "float32", plan: str = "one") -> Experiment:
    """A convolution of two channels, normalised in groups of so many images."""
    norm = BatchNormalizationLayer(op="batch_normalization", images=images)
    net = network({"conv": conv(2, 3, bias=False), "norm": norm, "relu": RELU, "fc": fc(3)}, (1, 6, 6), 3)
    count, split = PLANS[plan]
    return experiment(net, machine(count), split, batch=4, dtype=dtype)


def test_a_step_moves_a_tenth_of_the_way_to_the_mean_over_groups() -> None:
    """Two groups of n = 2 * 4 * 4 = 32 elements; the variance is that which divides by n - 1 = 31."""
    made = world(images=2, dtype="float64")
    placed = place(training_graph(made), made.hardware, made.plan)
    statistics = RunningStatistics(placed, {})
    (shard,) = (each for each in placed.shards.values() if each.tensor.base == "norm.sums")
    assert isinstance(shard, Shard)
    # group 1: mean 1, mean of squares 3; group 2: mean 3, mean of squares 10; of either channel
    sums = np.array([[[32.0, 32.0], [96.0, 96.0]], [[96.0, 96.0], [320.0, 320.0]]])
    statistics.see(shard, sums)
    statistics.take()
    np.testing.assert_allclose(statistics.state["norm.running_mean"], 0.1 * 2, rtol=1e-14)
    # variances 3 - 1 = 2 and 10 - 9 = 1, mean 1.5
    expected = 0.9 * 1 + 0.1 * 1.5 * 32 / 31
    np.testing.assert_allclose(statistics.state["norm.running_variance"], expected, rtol=1e-14)


def test_a_training_that_was_stopped_has_the_same_statistics(tmp_path: Path) -> None:
    """Stopped after step 3 and resumed from a checkpoint: the same bits as without a stop."""
    made = world()
    whole = train(Session(made, epochs=2).loop, Position())
    half = train(Session(made, epochs=2, stop_at=3).loop, Position())
    file = tmp_path / "checkpoint.npz"
    save_checkpoint(Checkpoint({}, half, 8, {}), file)
    found = load_checkpoint(file).position
    assert found.step == 3
    end = train(Session(made, epochs=2).loop, found)
    assert whole.state is not None
    assert end.state is not None
    assert set(whole.state) == set(end.state) >= {"norm.running_mean", "norm.running_variance"}
    for name, array in whole.state.items():
        np.testing.assert_array_equal(end.state[name], array)
    assert end.state["norm.running_variance"].dtype == np.float32


def test_every_plan_has_the_same_statistics() -> None:
    """The sums of slices of the batch or of channels are put together before they count."""
    states = []
    for plan in PLANS:
        state = train(Session(world(dtype="float64", plan=plan), epochs=1).loop, Position()).state
        assert state is not None
        states.append(state)
    for state in states[1:]:
        for name in ("norm.running_mean", "norm.running_variance"):
            np.testing.assert_allclose(state[name], states[0][name], rtol=1e-12)


def test_given_weights_are_gone_on_from() -> None:
    """A training that begins with weights begins with their running statistics."""
    made = world(dtype="float64")
    begun = train(Session(made, epochs=1).loop, Position()).state
    assert begun is not None
    given = {name: np.array(begun[name]) for name in begun if not name.endswith("velocity")}
    session = Session(made, epochs=1)
    stopped = replace(session.loop, weights=given, stop=lambda: True)
    state = train(stopped, Position()).state
    assert state is not None
    for name, array in given.items():
        np.testing.assert_array_equal(state[name], array)
