"""Batch normalisation once nothing is learned: one task a layer, with running statistics for parameters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import backends
from dataflow.backend import Array
from dataflow.data.batches import Noise
from dataflow.experiment import Experiment
from dataflow.graph import evaluation_graph, inference_graph, step_graph, training_graph
from dataflow.layers import BatchNormalizationLayer, DropoutLayer
from dataflow.placement import Shard, place
from dataflow.plan import Plan
from dataflow.simulation import simulate
from dataflow.tensor import TensorKind
from dataflow.training.evaluation import Evaluator
from dataflow.values.executor import Executor
from dataflow.verification.references import LastStep, OneProcessor, verify
from tests.engine.worlds import RELU, conv, experiment, fc, machine, network, split

NORM = BatchNormalizationLayer(op="batch_normalization", images=2, epsilon=0.5)
NET = network({"c": conv(4, 3, bias=False), "n": NORM, "r": RELU, "f": fc(2)}, image=(2, 4, 4))
PLANS = {
    "one": Plan(),
    "batch": Plan(mesh={"m": 2}, layers={"*": split(batch="m")}),
    "channel": Plan(mesh={"m": 2}, layers={"[cnrf]": split(channel="m")}),
}


def inferring(plan: Plan | None = None) -> Experiment:
    """Four images on two processors."""
    return replace(experiment(NET, machine(2), plan, batch=4), mode="inference")


def test_one_task_with_the_statistics_for_parameters() -> None:
    """No moments and no sums; mean and variance begin with 0 and 1, and are no parameters of training."""
    graph = inference_graph(inferring())
    assert [task.name for task in graph.tasks] == [
        "c.forward",
        "n.forward",
        "r.forward",
        "f.forward",
        "loss.forward",
    ]
    assert graph.ops["n"].kind == "batch_normalization_inference"
    begins = {
        name: tensor.initial.bias
        for name, tensor in graph.tensors.items()
        if name.startswith("n.") and tensor.initial is not None
    }
    assert begins == {"n.weight@0": 1, "n.bias@0": 0, "n.running_mean@0": 0, "n.running_variance@0": 1}
    assert all(graph.tensors[name].kind is TensorKind.PARAMETER for name in begins)
    assert not any("running" in name for name in training_graph(inferring()).tensors)
    assert NET.parameters("n") == 8


@pytest.mark.parametrize("plan", PLANS)
def test_before_any_training_it_is_a_scale(plan: str) -> None:
    """With mean 0 and variance 1 the output is the input over sqrt(1 + epsilon), however it is split."""
    world = inferring(PLANS[plan])
    placed, last = place(step_graph(world), world.hardware, world.plan), LastStep(1)
    seen: dict[str, Array] = {name: np.zeros((4, 4, 2, 2)) for name in "cn"}

    def keep(name: str, shard: Shard, array: Array) -> bool:
        if shard.tensor.base in seen:
            seen[shard.tensor.base][shard.region.slices_within(shard.tensor.region)] = array
        return last.keep(name, shard, array)

    simulate(placed, 1, Executor(placed, backends.get("numpy"), Noise(world), 1, keep))
    np.testing.assert_allclose(seen["n"], seen["c"] / np.sqrt(1.5), rtol=1e-12)
    assert verify(last, world, Noise(world), OneProcessor(backends.get("numpy"))).passed


def test_an_image_is_normalised_whatever_the_others_are() -> None:
    """The same image gives the same scores first of one batch and last of another."""
    world = inferring()
    random = np.random.default_rng(0)
    evaluator = Evaluator(world, backends.get("numpy"))
    state = {name: random.random(tensor.shape) + 0.1 for name, tensor in evaluator.parameters.items()}
    one, other = Noise(world).batch(0), Noise(world).batch(1)
    moved = other.images.copy()
    moved[3] = one.images[0]
    first, _ = evaluator.forward(one, state)
    last, _ = evaluator.forward(replace(other, images=moved), state)
    np.testing.assert_allclose(first[0], last[3], rtol=1e-12)


def test_an_evaluation_ends_in_the_loss() -> None:
    """As inference, with labels: dropout scales or is left out, and the loss is of each example."""
    layers = {"f": fc(4), "d": DropoutLayer(op="dropout"), "i": DropoutLayer(op="dropout", inverted=True)}
    net = network({**layers, "n": NORM, "prediction": fc(2)})
    graph = evaluation_graph(experiment(net, machine(1), batch=4))
    assert [task.name for task in graph.tasks] == [
        "f.forward",
        "d.forward",
        "n.forward",
        "prediction.forward",
        "loss.forward",
    ]
    assert graph.tensors["loss@0"].shape == (4,)
    assert graph.tasks[-1].reads["label"] == "label@0"
