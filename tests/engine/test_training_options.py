"""What training may do otherwise: constant biases, other losses, scaled gradients, no momentum."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

import backends
from dataflow.backend import Array
from dataflow.data.batches import Noise
from dataflow.errors import CheckError
from dataflow.experiment import Experiment
from dataflow.graph import training_graph
from dataflow.layers import ConvolutionLayer, FullyConnectedLayer, LayerSpec, LossLayer, SoftmaxLayer
from dataflow.network import Network, activation_bytes
from dataflow.ops import Convolution, FullyConnected, MeanSquaredError, SoftmaxCrossEntropy
from dataflow.placement import place
from dataflow.plan import Plan
from dataflow.tensor import TensorKind
from dataflow.verification.references import LastStep, verify
from tests.engine.test_finite_differences import DIGITS, by_difference
from tests.engine.worlds import LOSS, RELU, computed, experiment, fc, machine, network, split

SOFTMAX = SoftmaxLayer(op="softmax")
SQUARED = LossLayer(op="mean_squared_error")


def net(hidden: Mapping[str, LayerSpec], loss: LossLayer = LOSS) -> Network:
    """A network of images of 1 x 4 x 4 and three classes that ends in this loss."""
    last = FullyConnectedLayer(op="fully_connected", channels="classes", bias=-0.5)
    return Network(name="net", input=(1, 4, 4), classes=3, layers={**hidden, "fc": last, "loss": loss})


CONSTANT = ConvolutionLayer(op="convolution", channels=2, kernel=3, bias=0.25)


def last_step(world: Experiment) -> LastStep:
    """The values of a world's last step."""
    return computed(world, backends.get("numpy"))[1]


def with_training(world: Experiment, **changed: object) -> Experiment:
    """The world, trained otherwise."""
    return replace(world, training=replace(world.training, **changed))


# -- constant biases ----------------------------------------------------------------------


def test_a_number_is_a_constant_bias() -> None:
    """It is no tensor, and true and false mean what they meant."""
    layers = {
        bias: ConvolutionLayer(op="convolution", channels=2, kernel=3, bias=bias)
        for bias in (True, False, 0.1)
    }
    found = {}
    for bias, layer in layers.items():
        op = network({"conv": layer}, image=(1, 4, 4), classes=2).layers["conv"]
        assert op is layer
        bound = net({"conv": layer}).ops(1)["conv"]
        assert isinstance(bound, Convolution)
        found[bias] = (bound.bias, bound.offset, [o.name for o in bound.operands])
    assert found == {
        True: (True, 0.0, ["input", "weight", "bias", "output"]),
        False: (False, 0.0, ["input", "weight", "output"]),
        0.1: (False, 0.1, ["input", "weight", "output"]),
    }


def test_a_constant_bias_is_added_once() -> None:
    """Of a fully connected layer cut along its inputs, only the first part adds it."""
    op = FullyConnected(1, (4,), 2, bias=False, offset=0.1)
    parts = [op.local({"batch": (0, 1), "channel": (0, 2), "in_channel": cut}) for cut in ((0, 2), (2, 4))]
    assert [part.offset for part in parts] == [0.1, 0.0]


def test_constant_biases_are_not_learned() -> None:
    """Two filters of nine weights and three classes of eight: 18 + 24 weights, no biases."""
    assert net({"conv": CONSTANT}).parameter_count == 18 + 24


# -- losses -------------------------------------------------------------------------------


def test_a_loss_layer_makes_its_op() -> None:
    """Softmax of either base, or squared errors; all average over the batch."""
    made = [
        net({}, loss).ops(5)["loss"]
        for loss in (LOSS, LossLayer(op="softmax_cross_entropy", base=2), SQUARED)
    ]
    assert made == [
        SoftmaxCrossEntropy(5, 3, 5),
        SoftmaxCrossEntropy(5, 3, 5, base=2),
        MeanSquaredError(5, 3, 5),
    ]


def test_squared_errors_have_no_base() -> None:
    """A base in a loss that takes no powers is a fault."""
    with pytest.raises(
        CheckError, match="base is of softmax_cross_entropy; mean_squared_error takes no powers"
    ):
        net({}, LossLayer(op="mean_squared_error", base=2)).ops(1)


def test_no_loss_counts_as_a_blob_of_caffe() -> None:
    """Data 16, label 1 and the three scores of an image are 20 floats, whatever the loss."""
    assert {activation_bytes(net({}, loss), 1, 4)["caffe"] for loss in (LOSS, SQUARED)} == {80}


