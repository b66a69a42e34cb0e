"""Where layers stand in the picture of a network, and how arrows find their way between them."""

from __future__ import annotations

from itertools import pairwise

import pytest

import topologies
from reports.network_layout import BOX_IN, layout, route
from reports.network_picture import boxes_of
from reports.network_table import network_json, show_network
from tests.reports.test_report_tables import text
from topologies.find import shipped_files

Inputs = dict[str, tuple[str, ...]]

INCEPTION: Inputs = {
    "data": (),
    "fork": ("data",),
    "a1": ("fork",),
    "b1": ("fork",),
    "b2": ("b1",),
    "c1": ("fork",),
    "c2": ("c1",),
    "c3": ("c2",),
    "join": ("a1", "b2", "c3"),
    "end": ("join",),
}


def inputs_of(name: str) -> Inputs:
    """What each box of a shipped network's picture reads."""
    network = topologies.load_network(name)
    boxes = boxes_of(network, network.ops(1))
    box = {layer: first for first, layers in boxes.items() for layer in layers}
    read = {first: tuple(box.get(source, source) for source in network.inputs[first]) for first in boxes}
    return {"data": (), **read}


def crossed(inputs: Inputs) -> list[str]:
    """The boxes that an arrow passes through on its way between two others."""
    places = layout(inputs)
    found: list[str] = []
    for name, sources in inputs.items():
        for source in sources:
            for (x0, y0), (x1, y1) in pairwise(route(source, name, places)):
                found += [
                    f"{source} -> {name} through {other}"
                    for other, place in places.items()
                    if other not in (source, name)
                    and min(x0, x1) < place.x + BOX_IN[0] / 2
                    and max(x0, x1) > place.x - BOX_IN[0] / 2
                    and min(y0, y1) < place.y + BOX_IN[1] / 2
                    and max(y0, y1) > place.y - BOX_IN[1] / 2
                ]
    return found


def test_branches_keep_their_lanes() -> None:
    """Each branch goes straight down, one beside the other; fork and join are in the middle."""
    places = layout(INCEPTION)
    assert places["b1"].x == places["b2"].x
    assert places["c1"].x == places["c2"].x == places["c3"].x
    assert places["a1"].x < places["b1"].x < places["c1"].x
    assert places["fork"].x == places["join"].x == places["b1"].x
    assert [places[name].row for name in ("fork", "a1", "b2", "c3", "join", "end")] == [1, 2, 3, 4, 5, 6]


def test_columns_end_where_the_network_is_one_node_wide() -> None:
    """The first node of a column reads the last of the one before and nothing else leads there."""
    inputs = inputs_of("resnet50")
    places = layout(inputs)
    assert max(place.column for place in places.values()) > 2
    for name, sources in inputs.items():
        for source in sources:
            if places[source].column != places[name].column:
                column = [place.row for place in places.values() if place.column == places[source].column]
                assert places[source].row == max(column)
                assert places[name].column == places[source].column + 1


@pytest.mark.parametrize("name", shipped_files("network"))
def test_no_arrow_passes_through_a_box(name: str) -> None:
    """Arrows go around what stands between the two that they join."""
    assert crossed(inputs_of(name)) == []


@pytest.mark.parametrize("name", shipped_files("network"))
def test_no_two_boxes_share_a_place(name: str) -> None:
    """Every box has a place of its own, below all that it reads or in a later column."""
    inputs = inputs_of(name)
    places = layout(inputs)
    assert len({(place.x, place.y) for place in places.values()}) == len(places) == len(inputs)
    for box, sources in inputs.items():
        for source in sources:
            assert (places[source].column, places[source].row) < (places[box].column, places[box].row)


def test_large_networks_draw_what_follows_an_op_in_its_box() -> None:
    """A convolution, its normalisation and its ReLU are one box; small networks keep a box a layer."""
    network = topologies.load_network("tiny-resnet")
    boxes = boxes_of(network, network.ops(1))
    assert boxes["conv2_1_a_conv"] == ("conv2_1_a_conv", "conv2_1_a_norm", "conv2_1_relu_a")
    assert boxes["conv2_1_add"] == ("conv2_1_add", "conv2_1_relu")
    assert sorted(name for names in boxes.values() for name in names) == sorted(network.layers)
    small = topologies.load_network("alexnet")
    assert all(names == (first,) for first, names in boxes_of(small, small.ops(1)).items())


def test_the_table_says_what_joins_read() -> None:
    """Only where it is not the layer above; the beginning of the layer's own name is left out."""
    shown = text(show_network(topologies.load_network("tiny-resnet"), 8, 4))
    row = {line.split()[0]: line.split()[1:4] for line in shown.splitlines() if line.startswith("conv")}
    assert row["conv2_1_a_conv"][:2] == ["conv", "4x6x6"]
    assert row["conv2_1_shortcut_conv"] == ["conv", "pool1", "8x6x6"]
    assert row["conv2_1_add"][:2] == ["add", "\N{HORIZONTAL ELLIPSIS}c_norm,"]
    assert max(len(line.rstrip()) for line in shown.splitlines()) <= 100
    assert "reads: nothing for the layer above" in shown


def test_a_shared_weight_counts_once_in_the_table() -> None:
    """The layers' parameters add up to the network's."""
    document = network_json(topologies.load_network("tiny-gpt2"), 8, 4)
    assert sum(layer["parameters"] for layer in document["layers"]) == document["parameters"]
