"""Gradients by finite differences: beside those of back-propagation, sliced, and counted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import backends
from dataflow.experiment import Experiment
from dataflow.graph import training_graph
from dataflow.network import Network
from dataflow.ops import FiniteDifference, Role
from dataflow.plan import Plan, Rule, Split
from dataflow.tensor import TensorKind
from tests.engine.worlds import (
    DROPOUT,
    RELU,
    TANH,
    computed,
    conv,
    experiment,
    fc,
    machine,
    max_pool,
    network,
    placed,
)

SMOOTH = network({"a": fc(3), "t": TANH, "b": fc(2)}, image=(2, 1, 1))
DIGITS = network(
    {"conv": conv(2, 3), "relu": RELU, "pool": max_pool(2, 2), "drop": DROPOUT, "fc": fc(3)},
    image=(1, 6, 6),
    classes=3,
)


def by_difference(world: Experiment, step: float = 1e-6, scale: float = 1.0) -> Experiment:
    """The same world with gradients by finite differences of this step."""
    training = replace(world.training, gradient="finite-difference", difference_step=step, loss_scale=scale)
    return replace(world, training=training)


def gradients(world: Experiment) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float64]]]:
    """The gradient of each parameter, from the last of the world's steps."""
    _, last = computed(world, backends.get("numpy"))
    names = [
        t.name for t in training_graph(world).tensors.values() if t.kind is TensorKind.PARAMETER_GRADIENT
    ]
    return {name: np.array(last.whole(name)) for name in names}


@pytest.mark.parametrize("net", [SMOOTH, DIGITS], ids=["smooth", "digits"])
def test_they_are_those_of_back_propagation(net: Network) -> None:
    """In float64, with a step of 1e-6, they are off by the step's order, dropout's mask being the same."""
    world = experiment(net, machine(1), batch=3)
    expected, found = gradients(world), gradients(by_difference(world))
    assert list(found) == list(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=0, atol=1e-5)


def test_the_error_is_of_the_order_of_the_step() -> None:
    """A hundredth of the step leaves a hundredth of the error: 1.5 percent at most."""
    world = experiment(SMOOTH, machine(1), batch=3)
    expected = gradients(world)
    errors = [
        max(
            np.abs(array - expected[name]).max() for name, array in gradients(by_difference(world, s)).items()
        )
        for s in (1e-2, 1e-4)
    ]
    assert 0 < errors[1] < 0.015 * errors[0]


def test_a_loss_scale_makes_them_as_many_times_as_large() -> None:
    """Scaled by 8, every gradient is 8 times what it is, and the new parameters are the same."""
    world = experiment(SMOOTH, machine(1), batch=3)
    plain, scaled = gradients(by_difference(world)), gradients(by_difference(world, scale=8.0))
    for name, array in plain.items():
        np.testing.assert_allclose(scaled[name], 8 * array, rtol=1e-12)


def test_processors_may_move_some_weights_each() -> None:
    """Kernel rows and columns over four processors give the bits that one gives."""
    plan = Plan(
        mesh={"y": 2, "x": 2},
        layers={
            "conv": Rule(
                shard={"batch": ("y", "x")},
                gradient=Split(shard={"kernel_height": "y", "kernel_width": "x"}),
            ),
            "fc": Rule(gradient=Split(shard={"in_height": "y", "channel": "x"})),
        },
    )
    alone = by_difference(experiment(DIGITS, machine(1), batch=4))
    together = by_difference(experiment(DIGITS, machine(4), plan, batch=4))
    expected, found = gradients(alone), gradients(together)
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)
    moved = {
        task.processor: task.op.loops
        for task in placed(together).tasks
        if isinstance(task.op, FiniteDifference) and task.layer == "conv"
    }
    each = {"channel": 2, "in_channel": 1}
    assert moved == {
        "p0": {**each, "kernel_height": 1, "kernel_width": 1},
        "p1": {**each, "kernel_height": 1, "kernel_width": 2},
        "p2": {**each, "kernel_height": 2, "kernel_width": 1},
        "p3": {**each, "kernel_height": 2, "kernel_width": 2},
    }


def test_only_what_depends_on_a_weight_is_computed_again() -> None:
    """The second layer's op evaluates itself and the loss, from the first one's output."""
    graph = training_graph(by_difference(experiment(SMOOTH, machine(1), batch=3)))
    found = {task.layer: task for task in graph.tasks if isinstance(task.op, FiniteDifference)}
    assert list(found) == ["b", "a"]
    first, second = found["a"].op, found["b"].op
    assert isinstance(first, FiniteDifference)
    assert isinstance(second, FiniteDifference)
    assert [each.name for each in first.layers] == ["a", "t", "b", "loss"]
    assert [each.name for each in second.layers] == ["b", "loss"]
    assert list(found["a"].reads) == ["data", "a.weight", "a.bias", "b.weight", "b.bias", "label", "loss"]
    assert list(found["b"].reads) == ["t", "b.weight", "b.bias", "label", "loss"]
    assert found["b"].writes == {"weight.grad": "b.weight.grad@0", "bias.grad": "b.bias.grad@0"}


def test_flop_are_those_of_all_evaluations() -> None:
    """6 weights and 3 biases, 2 FLOP for each of 3 images' 6 + 6 products: 9 * 2 * 36 = 648."""
    graph = training_graph(by_difference(experiment(SMOOTH, machine(1), batch=3)))
    (task,) = (t for t in graph.tasks if isinstance(t.op, FiniteDifference) and t.layer == "a")
    assert task.flop == 648


def test_the_first_slice_moves_the_biases() -> None:
    """Of a weight cut along its inputs, one slice has all biases and the other none."""
    graph = training_graph(by_difference(experiment(SMOOTH, machine(1), batch=3)))
    (op,) = (t.op for t in graph.tasks if isinstance(t.op, FiniteDifference) and t.layer == "a")
    first = op.local({**op.whole, "in_channel": (0, 1)})
    second = op.local({**op.whole, "in_channel": (1, 2)})
    moved = [{o.name: o.shape for o in part.by_role(Role.PARAMETER)} for part in (first, second)]
    assert moved == [{"weight": (3, 1, 1, 1), "bias": (3,)}, {"weight": (3, 1, 1, 1)}]
    assert [part.evaluations for part in (first, second)] == [6, 3]
