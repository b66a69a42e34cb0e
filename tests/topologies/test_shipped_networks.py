"""Exact figures of the networks that ship, from the papers and their source documents."""

from __future__ import annotations

import pytest

import topologies
from dataflow.layers import ConvolutionLayer, DropoutLayer, FullyConnectedLayer, NormalizationLayer
from dataflow.network import activation_bytes
from dataflow.override import Override

# layer: output of one image, weights, biases, multiply-accumulates (Krizhevsky et al. 2012)
ALEXNET = {
    "conv1": ((96, 55, 55), 34_848, 96, 105_415_200),
    "conv2": ((256, 27, 27), 307_200, 256, 223_948_800),
    "conv3": ((384, 13, 13), 884_736, 384, 149_520_384),
    "conv4": ((384, 13, 13), 663_552, 384, 112_140_288),
    "conv5": ((256, 13, 13), 442_368, 256, 74_760_192),
    "fc6": ((4096,), 37_748_736, 4_096, 37_748_736),
    "fc7": ((4096,), 16_777_216, 4_096, 16_777_216),
    "fc8": ((1000,), 4_096_000, 1_000, 4_096_000),
}
# Feature maps that the source documents list, in the order of the layers that make them.
FEATURES = {
    "conv1": 290_400,
    "pool1": 69_984,
    "conv2": 186_624,
    "pool2": 43_264,
    "conv3": 64_896,
    "conv4": 64_896,
    "conv5": 43_264,
    "pool5": 9_216,
    "fc6": 4_096,
    "fc7": 4_096,
    "fc8": 1_000,
}


@pytest.mark.parametrize("layer", ALEXNET)
def test_alexnet_has_the_shapes_and_counts_of_the_paper(layer: str) -> None:
    """Each learned layer has its output, weights, biases and multiply-accumulates."""
    shape, weights, biases, macs = ALEXNET[layer]
    network = topologies.load_network("alexnet")
    op = network.ops(1)[layer]
    assert op.operand("output").shape == (1, *shape)
    assert network.parameters(layer) == weights + biases
    assert op.operand("bias").shape == (biases,)
    assert op.macs == macs


def test_alexnet_has_the_feature_maps_of_the_source_documents() -> None:
    """Elements of each output, pooling included."""
    ops = topologies.load_network("alexnet").ops(1)
    found = {}
    for layer in FEATURES:
        size = 1
        for extent in ops[layer].operand("output").shape:
            size *= extent
        found[layer] = size
    assert found == FEATURES


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),
    [
        ("alexnet", 60_965_224, 724_406_816),
        ("caffenet", 60_965_224, 724_406_816),
        ("alexnet-one-gpu", 59_798_312, 391_514_384),
        ("alexnet-owt", 61_100_840, 714_188_480),  # torchvision.models.alexnet
        # conv 5*5*6+6, 5*5*6*16+16; fc 400*120+120, 120*84+84, 84*10+10
        ("lenet5", 156 + 2_416 + 48_120 + 10_164 + 850, 416_520),
        ("vgg16", 138_357_544, 15_470_264_320),  # torchvision.models.vgg16, as the next two
        ("resnet50", 25_557_032, 4_089_184_256),
        ("googlenet", 6_624_904, 1_498_376_192),
        # conv 5*5, or 8 of them; fc 2*2*10, or 2*2*8*10: biases are constant. Positions of conv: 4*4.
        ("digits-cnn", 25 + 40, 16 * 25 + 40),
        ("digits-cnn8", 200 + 320, 16 * 200 + 320),
        ("mlp-digits", 64 * 16 + 16 + 160 + 10, 1024 + 160),
        ("two-layer", 12 + 3 + 6 + 2, 18),
        # conv 3*3*4+4, 3*3*4*6+6; fc 24*16+16, 16*12+12, 12*10+10
        ("tiny-lenet", 40 + 222 + 400 + 204 + 130, 13_152),
        # conv 5*5*3*8+8, 9*4*16+16, 9*16*24+24, 9*12*24+24, 9*12*16+16; fc 144*32+32, 32*32+32, 32*10+10
        ("tiny-two-tower", 608 + 592 + 3_480 + 2_616 + 1_744 + 4_640 + 1_056 + 330, 1_093_176),
    ],
)
def test_networks_have_their_published_totals(name: str, parameters: int, macs: int) -> None:
    """Parameters and multiply-accumulates of one image."""
    network = topologies.load_network(name)
    assert network.name == name
    assert network.parameter_count == parameters
    assert network.macs_per_image == macs


def test_alexnet_takes_1_448_813_632_flop_forward() -> None:
    """Two for each multiply-accumulate."""
    assert topologies.load_network("alexnet").forward_flop_per_image == 1_448_813_632


def test_alexnet_layers_are_in_the_order_of_the_paper() -> None:
    """Convolution, ReLU, normalisation, pooling; two towers where the paper has two."""
    network = topologies.load_network("alexnet")
    assert " ".join(network.layers) == (
        "conv1 relu1 norm1 pool1 conv2 relu2 norm2 pool2 conv3 relu3 conv4 relu4 conv5 relu5 pool5 "
        "fc6 relu6 drop6 fc7 relu7 drop7 fc8 loss"
    )
    assert network.order == tuple(network.layers)
    groups = {
        name: layer.groups
        for name, layer in network.layers.items()
        if isinstance(layer, ConvolutionLayer | NormalizationLayer)
    }
    assert groups == {"conv1": 1, "norm1": 2, "conv2": 2, "norm2": 2, "conv3": 1, "conv4": 2, "conv5": 2}


