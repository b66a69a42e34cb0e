"""Descriptions that change others: mappings merge, all else is replaced, lines follow their files."""

from __future__ import annotations

from pathlib import Path

import topologies
from tests.topologies.described import EXPERIMENT, HARDWARE, NETWORK, changed, faults, message, write_all


def test_mappings_merge_and_new_layers_come_last(tmp_path: Path) -> None:
    """The parent's layers stay in their order; the child's values win."""
    write_all(tmp_path)
    child = tmp_path / "child.yaml"
    child.write_text(
        "kind: network\nextends: ./net.yaml\nclasses: 5\nlayers:\n"
        "  extra: {op: relu, input: conv}\n"
        "  conv: {channels: 6}\n"
        "  fc: {input: extra}\n"
    )
    network = topologies.load_network(str(child))
    assert list(network.layers) == ["conv", "fc", "loss", "extra"]
    assert network.order == ("conv", "extra", "fc", "loss")
    ops = network.ops(1)
    assert ops["conv"].operand("weight").shape == (6, 3, 3, 3)
    assert ops["fc"].operand("output").shape == (1, 5)


def test_lists_are_replaced(tmp_path: Path) -> None:
    """A child's list of connections is all there is."""
    write_all(tmp_path)
    child = tmp_path / "child.yaml"
    child.write_text(
        "kind: hardware\nextends: machine.yaml\nprocessors: {chip2: {model: chip}}\n"
        "links: {bus: {connects: [[chip0, chip1], [chip1, chip2], [chip2, host]]}}\nswitches: []\n"
    )
    machine = topologies.load_hardware(str(child))
    assert list(machine.processors) == ["chip0", "chip1", "chip2"]
    assert [link.name for link in machine.links[::2]] == ["chip0->chip1", "chip1->chip2", "chip2->host"]
    assert {link.bandwidth_bytes_per_s for link in machine.links} == {6e9}


def test_another_value_needs_another_source(tmp_path: Path) -> None:
    """The source of the parent's value says nothing of the child's."""
    write_all(tmp_path)
    child = tmp_path / "child.yaml"
    text = 'kind: hardware\nextends: ./machine.yaml\nlinks:\n  bus:\n    bandwidth: {value: "8 GB/s"}\n'
    child.write_text(text)
    assert faults(topologies.load_hardware, child) == [
        (
            "child.yaml:5: hardware.links.bus.bandwidth.source: is missing; "
            "say who measured or published the value, or that it is assumed"
        )
    ]
    child.write_text(changed(text, "GB/s", 'GB/s", source: "measured'))
    assert topologies.load_hardware(str(child)).links[0].bandwidth_bytes_per_s == 8e9


def test_faults_are_where_the_values_were_written(tmp_path: Path) -> None:
    """In the parent's file or the child's."""
    write_all(tmp_path, network=changed(NETWORK, "classes: 10", "classes: 0"))
    child = tmp_path / "child.yaml"
    child.write_text("kind: network\nextends: ./net.yaml\nlayers:\n  conv: {kernel: 0}\n")
    assert [fault.replace(f"{tmp_path}/", "") for fault in faults(topologies.load_network, child)] == [
        "child.yaml:4: network.layers.conv.kernel: must be more than 0, got 0",
        "net.yaml:3: network.classes: must be more than 0, got 0",
    ]


def test_an_experiment_changes_a_part_of_the_one_it_extends(tmp_path: Path) -> None:
    """A mapping changes the parent's network; a name replaces it."""
    write_all(tmp_path)
    child = tmp_path / "child.yaml"
    child.write_text(
        "kind: experiment\nextends: ./exp.yaml\nnetwork: {classes: 7}\n"
        'hardware: {links: {bus: {bandwidth: {value: "8 GB/s", source: s}}}}\ntraining: {steps: 2}\n'
    )
    experiment = topologies.load(str(child))
    assert (experiment.name, experiment.network.name, experiment.network.classes) == ("child", "net", 7)
    assert (experiment.training.batch, experiment.training.steps) == (4, 2)
    assert experiment.hardware.links[0].bandwidth_bytes_per_s == 8e9
    other = changed(NETWORK, "  conv: {op: convolution, channels: 4, kernel: 3}\n", "")
    (tmp_path / "other.yaml").write_text(other)
    child.write_text("kind: experiment\nextends: ./exp.yaml\nnetwork: ./other.yaml\n")
    assert list(topologies.load(str(child)).network.layers) == ["fc", "loss"]


