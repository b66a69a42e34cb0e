"""Blocks: layers written once and put in place wherever they are used."""

from __future__ import annotations

from pathlib import Path

import pytest

import topologies
from dataflow.layers import ConvolutionLayer
from dataflow.network import Network
from dataflow.override import Override
from tests.topologies.described import changed, faults, message, write_all

BLOCKS = """\
kind: network
input: [3, 8, 8]
classes: 10
blocks:
  unit:
    default: {kernel: 1}
    layers:
      conv: {op: convolution, channels: $channels, kernel: $kernel, pad: $pad}
      relu: {op: relu}
  shortcut:
    layers:
      a: {use: unit, channels: $inner, pad: 0}
      b: {use: unit, channels: 4, kernel: 3, pad: 1}
      add: {op: add, input: [b, input]}
layers:
  first: {use: unit, channels: 4, pad: 0}
  one: {use: shortcut, inner: 2}
  two: {use: shortcut, inner: 3, input: first}
  sum: {op: add, input: [one, two]}
  fc: {op: fully_connected, channels: classes}
  loss: {op: softmax_cross_entropy}
"""


def read(tmp_path: Path, text: str = BLOCKS, *overrides: Override) -> Network:
    """The network of a text."""
    path = tmp_path / "net.yaml"
    path.write_text(text)
    return topologies.load_network(str(path), overrides)


def test_every_use_becomes_the_layers_of_its_block(tmp_path: Path) -> None:
    """Names go on from the use's; ``input`` is what the use reads, a use's name its last layer."""
    network = read(tmp_path)
    assert dict(network.inputs) == {
        "first_conv": ("data",),
        "first_relu": ("first_conv",),
        "one_a_conv": ("first_relu",),
        "one_a_relu": ("one_a_conv",),
        "one_b_conv": ("one_a_relu",),
        "one_b_relu": ("one_b_conv",),
        "one_add": ("one_b_relu", "first_relu"),
        "two_a_conv": ("first_relu",),
        "two_a_relu": ("two_a_conv",),
        "two_b_conv": ("two_a_relu",),
        "two_b_relu": ("two_b_conv",),
        "two_add": ("two_b_relu", "first_relu"),
        "sum": ("one_add", "two_add"),
        "fc": ("sum",),
        "loss": ("fc",),
    }


def test_values_are_put_in_place(tmp_path: Path) -> None:
    """A use's value, one handed on by the block around it, or the default."""
    layers = read(tmp_path).layers
    convolutions = {name: spec for name, spec in layers.items() if isinstance(spec, ConvolutionLayer)}
    assert {name: (spec.channels, spec.kernel, spec.pad) for name, spec in convolutions.items()} == {
        "first_conv": (4, 1, 0),
        "one_a_conv": (2, 1, 0),
        "one_b_conv": (4, 3, 1),
        "two_a_conv": (3, 1, 0),
        "two_b_conv": (4, 3, 1),
    }


def test_a_layer_of_a_block_can_be_set_from_outside(tmp_path: Path) -> None:
    """By the name it has in the network, and alone."""
    layers = read(tmp_path, BLOCKS, Override("layers.one_a_conv.channels", "5")).layers
    channels = [layers[name].channels for name in ("one_a_conv", "two_a_conv")]  # type: ignore[union-attr]
    assert channels == [5, 3]


def test_a_network_with_blocks_can_be_extended(tmp_path: Path) -> None:
    """The child changes layers of the whole network."""
    read(tmp_path)
    child = tmp_path / "child.yaml"
    child.write_text("kind: network\nextends: ./net.yaml\nlayers: {two_a_conv: {channels: 7}}\n")
    network = topologies.load_network(str(child))
    assert network.ops(1)["two_a_conv"].operand("output").shape == (1, 7, 8, 8)
    assert len(network.layers) == 15


def test_an_experiment_may_use_blocks_in_its_network(tmp_path: Path) -> None:
    """Also where it changes the network of the experiment that it extends."""
    path = write_all(tmp_path)
    child = tmp_path / "child.yaml"
    child.write_text(
        f"kind: experiment\nextends: {path}\nnetwork:\n"
        "  blocks: {unit: {layers: {relu: {op: relu}, tanh: {op: tanh}}}}\n"
        "  layers: {extra: {use: unit, input: conv}, fc: {input: extra}}\n"
        'plan: {layers: {"extra_*": {}}}\n'
    )
    network = topologies.load(str(child)).network
    assert network.order == ("conv", "extra_relu", "extra_tanh", "fc", "loss")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "use: unit, channels: 4, pad: 0}\n  one",
            "use: unt, channels: 4}\n  one",
            (
                "net.yaml:16: network.layers.first: there is no block 'unt'; did you mean 'unit'? "
                "there are: unit, shortcut"
            ),
        ),
        (
            "first: {use: unit, channels: 4, pad: 0}",
            "first: {use: unit, channels: 4}",
            "net.yaml:16: network.layers.first: block 'unit' needs a value for $pad; write pad: VALUE",
        ),
        (
            "inner: 2}",
            "inner: 2, outer: 3}",
            "net.yaml:17: network.layers.one: block 'shortcut' has no $outer; its values are: inner",
        ),
        (
            "  sum:",
            "  one_add: {op: relu}\n  sum:",
            "net.yaml:19: network.layers.one_add: is there twice; a use makes one of this name",
        ),
    ],
)
def test_uses_that_are_wrong(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """The fault is at the line of the use, and says which block and which value."""
    path = tmp_path / "net.yaml"
    path.write_text(changed(BLOCKS, old, new))
    assert expected in faults(topologies.load_network, path)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            "a: {use: unit, channels: $inner, pad: 0}",
            "a: {use: shortcut, inner: $inner}",
            "net.yaml:12: block 'shortcut' uses itself: shortcut -> shortcut",
        ),
        (
            "  unit:\n    default: {kernel: 1}\n    layers:",
            "  unit:\n    default: {kernel: 1}\n    layer:",
            (
                "net.yaml:5: network.blocks.unit: must have 'layers', and may have 'default', a mapping of "
                "values for those that a use leaves out; got default, layer"
            ),
        ),
    ],
)
def test_blocks_that_are_none(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """Nothing else can be read, so this is said alone."""
    path = tmp_path / "net.yaml"
    path.write_text(changed(BLOCKS, old, new))
    assert message(topologies.load_network, path) == expected


def test_a_wrong_value_in_a_block_is_at_its_line(tmp_path: Path) -> None:
    """That of the block when it is written there, that of the use when the use gives it."""
    path = tmp_path / "net.yaml"
    path.write_text(
        changed(
            changed(BLOCKS, "op: relu", "op: relo"),
            "first: {use: unit, channels: 4",
            "first: {use: unit, channels: 0",
        )
    )
    found = faults(topologies.load_network, path)
    assert "net.yaml:16: network.layers.first_conv.channels: must be more than 0, got 0" in found
    assert any(
        fault.startswith("net.yaml:9: network.layers.first_relu: there is no op 'relo'") for fault in found
    )
