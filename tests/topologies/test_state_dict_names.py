"""What layers are called in PyTorch's state dicts: names, beginnings of names, and their faults."""

from __future__ import annotations

from pathlib import Path

import pytest

import topologies
from dataflow.errors import TopologyError
from dataflow.network import Network

NETWORK = """\
kind: network
input: [3, 8, 8]
classes: 10
blocks:
  unit: {layers: {conv: {op: convolution, channels: 4, kernel: 1}, norm: {op: batch_normalization}}}
layers:
  first: {use: unit}
  one: {use: unit}
  fc: {op: fully_connected, channels: classes}
  loss: {op: softmax_cross_entropy}
state_dict:
  first_*: stem.*
  one_*: layer1.0.*
  conv: conv1
  one_norm: layer1.0.bn
"""


def read(folder: Path, text: str = NETWORK) -> Network:
    """The network of a text."""
    path = folder / "net.yaml"
    path.write_text(text)
    return topologies.load_network(str(path))


def test_beginnings_go_on_with_what_the_rest_is_called(tmp_path: Path) -> None:
    """A layer's own name goes before a beginning, and a rest that has no name stays as it is."""
    network = read(tmp_path)
    assert {layer: network.state_dict_name(layer) for layer in network.layers} == {
        "first_conv": "stem.conv1",
        "first_norm": "stem.norm",
        "one_conv": "layer1.0.conv1",
        "one_norm": "layer1.0.bn",
        "fc": None,
        "loss": None,
    }


def test_the_longest_beginning_counts(tmp_path: Path) -> None:
    """``first_c*`` is nearer to first_conv than ``first_*``."""
    network = read(tmp_path, NETWORK + "  first_c*: other.*\n")
    assert network.state_dict_name("first_conv") == "other.onv"
    assert network.state_dict_name("first_norm") == "stem.norm"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("fcc: out", "16: network: state_dict 'fcc' names no layer that has weights; did you mean 'fc'?"),
        (
            "loss: out",
            "16: network: state_dict 'loss' names no layer that has weights (there are: first_conv, ",
        ),
        (
            "fc: stem.conv1",
            "16: network: state_dict 'fc': layers 'first_conv' and 'fc' would both be 'stem.conv1'",
        ),
        (
            "fc*: out",
            "16: network: state_dict 'fc*': 'out': '*' may stand at the end, of both names or of neither",
        ),
        ("f*c: out.*", "16: network: state_dict 'f*c': 'out.*': '*' may stand at the end"),
        ("fc: ''", "16: network.state_dict.fc: must not be empty"),
        ("fc: [a]", "16: network.state_dict.fc: must be a text, got a list of 1"),
    ],
)
def test_faults_have_a_line(tmp_path: Path, line: str, fault: str) -> None:
    """What names nothing, or two layers, or is no name, with file and line."""
    with pytest.raises(TopologyError) as caught:
        read(tmp_path, f"{NETWORK}  {line}\n")
    assert f"net.yaml:{fault}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "layer", "called"),
    [
        ("alexnet-owt", "fc6", "classifier.1"),
        ("vgg16", "conv5_3", "features.28"),
        ("resnet50", "conv4_6_c_norm", "layer3.5.bn3"),
        ("resnet50", "conv5_1_shortcut_conv", "layer4.0.downsample.0"),
    ],
)
def test_shipped_networks_have_torchvision_s_names(name: str, layer: str, called: str) -> None:
    """Every layer with weights has a name, such as these."""
    network = topologies.load_network(name)
    assert network.state_dict_name(layer) == called
    assert all(network.state_dict_name(each) for each in network.layers if network.parameters(each))
