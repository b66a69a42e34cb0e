"""Networks: what does not fit is refused with every reason, and what fits is counted exactly."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dataflow.errors import CheckError, DataflowError, NetworkError
from dataflow.layers import (
    ActivationLayer,
    FullyConnectedLayer,
    LayerSpec,
    LossLayer,
    NormalizationLayer,
    PoolingLayer,
)
from dataflow.network import Network, activation_bytes
from tests.engine.worlds import DROPOUT, LOSS, RELU, alexnet, conv, fc, max_pool, network

Layers = Mapping[str, LayerSpec]


def relu_of(*inputs: str) -> ActivationLayer:
    """A ReLU that names what it reads."""
    return ActivationLayer(op="relu", input=inputs if len(inputs) != 1 else inputs[0])


def bare(layers: Layers) -> Network:
    """A network of exactly these layers for images of 3 x 8 x 8 and 2 classes."""
    return Network(name="net", input=(3, 8, 8), classes=2, layers=layers)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (conv(4, 3, groups=2), "layer 'x': 2 groups do not divide 3 input channels"),
        (conv(4, 3, groups=3), "layer 'x': 3 groups do not divide 4 output channels"),
        (
            conv(4, 11, pad=1),
            "layer 'x': kernel of height 11 does not fit an input of height 8 padded by 1 on each side",
        ),
        (
            PoolingLayer(op="max_pooling", kernel=(2, 9), stride=1),
            "layer 'x': kernel of width 9 does not fit an input of width 8 padded by 0 on each side",
        ),
        (
            max_pool(2, 2, 2),
            "layer 'x': pad 2 must be less than kernel 2 in height, or windows hold no input",
        ),
        (
            NormalizationLayer(op="local_response_normalization", groups=2),
            "layer 'x': 2 groups do not divide 3 channels",
        ),
        (
            NormalizationLayer(op="local_response_normalization", size=4),
            "layer 'x': size 4 must be odd, so that a channel is in the middle",
        ),
    ],
)
def test_layers_that_do_not_fit(layer: LayerSpec, message: str) -> None:
    """A layer that does not fit its input is refused, with its name, both numbers and the rule."""
    with pytest.raises(CheckError, match=message):
        bare({"x": layer, "f": fc(2), "loss": LOSS}).ops(1)


def test_spatial_layers_need_an_image() -> None:
    """A convolution cannot read what a fully connected layer writes."""
    with pytest.raises(
        CheckError, match=r"layer 'c': needs an input of \(channels, height, width\), got \(5,\)"
    ):
        bare({"f": fc(5), "c": conv(2, 1), "loss": LOSS}).ops(1)


def test_layers_take_one_input() -> None:
    """A ReLU that reads two others is refused."""
    with pytest.raises(CheckError, match="layer 'x': takes one input, got 2"):
        bare({"f": fc(2), "g": fc(2), "x": relu_of("f", "g"), "loss": LOSS}).ops(1)


def test_loss_needs_a_score_for_each_class() -> None:
    """The loss of two classes cannot read five scores."""
    with pytest.raises(
        CheckError, match=r"layer 'loss': needs one score for each of 2 classes, got shape \(5,\)"
    ):
        bare({"f": fc(5), "loss": LOSS}).ops(1)


def test_unknown_inputs_are_listed_together() -> None:
    """Every input that is no layer is named, with what there is."""
    with pytest.raises(CheckError) as raised:
        bare({"f": relu_of("x"), "g": relu_of("y"), "loss": LOSS}).ops(1)
    known = "(there are: data, f, g, loss)"
    assert raised.value.faults == (
        f"layer 'f' reads 'x', which is no layer {known}",
        f"layer 'g' reads 'y', which is no layer {known}",
    )


def test_cycle() -> None:
    """Layers that read one another in a circle are named in its order."""
    with pytest.raises(NetworkError, match=r"in a cycle: (f -> g|g -> f) -> \.\.\.; a layer may only read"):
        bare({"f": relu_of("g"), "g": relu_of("f"), "loss": LOSS}).ops(1)


@pytest.mark.parametrize(
    ("layers", "faults"),
    [
        (
            {"f": fc(2)},
            (
                "needs exactly one loss, a softmax_cross_entropy or mean_squared_error layer, found: none",
                "layer 'f' is read by nothing; only the loss may end the network",
            ),
        ),
        ({}, ("needs exactly one loss, a softmax_cross_entropy or mean_squared_error layer, found: none",)),
        (
            {"f": fc(2), "one": LOSS, "two": LossLayer(op="softmax_cross_entropy", input="f")},
            ("needs exactly one loss, a softmax_cross_entropy or mean_squared_error layer, found: one, two",),
        ),
        (
            {"f": fc(2), "g": fc(3), "loss": LossLayer(op="softmax_cross_entropy", input="f")},
            ("layer 'g' is read by nothing; only the loss may end the network",),
        ),
        (
            {"f": fc(2), "loss": LOSS, "g": RELU},
            (
                "layer 'g' is read by nothing; only the loss may end the network",
                "layer 'loss' is a loss, but is read by another layer",
            ),
        ),
        (
            {"f": fc(2), "loss": LOSS, "g": fc(3)},
            (
                "layer 'g' is read by nothing; only the loss may end the network",
                "layer 'loss' is a loss, but is read by another layer",
            ),
        ),
    ],
)
def test_ends(layers: Layers, faults: tuple[str, ...]) -> None:
    """A network ends in its one loss and nowhere else; all that is wrong with its ends is said at once."""
    with pytest.raises(CheckError) as raised:
        bare(layers).ops(1)
    assert raised.value.faults == faults


@pytest.mark.parametrize("name", ["data", "label"])
def test_names_of_the_batch_are_reserved(name: str) -> None:
    """A layer cannot be called what the batch is called: its tensors would be the batch's."""
    with pytest.raises(DataflowError, match=f"layer '{name}'"):
        network({name: fc(3), "out": fc(2)}).ops(1)