def test_an_experiment_may_contain_its_parts(tmp_path: Path) -> None:
    """Whole, or changes of what they extend; without a name they have the experiment's."""
    path = tmp_path / "all.yaml"
    path.write_text(
        "kind: experiment\n"
         "network:\n" + "".join(f"  {line}\n" for line in NETWORK.splitlines())
        + "hardware: {kind: hardware, extends: gtx580, name: slow,\n"
        + '  links: {pcie: {bandwidth: {value: "1 GB/s", source: assumed}}}}\n'
    )  # fmt: skip
    experiment = topologies.load(str(path))
    assert (experiment.name, experiment.network.name, experiment.hardware.name) == ("all", "all", "slow")
    assert experiment.hardware.links[0].bandwidth_bytes_per_s == 1e9


def test_paths_start_where_they_are_written(tmp_path: Path) -> None:
    """Not where the program runs, nor where the extending file is."""
    (tmp_path / "deep").mkdir()
    write_all(tmp_path / "deep")
    child = tmp_path / "child.yaml"
    child.write_text("kind: experiment\nextends: deep/exp.yaml\n")
    assert topologies.load(str(child)).network.name == "net"


def test_a_file_cannot_extend_itself(tmp_path: Path) -> None:
    """Neither directly nor around several files."""
    for name, parent in (("a", "b"), ("b", "c"), ("c", "a")):
        (tmp_path / f"{name}.yaml").write_text(f"kind: network\nextends: ./{parent}.yaml\n")
    assert message(topologies.load_network, tmp_path / "a.yaml") == (
        "c.yaml:2: extends itself: a.yaml -> b.yaml -> c.yaml -> a.yaml; one of them must stand alone"
    )


def test_what_is_named_must_be_there_and_of_the_right_kind(tmp_path: Path) -> None:
    """The message starts with the line that names it."""
    child = tmp_path / "child.yaml"
    for line, expected in (
        ("extends: 3", "child.yaml:2: extends: must be the name of an experiment or a path, got 3"),
        ("extends: ./no.yaml", "child.yaml:2: there is no such file: no.yaml"),
        ("network: ./no.yaml", "child.yaml:2: there is no such file: no.yaml"),
        ("network: gtx580", "child.yaml:2: 'gtx580' is of kind hardware, but a network is needed here"),
        ("network: {kind: hardware}", "child.yaml:2: is of kind hardware, but a network is needed here"),
        ("hardware: ./net.yaml", "net.yaml:1: is of kind network, but a hardware is needed here"),
    ):
        write_all(tmp_path)
        child.write_text(f"kind: experiment\n{line}\n")
        assert message(topologies.load, child) == expected
    child.write_text("kind: experiment\nnetwork: alexnt\n")
    assert message(topologies.load, child).startswith(
        "child.yaml:2: no network is called 'alexnt'; did you mean 'alexnet'? There are: alexnet, "
    )


def test_a_part_of_another_kind_is_refused_where_it_would_merge(tmp_path: Path) -> None:
    """Also in an experiment that extends another."""
    write_all(tmp_path)
    child = tmp_path / "child.yaml"
    child.write_text("kind: experiment\nextends: ./exp.yaml\nnetwork: {kind: hardware}\n")
    assert (
        message(topologies.load, child) == "child.yaml:3: is of kind hardware, but a network is needed here"
    )


def test_one_processor_may_stand_without_a_list(tmp_path: Path) -> None:
    """``on: chip0`` is ``on: [chip0]``."""
    plan = topologies.load(write_all(tmp_path)).plan
    listed = changed(EXPERIMENT, "{on: chip0}", "{on: [chip0]}")
    assert plan == topologies.load(write_all(tmp_path, experiment=listed)).plan
    assert plan.layers["fc"].on == ("chip0",)


def test_hardware_is_the_same_when_split_over_two_files(tmp_path: Path) -> None:
    """Extending and changing nothing gives what was extended."""
    write_all(tmp_path, hardware=changed(HARDWARE, "kind: hardware", "kind: hardware\nname: same"))
    child = tmp_path / "child.yaml"
    child.write_text("kind: hardware\nname: same\nextends: ./machine.yaml\n")
    assert topologies.load_hardware(str(child)) == topologies.load_hardware(str(tmp_path / "machine.yaml"))