def test_gradients_of_base_2_have_no_factor() -> None:
    """Scores (1, 0, 0), label 0: p = (1/2, 1/4, 1/4), loss -log2 1/2 = 1, gradient p less 1 at the label."""
    op = SoftmaxCrossEntropy(1, 3, 1, base=2)
    backend = backends.get("numpy")
    reads = {"input": np.array([[1.0, 0.0, 0.0]]), "label": np.array([0], np.int32)}
    written = {"output": np.zeros(1), "probability": np.zeros((1, 3))}
    gradient = {"input.grad": np.zeros((1, 3))}
    site = importlib.import_module("dataflow.backend").Site()
    backend.compute(op, op.passes[0], reads, written, site)
    backend.compute(op, op.passes[1], {**written, **reads}, gradient, site)
    np.testing.assert_array_equal(written["output"], [1.0])
    np.testing.assert_array_equal(written["probability"], [[0.5, 0.25, 0.25]])
    np.testing.assert_array_equal(gradient["input.grad"], [[-0.5, 0.25, 0.25]])


# -- scale and momentum -------------------------------------------------------------------


def test_a_loss_scale_changes_gradients_but_not_what_is_learned() -> None:
    """With ``batch``, gradients are sums over the 4 images, the new weights and the loss as without."""
    world = experiment(net({"conv": CONSTANT, "relu": RELU}), machine(1), batch=4, steps=2)
    plain, scaled = last_step(world), last_step(with_training(world, loss_scale="batch"))
    for name in plain.values:
        times = 4 if ".grad@" in name else 1
        np.testing.assert_allclose(scaled.whole(name), times * plain.whole(name), rtol=1e-12, err_msg=name)


def test_without_momentum_there_are_no_velocities() -> None:
    """No tensor of the kind is made, and two steps move each weight by what both gradients say."""
    world = experiment(net({}), machine(1), batch=4)
    plain = with_training(world, momentum=0.0, weight_decay=0.0, learning_rate=0.5)
    graph = training_graph(plain)
    assert not [t for t in graph.tensors.values() if t.kind is TensorKind.VELOCITY]
    first, second = last_step(plain), last_step(with_training(plain, steps=2))
    expected = first.whole("fc.weight@1") - 0.5 * second.whole("fc.weight.grad@1")
    np.testing.assert_allclose(second.whole("fc.weight@2"), expected, rtol=1e-14)


def test_updates_without_momentum_may_be_placed_apart() -> None:
    """Data parallelism over two processors learns what one learns."""
    world = with_training(experiment(net({}), machine(2), batch=4, steps=2), momentum=0.0)
    halves = replace(world, plan=Plan(mesh={"m": 2}, layers={"*": split(batch="m")}))
    one, two = last_step(world), last_step(halves)
    np.testing.assert_allclose(two.whole("fc.weight@2"), one.whole("fc.weight@2"), rtol=1e-13)
    assert place(training_graph(halves), halves.hardware, halves.plan).homes["fc.weight@1"]


# -- PyTorch ------------------------------------------------------------------------------

WORLDS: Mapping[str, Experiment] = {
    "constant biases": experiment(net({"conv": CONSTANT, "relu": RELU}), machine(1), batch=4, steps=2),
    "base 2": experiment(
        net({}, LossLayer(op="softmax_cross_entropy", base=2)), machine(1), batch=4, steps=2
    ),
    "squared error": experiment(net({}, SQUARED), machine(1), batch=4, steps=2),
    "squared error of softmax": experiment(
        Network(
            name="net",
            input=(1, 4, 4),
            classes=3,
            layers={"fc": fc(3), "softmax": SOFTMAX, "loss": SQUARED},
        ),
        machine(1),
        batch=4,
        steps=2,
    ),
    "loss scale": with_training(experiment(net({}), machine(1), batch=4, steps=2), loss_scale=8.0),
    "no momentum": with_training(experiment(net({}), machine(1), batch=4, steps=2), momentum=0.0),
    "finite differences": by_difference(experiment(DIGITS, machine(1), batch=2, steps=2), 2**-4, 2.0),
}


@pytest.mark.parametrize("name", WORLDS)
def test_training_agrees_with_torch(name: str) -> None:
    """Every tensor of the last of two steps is what PyTorch makes of it."""
    pytest.importorskip("torch")
    reference = importlib.import_module("backends.torch_reference").TorchReference()
    world = WORLDS[name]
    found = verify(last_step(world), world, Noise(world), reference, None)
    assert found.passed, found.worst or found.missing


def test_values_are_arrays_of_the_world() -> None:
    """Each loss of a batch of squared errors is half the squares of what is off, seen in the run."""
    world = experiment(net({}, SQUARED), machine(1), batch=4)
    last = last_step(world)
    scores: Array = last.whole("fc@0")
    wanted = np.eye(3)[Noise(world).batch(0).labels]
    np.testing.assert_allclose(last.whole("loss@0"), ((scores - wanted) ** 2).sum(1) / 2, rtol=1e-12)