def test_layers_may_be_written_in_any_order() -> None:
    """Layers are run so that each comes after what it reads, among equals as they are written."""
    layers: Layers = {
        "loss": LossLayer(op="softmax_cross_entropy", input="last"),
        "last": FullyConnectedLayer(op="fully_connected", channels=2, input="middle"),
        "middle": ActivationLayer(op="relu", input="data"),
    }
    assert bare(layers).order == ("middle", "last", "loss")


# -- exact counts -------------------------------------------------------------------------

ALEXNET = {
    "conv1": ((96, 55, 55), 34_848 + 96, 105_415_200),
    "conv2": ((256, 27, 27), 307_200 + 256, 223_948_800),
    "conv3": ((384, 13, 13), 884_736 + 384, 149_520_384),
    "conv4": ((384, 13, 13), 663_552 + 384, 112_140_288),
    "conv5": ((256, 13, 13), 442_368 + 256, 74_760_192),
    "fc6": ((4096,), 37_748_736 + 4_096, 37_748_736),
    "fc7": ((4096,), 16_777_216 + 4_096, 16_777_216),
    "fc8": ((1000,), 4_096_000 + 1_000, 4_096_000),
}
"""Output of an image, weights and biases, multiply-accumulates: from the shapes of the 2012 paper."""


def test_alexnet_layer_by_layer() -> None:
    """Every learned layer has the paper's shape, and the parameters and multiplications these give."""
    net = alexnet()
    ops = net.ops(1)
    counted = {
        name: (ops[name].operand("output").shape[1:], net.parameters(name), ops[name].macs)
        for name in ALEXNET
    }
    assert counted == ALEXNET


def test_alexnet_in_all() -> None:
    """60,965,224 parameters, 724,406,816 multiply-accumulates, and two operations for each of these."""
    net = alexnet()
    assert net.parameter_count == 60_965_224
    assert net.macs_per_image == 724_406_816
    assert net.forward_flop_per_image == 1_448_813_632


def test_pooling_overlaps() -> None:
    """Windows of 3 every 2: 55 to 27, 27 to 13, 13 to 6."""
    ops = alexnet().ops(1)
    assert [ops[f"pool{i}"].operand("output").shape[1:] for i in (1, 2, 5)] == [
        (96, 27, 27),
        (256, 13, 13),
        (256, 6, 6),
    ]


def test_alexnet_of_one_gpu() -> None:
    """Half the kernels in the first four layers and no groups: 59,798,312 parameters, 391,514,384 MAC."""
    layers = dict(alexnet().layers)
    halves = {
        "conv1": conv(48, 11, 4),
        "conv2": conv(128, 5, 1, 2),
        "conv3": conv(192, 3, 1, 1),
        "conv4": conv(192, 3, 1, 1),
        "conv5": conv(256, 3, 1, 1),
    }
    net = Network(name="one", input=(3, 227, 227), classes=1000, layers={**layers, **halves})
    assert net.parameter_count == 59_798_312
    assert net.macs_per_image == 391_514_384


def test_activation_bytes_of_caffenet() -> None:
    """Caffe v0.999 prints 1,073,760,256 for CaffeNet (pool before norm) at batch 256 with 22 outputs."""
    net = alexnet()
    swapped: dict[str, LayerSpec] = {}
    for name, spec in net.layers.items():
        other = {"norm1": "pool1", "pool1": "norm1", "norm2": "pool2", "pool2": "norm2"}.get(name)
        swapped[other or name] = net.layers[other] if other else spec
    caffenet = Network(name="caffenet", input=(3, 227, 227), classes=22, layers=swapped)
    assert activation_bytes(caffenet, 256, 4)["caffe"] == 1_073_760_256


def test_activation_bytes_of_a_tiny_net() -> None:
    """Two images of 2, labels, f 6, mask 6 B, scores 4, probabilities 4, losses 2; ReLU in place."""
    net = network({"f": fc(3), "r": RELU, "d": DROPOUT, "out": fc(2)})
    simulator = (4 + 6 + 4 + 4 + 2) * 8 + 2 * 4 + 6
    caffe = 4 * (4 + 2 + 6 + 4)
    assert activation_bytes(net, 2, 8) == {"simulator": simulator, "caffe": caffe}