@pytest.mark.parametrize("name", ["alexnet", "alexnet-one-gpu"])
def test_alexnet_starts_from_the_values_of_the_paper(name: str) -> None:
    """Deviation 0.01; biases of 1 in conv2, conv4, conv5, fc6 and fc7; dropout that does not scale."""
    ones = set()
    for layer, spec in topologies.load_network(name).layers.items():
        if isinstance(spec, ConvolutionLayer | FullyConnectedLayer):
            assert spec.initial.weight_deviation == 0.01
            assert spec.initial.bias in (0, 1)
            if spec.initial.bias == 1:
                ones.add(layer)
        if isinstance(spec, DropoutLayer):
            assert (spec.rate, spec.inverted) == (0.5, False)
        if isinstance(spec, NormalizationLayer):
            assert (spec.size, spec.k, spec.alpha, spec.beta) == (5, 2, 1e-4, 0.75)
    assert ones == {"conv2", "conv4", "conv5", "fc6", "fc7"}


def test_one_gpu_net_has_one_group_everywhere() -> None:
    """Channels as in the paper's footnote, and no towers."""
    layers = topologies.load_network("alexnet-one-gpu").layers
    convolutions = [layer for layer in layers.values() if isinstance(layer, ConvolutionLayer)]
    normalizations = [layer for layer in layers.values() if isinstance(layer, NormalizationLayer)]
    assert [layer.channels for layer in convolutions] == [48, 128, 192, 192, 256]
    assert {layer.groups for layer in convolutions} == {layer.groups for layer in normalizations} == {1}
    assert list(layers) == list(topologies.load_network("alexnet").layers)


def test_torchvision_drops_before_each_fully_connected_layer() -> None:
    """Its order of the classifier, with inverted dropout."""
    layers = topologies.load_network("alexnet-owt").layers
    assert list(layers)[-8:] == ["drop6", "fc6", "relu6", "drop7", "fc7", "relu7", "fc8", "loss"]
    assert all(layer.inverted for layer in layers.values() if isinstance(layer, DropoutLayer))


def test_caffenet_needs_the_memory_that_caffe_prints() -> None:
    """Caffe v0.999: "Memory required for Data 1073760256" with 22 outputs and a batch of 256."""
    network = topologies.load_network("caffenet", [Override("classes", "22")])
    assert activation_bytes(network, 256, 4)["caffe"] == 1_073_760_256


def test_caffenet_normalises_after_pooling_as_caffe_does() -> None:
    """Over all channels, with alpha divided by the size and k = 1."""
    layers = topologies.load_network("caffenet").layers
    assert list(layers)[:8] == ["conv1", "relu1", "pool1", "norm1", "conv2", "relu2", "pool2", "norm2"]
    for layer in layers.values():
        if isinstance(layer, NormalizationLayer):
            assert (layer.size, layer.k, layer.alpha, layer.beta, layer.groups) == (5, 1, 1e-4 / 5, 0.75, 1)


@pytest.mark.parametrize(("tiny", "whole"), [("tiny-lenet", "lenet5"), ("tiny-vgg", "vgg16")])
def test_tiny_networks_have_the_layers_of_the_whole(tiny: str, whole: str) -> None:
    """The same kinds in the same order."""
    small, large = (topologies.load_network(name).layers for name in (tiny, whole))
    assert [(name, layer.op) for name, layer in small.items()] == [
        (name, layer.op) for name, layer in large.items()
    ]


@pytest.mark.parametrize(("tiny", "whole"), [("tiny-resnet", "resnet50"), ("tiny-googlenet", "googlenet")])
def test_tiny_networks_have_the_kinds_of_layers_of_the_whole(tiny: str, whole: str) -> None:
    """Fewer blocks, but of the same layers."""
    small, large = (topologies.load_network(name).layers.values() for name in (tiny, whole))
    assert {layer.op for layer in small} == {layer.op for layer in large}


def test_branches_of_an_inception_module() -> None:
    """Four branches read the module's input and are joined: 64 + 128 + 32 + 32 channels of 28x28."""
    network = topologies.load_network("googlenet")
    readers = [name for name, read in network.inputs.items() if "pool3" in read]
    assert readers == [
        "inception3a_1x1_conv",
        "inception3a_3x3_down_conv",
        "inception3a_5x5_down_conv",
        "inception3a_pool",
    ]
    assert network.ops(1)["inception3a_concat"].operand("output").shape == (1, 256, 28, 28)


def test_shortcuts_of_a_residual_network() -> None:
    """A block adds what it reads, through a 1x1 convolution where the shape changes."""
    network = topologies.load_network("resnet50")
    assert network.inputs["conv3_1_add"] == ("conv3_1_c_norm", "conv3_1_shortcut_norm")
    assert network.inputs["conv3_1_shortcut_conv"] == ("conv2_3_relu",)
    assert network.inputs["conv3_2_add"] == ("conv3_2_c_norm", "conv3_1_relu")
    shapes = [network.ops(1)[f"conv{i}_1_relu"].operand("output").shape[1:] for i in (2, 3, 4, 5)]
    assert shapes == [(256, 56, 56), (512, 28, 28), (1024, 14, 14), (2048, 7, 7)]


def test_tiny_network_has_the_structure_of_alexnet() -> None:
    """The same layers in the same order with the same groups, so that one stands for the other."""
    tiny, whole = (topologies.load_network(name).layers for name in ("tiny-two-tower", "alexnet"))
    assert [(name, layer.op) for name, layer in tiny.items()] == [
        (name, layer.op) for name, layer in whole.items()
    ]
    for name, layer in tiny.items():
        other = whole[name]
        if isinstance(layer, ConvolutionLayer) and isinstance(other, ConvolutionLayer):
            assert layer.groups == other.groups
