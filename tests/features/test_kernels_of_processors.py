"""Which layer is meant, who computes which of its channels, and where their tiles stand in a picture."""

from __future__ import annotations

import numpy as np
import pytest

import topologies
from dataflow.errors import OptionError
from dataflow.features.kernels import has_kernels, kernels_of
from dataflow.features.layers import features_layer, kernels_layer, named_layer, scores_layer
from dataflow.features.shares import Share, shares_of
from dataflow.plan import Plan
from reports.kernels_layout import TITLE_PX, layout
from reports.kernels_picture import pictures_of
from tests.engine.worlds import (
    BATCH_OVER_TWO,
    DROPOUT,
    RELU,
    ROWS_OVER_TWO,
    TOWERS,
    alexnet,
    conv,
    experiment,
    fc,
    gpus,
    network,
    placed,
)

TWO = (Share(("gpu0",), (0, 48)), Share(("gpu1",), (48, 96)))


@pytest.mark.parametrize(
    ("name", "features", "kernels", "scores"),
    [
        ("alexnet", "relu7", "conv1", "fc8"),
        ("alexnet-mini", "relu7", "conv1", "fc8"),
        ("vgg16", "relu7", "conv1_1", "fc8"),
        ("resnet50", "pool", "conv1_conv", "fc"),
        ("mlp-digits", "relu", "hidden", "fc"),
    ],
)
def test_layers_that_are_meant_when_nobody_says(name: str, features: str, kernels: str, scores: str) -> None:
    """Features are of the last hidden layer, after its activation function and before dropout."""
    net = topologies.load_network(name)
    found = features_layer(net), kernels_layer(net), scores_layer(net)
    assert found == (features, kernels, scores)


def test_layers_that_there_are_not() -> None:
    """The nearest name is told; the loss has no activations; one layer alone has nothing hidden."""
    with pytest.raises(OptionError, match=r"--layer fc77: network 'alexnet' has no such layer; did you mean"):
        named_layer(alexnet(), "fc77")
    with pytest.raises(OptionError, match="--layer loss: is the loss, which has no activations; its scores"):
        named_layer(alexnet(), "loss")
    with pytest.raises(OptionError, match="has no hidden layer: 'fc', the only one that learns, reads the"):
        features_layer(network({"drop": DROPOUT, "fc": fc(2)}))


@pytest.mark.parametrize(
    ("plan", "shares"),
    [
        (TOWERS, TWO),
        (BATCH_OVER_TWO, (Share(("gpu0", "gpu1"), (0, 96)),)),
        (ROWS_OVER_TWO, (Share(("gpu0", "gpu1"), (0, 96)),)),
        (Plan(), (Share(("gpu0",), (0, 96)),)),
    ],
)
def test_who_computes_which_channels(plan: Plan, shares: tuple[Share, ...]) -> None:
    """Two towers have half the channels each; where batch or rows are split, both GPUs have all of them."""
    world = placed(experiment(alexnet(), gpus(2 if plan.mesh else 1), plan))
    assert shares_of(world, "conv1") == shares
    assert shares_of(world, "relu1") == shares


def test_features_of_vectors_are_shared_too() -> None:
    """fc7's 4,096 outputs are of two towers; fc8 is on one GPU."""
    world = placed(experiment(alexnet(), gpus(2), TOWERS))
    assert shares_of(world, "fc7") == (Share(("gpu0",), (0, 2048)), Share(("gpu1",), (2048, 4096)))
    assert shares_of(world, "fc8") == (Share(("gpu0",), (0, 1000)),)


def test_the_kernels_of_the_paper() -> None:
    """96 kernels of two GPUs: a set above the other, each in three rows of 16, as in the paper's figure 3."""
    places = layout(TWO, (66, 66), columns=16, what="kernels")
    first, second = places.sets
    assert (first.title, second.title) == ("gpu0: kernels 0 to 47", "gpu1: kernels 48 to 95")
    assert (first.columns, second.columns) == (16, 16)
    corners = [places.corner(first, channel) for channel in range(48)]
    assert sorted({y for _, y in corners}) == [TITLE_PX, TITLE_PX + 70, TITLE_PX + 140]
    assert sorted({x for x, _ in corners}) == [70 * column for column in range(16)]
    assert places.corner(first, 17) == (70, TITLE_PX + 70)
    # Below the first set's three rows and a gap comes the title of the second.
    assert second.top == first.top + 3 * 70 + 26 + TITLE_PX
    assert places.corner(second, 48) == (0, second.top)
    assert places.size[0] == 16 * 70


