"""Inference, in values: each step predicts the classes of its own batch, with weights that stay."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest

import backends
from dataflow.backend import Array
from dataflow.data.batches import Noise
from dataflow.experiment import Experiment
from dataflow.graph import step_graph
from dataflow.layers import Initial
from dataflow.placement import Shard, place
from dataflow.plan import Plan
from dataflow.simulation import simulate
from dataflow.values.executor import Executor
from dataflow.values.randomness import initial_values
from dataflow.verification.references import LastStep, OneProcessor, verify
from tests.engine.worlds import RELU, experiment, fc, machine, network, split

LAYER = replace(fc(4), initial=Initial(weight_deviation=1.0, bias=0.25))
NET = network({"a": LAYER, "r": RELU, "b": replace(LAYER, channels=3)}, image=(5, 1, 1), classes=3)


def predictions(world: Experiment, backend: str) -> dict[str, Array]:
    """What the network takes each image for, step by step."""
    graph = place(step_graph(world), world.hardware, world.plan)
    found: dict[str, Array] = {}

    def keep(name: str, shard: Shard, array: Array) -> bool:
        if shard.tensor.base == "prediction":
            whole = found.setdefault(name, np.full(shard.tensor.shape, -1))
            whole[shard.region.slices_within(shard.tensor.region)] = array
        return False

    steps = world.training.steps
    simulate(graph, steps, Executor(graph, backends.get(backend), Noise(world), steps, keep))
    return found


def expected(world: Experiment, step: int) -> Array:
    """The same in plain NumPy."""
    weights = {
        name: initial_values(0, f"{name}.weight", shape, Initial(weight_deviation=1.0)).reshape(shape[:2])
        for name, shape in (("a", (4, 5, 1, 1)), ("b", (3, 4)))
    }
    images = Noise(world).batch(step).images.reshape(-1, 5)
    hidden = np.maximum(images @ weights["a"].T + 0.25, 0)
    found: Array = (hidden @ weights["b"].T + 0.25).argmax(axis=1)
    return found


@pytest.mark.parametrize("plan", [Plan(), Plan(mesh={"m": 2}, layers={"[ab]": split(channel="m")})])
@pytest.mark.parametrize("mode", ["inference", "pipeline"])
def test_predictions_are_of_the_step_s_own_batch(mode: Literal["inference", "pipeline"], plan: Plan) -> None:
    """Of four steps each, the last one too, has the predictions of its images."""
    world = replace(experiment(NET, machine(2), plan, batch=6, steps=4), mode=mode)
    found = predictions(world, "numpy")
    assert sorted(found) == [f"prediction@{step}" for step in range(4)]
    for step in range(4):
        np.testing.assert_array_equal(found[f"prediction@{step}"], expected(world, step))


def test_predictions_are_verified() -> None:
    """What two processors predict is what one does."""
    plan = Plan(mesh={"m": 2}, layers={"[ab]": split(channel="m")})
    world = replace(experiment(NET, machine(2), plan, batch=6, steps=2), mode="inference")
    graph, last = place(step_graph(world), world.hardware, world.plan), LastStep(2)
    simulate(graph, 2, Executor(graph, backends.get("numpy"), Noise(world), 2, last.keep))
    found = verify(last, world, Noise(world), OneProcessor(backends.get("numpy")))
    assert found.passed
    assert {"prediction@1", "a@1"} <= {c.tensor for c in found.comparisons}


def test_integers_predict_nearly_the_same() -> None:
    """In Q8.8 nine of ten predictions are those of floating point."""
    world = replace(experiment(NET, machine(1), batch=50, steps=2), mode="inference")
    fixed = replace(world, training=replace(world.training, dtype="q8.8"))
    found = predictions(fixed, "fixed")
    same = [found[f"prediction@{step}"] == expected(world, step) for step in range(2)]
    assert np.mean(same) >= 0.9
