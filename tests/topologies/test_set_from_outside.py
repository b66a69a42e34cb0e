"""``--set path=value``: what it changes, and what it says when it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

import topologies
from dataflow.cost import Roofline
from dataflow.errors import TopologyError
from dataflow.experiment import Experiment
from dataflow.hardware import Constant
from dataflow.layers import ConvolutionLayer
from dataflow.override import Override
from tests.topologies.described import cases, write_all


def loaded(*settings: str) -> Experiment:
    """The experiment of two towers with fields set from outside."""
    overrides = []
    for setting in settings:
        path, _, value = setting.partition("=")
        overrides.append(Override(path, value))
    return topologies.load("alexnet-2x-gtx580", overrides)


def test_training_and_plan_can_be_set() -> None:
    """Fields that are in the file, and fields that it leaves out."""
    experiment = loaded(
        "training.batch=64",
        "training.momentum=0.5",
        "plan.layers.fc7.on=gpu1",
        "plan.layers.fc6={on: [gpu1]}",
    )
    assert (experiment.training.batch, experiment.training.momentum) == (64, 0.5)
    assert experiment.plan.rule("fc7").on == experiment.plan.rule("fc6").on == ("gpu1",)
    assert experiment.plan.rule("conv1").shard == {"channel": "model"}
    assert experiment.overrides[0] == Override("training.batch", "64")


def test_networks_can_be_set() -> None:
    """Layers by name, list items by position, the whole network by its name."""
    experiment = loaded("network.layers.conv1.kernel=7", "network.classes=22", "network.input.1=231")
    conv1 = experiment.network.layers["conv1"]
    assert isinstance(conv1, ConvolutionLayer)
    assert (conv1.kernel, conv1.stride) == (7, 4)
    assert experiment.network.input == (3, 231, 227)
    assert experiment.network.ops(1)["fc8"].operand("output").shape == (1, 22)
    assert loaded("network=alexnet-owt").network.name == "alexnet-owt"


def test_later_settings_see_earlier_ones() -> None:
    """They are applied in turn."""
    experiment = loaded("network=caffenet", "network.classes=22", "training.batch=2", "training.batch=4")
    assert (experiment.network.name, experiment.network.classes, experiment.training.batch) == (
        "caffenet",
        22,
        4,
    )


def test_a_constant_that_is_set_has_a_new_value_and_source() -> None:
    """Its place is the setting; the constants beside it keep theirs."""
    experiment = loaded("hardware.links.pcie.bandwidth=8 GB/s")
    assert {link.bandwidth_bytes_per_s for link in experiment.hardware.links} == {8e9}
    constants = {constant.path: constant for constant in experiment.hardware.constants}
    assert constants["links.pcie.bandwidth"] == Constant(
        "links.pcie.bandwidth", "8 GB/s", "set by --set", "--set hardware.links.pcie.bandwidth=8 GB/s"
    )
    assert constants["links.pcie.latency"].where.startswith("gtx580.yaml:")


@pytest.mark.parametrize("path", ["links.pcie.bandwidth.value", "links.pcie.bandwidth"])
def test_a_constant_may_be_set_by_its_value(path: str) -> None:
    """With or without the word."""
    machine = topologies.load_hardware("gtx580", [Override(path, "8 GB/s")])
    constants = {constant.path: constant for constant in machine.constants}
    assert constants["links.pcie.bandwidth"].source == "set by --set"
    assert constants["links.pcie.bandwidth"].text == "8 GB/s"


def test_efficiencies_can_be_set_one_by_one() -> None:
    """The number that is set says so, the one beside it keeps its source; new ones need none."""
    base = "models.gtx580.compute.efficiency"
    experiment = loaded(
        f"hardware.{base}.convolution.forward.compute=0.5", f"hardware.{base}.relu.forward.memory=0.25"
    )
    cost = experiment.hardware.processors["gpu1"].cost
    assert isinstance(cost, Roofline)
    assert cost.attained("convolution", "forward").compute == 0.5
    assert cost.attained("relu", "forward").memory == 0.25
    sources = {constant.path: constant.source for constant in experiment.hardware.constants}
    assert sources[f"{base}.convolution.forward.compute"] == "set by --set"
    assert sources[f"{base}.relu.forward.memory"] == "set by --set"
    assert sources[f"{base}.convolution.forward.memory"] != "set by --set"


@pytest.mark.parametrize("path", ["classes", "network.classes"])
def test_paths_of_a_network_may_begin_with_its_kind(path: str) -> None:
    """As they are written for an experiment."""
    assert topologies.load_network("alexnet", [Override(path, "22")]).classes == 22


def test_hardware_can_be_set_whole_from_a_path(tmp_path: Path) -> None:
    """A path to one's own YAML."""
    write_all(tmp_path)
    experiment = loaded(
        f"hardware={tmp_path / 'machine.yaml'}", "plan.layers.fc8.on=chip1", "plan.layers.loss.on=chip1"
    )
    assert list(experiment.hardware.processors) == ["chip0", "chip1"]


def test_a_part_can_be_set_in_place() -> None:
    """As a mapping, which has the experiment's name."""
    layers = "{fc8: {op: fully_connected, channels: classes}, loss: {op: softmax_cross_entropy}}"
    network = loaded(f"network={{input: [3, 4, 4], classes: 2, layers: {layers}}}").network
    assert (network.name, list(network.layers)) == ("alexnet-2x-gtx580", ["fc8", "loss"])


@pytest.mark.parametrize(("setting", "expected"), cases("setting_faults"))
def test_a_setting_that_breaks_a_rule(setting: str, expected: str) -> None:
    """The setting is the place of the fault."""
    with pytest.raises(TopologyError) as caught:
        loaded(setting)
    first, *listed = str(caught.value).split("\n")
    assert first.startswith("alexnet-2x-gtx580.yaml: ")
    assert f"  - --set {setting}: {expected}" in listed


@pytest.mark.parametrize(("setting", "expected"), cases("setting_errors"))
def test_a_setting_that_leads_nowhere(setting: str, expected: str) -> None:
    """The nearest path is named."""
    with pytest.raises(TopologyError) as caught:
        loaded(setting)
    assert str(caught.value) == f"--set {setting}: {expected}"


def test_a_layer_that_is_not_there_is_not_invented() -> None:
    """Setting a field of it names the nearest layer."""
    with pytest.raises(TopologyError, match=r"there is no 'network\.layers\.conv9'; did you mean 'conv5'\? "):
        loaded("network.layers.conv9.kernel=5")