@pytest.mark.parametrize(("count", "columns"), [(8, 8), (16, 16), (17, 9), (24, 12), (64, 16), (1, 1)])
def test_rows_are_about_equally_long(count: int, columns: int) -> None:
    """As few rows of at most 16 as there can be, and no last row of one tile."""
    (only,) = layout([Share(("p0",), (0, count))], (10, 10), columns=16, what="kernels").sets
    assert only.columns == columns


def test_sets_of_many_cores_flow_and_do_not_overlap() -> None:
    """Twelve cores with two channels each stand beside one another, in rows that end at the widest."""
    shares = [Share((f"core{n}",), (2 * n, 2 * n + 2)) for n in range(12)]
    places = layout(shares, (40, 40), columns=16, what="kernels")
    boxes = [(tiles.left, tiles.top - TITLE_PX, tiles.left + 2 * 44, tiles.top + 44) for tiles in places.sets]
    assert len({top for _, top, _, _ in boxes}) > 1
    assert all(right <= 16 * 44 for _, _, right, _ in boxes)
    for number, (left, top, right, bottom) in enumerate(boxes):
        others = boxes[number + 1 :]
        assert all(r <= left or right <= x or b <= top or bottom <= y for x, y, r, b in others)


def test_a_plan_that_does_not_split_channels_is_told_so() -> None:
    """Who computes with the same kernels is named, of many the first and the last."""
    (both,) = layout([Share(("gpu0", "gpu1"), (0, 3))], (9, 9), columns=16, what="kernels").sets
    assert both.title == "gpu0, gpu1 together: kernels 0 to 2"
    many = Share(tuple(f"core{n}" for n in range(16)), (5, 6))
    (all_of_them,) = layout([many], (9, 9), columns=16, what="channels").sets
    assert all_of_them.title == "core0, core1, ... core15 together: channel 5"


def test_each_kernel_is_scaled_to_itself() -> None:
    """0 is middle grey; the largest magnitude, over all channels, is 0 or 1; one of zeros stays grey."""
    weights = np.zeros((3, 3, 1, 2))
    weights[0, :, 0, 0] = (-4.0, 2.0, 1.0)
    weights[1, 0, 0, 1] = 1e-6
    pictures = pictures_of(weights)
    assert pictures.shape == (3, 1, 2, 3)
    assert pictures[0, 0, 0].tolist() == [0.0, 0.75, 0.625]
    assert pictures[0, 0, 1].tolist() == [0.5, 0.5, 0.5]
    assert pictures[1, 0, 1].tolist() == [1.0, 0.5, 0.5]
    assert np.all(pictures[2] == 0.5)
    grey = pictures_of(np.array([[[[1.0, -2.0]]]]))
    assert grey.tolist() == [[[[0.75] * 3, [0.0] * 3]]]


def test_what_has_no_kernels_to_show() -> None:
    """Layers without weights, weights that are no kernels, kernels of many channels: each is told."""
    net = network({"conv1": conv(4, 3), "relu1": RELU, "conv2": conv(2, 3), "fc": fc(5)}, (3, 8, 8), 5)
    world = placed(experiment(net, gpus(1)))
    state = {"conv1.weight": np.ones((4, 3, 3, 3)), "conv2.weight": np.ones((2, 4, 3, 3))}

    def kernels(layer: str | None) -> Share:
        return kernels_of(world, state, experiment="world", source="w.npz", layer=layer).shares[0]

    assert kernels(None) == Share(("gpu0",), (0, 4))
    assert has_kernels(net)
    with pytest.raises(OptionError, match="--layer relu1: has no kernels; the first that learns is 'conv1'"):
        kernels("relu1")
    with pytest.raises(OptionError, match="--layer conv2: its kernels have 4 channels of 'relu1', but"):
        kernels("conv2")
    wide = network({"conv1": conv(4, 3), "fc": fc(5)}, (2, 8, 8), 5)
    assert not has_kernels(wide)
    with pytest.raises(
        OptionError, match=r"its kernels have 2 channels, but .*; features and activations remain"
    ):
        kernels_of(placed(experiment(wide, gpus(1))), {}, experiment="wide", source="w.npz")
    flat = network({"fc": fc(5)}, (2, 1, 1), 5)
    assert not has_kernels(flat)
