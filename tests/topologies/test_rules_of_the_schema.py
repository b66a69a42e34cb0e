"""Descriptions that break a rule: every fault at once, each with its line, its value and a hint."""

from __future__ import annotations

from pathlib import Path

import pytest

import topologies
from tests.topologies.described import EXPERIMENT, NETWORK, cases, changed, faults, write_all


@pytest.mark.parametrize(("old", "new", "expected"), cases("network_faults"))
def test_a_network_that_breaks_a_rule(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """The fault is listed with its line."""
    path = tmp_path / "x.yaml"
    path.write_text(changed(NETWORK, old, new))
    assert f"x.yaml:{expected}" in faults(topologies.load_network, path)


@pytest.mark.parametrize(("old", "new", "expected"), cases("experiment_faults"))
def test_an_experiment_that_breaks_a_rule(tmp_path: Path, old: str, new: str, expected: str) -> None:
    """Faults of the plan are at the line of the plan, and say where the hardware is."""
    path = write_all(tmp_path, experiment=changed(EXPERIMENT, old, new))
    assert expected in [fault.replace(f"{tmp_path}/", "") for fault in faults(topologies.load, path)]


def test_all_faults_of_all_files_come_at_once(tmp_path: Path) -> None:
    """In the order of files and lines."""
    path = write_all(
        tmp_path,
        network=changed(changed(NETWORK, "kernel: 3", "kernl: 3"), "classes: 10", "classes: 0"),
        experiment=changed(EXPERIMENT, "batch: 4", "batch: 0"),
    )
    assert [fault.split(" ")[0:2] for fault in faults(topologies.load, path)] == [
        ["exp.yaml:11:", "training.batch:"],
        ["net.yaml:3:", "network.classes:"],
        ["net.yaml:5:", "network.layers.conv.kernel:"],
        ["net.yaml:5:", "network.layers.conv.kernl:"],
    ]


def test_several_faults_of_the_engine_come_at_once(tmp_path: Path) -> None:
    """Each at the line of its layer."""
    path = tmp_path / "x.yaml"
    path.write_text(
        changed(changed(NETWORK, "kernel: 3", "kernel: 3, input: a"), "classes}", "classes, input: b}")
    )
    assert [fault.split(":")[1] for fault in faults(topologies.load_network, path)] == ["5", "6"]
