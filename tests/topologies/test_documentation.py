"""What docs/yaml.md shows can be read, and what it says of defaults holds."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

import topologies
from dataflow.errors import TopologyError
from dataflow.experiment import Training
from dataflow.override import Override
from dataflow.recipe import PAPER, PYTORCH, Augmentation, Conventions, Schedule

TEXT = (Path(topologies.__file__).parents[1] / "docs" / "yaml.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
SETTINGS = re.findall(r'^--set ([\w.]+)="?([^"\n]+)"?$', TEXT, re.MULTILINE)


@pytest.mark.parametrize("block", BLOCKS)
def test_examples_can_be_loaded(block: str, tmp_path: Path) -> None:
    """Each by its kind."""
    path = tmp_path / "example.yaml"
    path.write_text(block)
    readers = {
        "network": topologies.load_network,
        "hardware": topologies.load_hardware,
        "experiment": topologies.load,
        "packets": topologies.load_packets,
    }
    assert readers[topologies.kind_of(str(path))](str(path))


@pytest.mark.parametrize(("path", "value"), SETTINGS)
def test_settings_can_be_set(path: str, value: str) -> None:
    """Each alone on the experiment of two towers."""
    assert topologies.load("alexnet-2x-gtx580", [Override(path, value)])


def test_there_are_examples() -> None:
    """The patterns above find what they look for."""
    assert (len(BLOCKS), len(SETTINGS)) == (10, 8)


def test_the_example_of_faults_is_real(tmp_path: Path) -> None:
    """Word for word."""
    path = tmp_path / "net.yaml"
    path.write_text(
        "kind: network\ninput: [3, 8, 8]\nclasses: 10\nlayers:\n"
        "  conv1: {op: convolution, channels: 4, kernel: 0}\n"
        "  fc8: {op: fully_connected, channels: classes, chanels: 3}\n"
        "  loss: {op: softmax_cross_entropy}\n"
    )
    with pytest.raises(TopologyError) as caught:
        topologies.load_network(str(path))
    assert str(caught.value).replace(f"{tmp_path}/", "") in TEXT


def test_the_defaults_of_training_are_those_of_the_code() -> None:
    """In the order of the table."""
    table = TEXT[TEXT.index("| key of `training`") : TEXT.index("`backend` names")]
    names, values = [], []
    for row in table.strip().splitlines()[2:]:
        _, keys, defaults, _ = row.split("|")
        words = [word.strip("`") for word in re.findall(r"`(\w+)`", keys.split(":")[0])]
        names += words
        values += [default.strip(" `") for default in defaults.split(",")]
    assert names == [field.name for field in fields(Training)]
    made = {"arithmetic": "as below", "initial": "none", "conventions": "as below"}
    assert values == [made.get(field.name, str(field.default)) for field in fields(Training)]


@pytest.mark.parametrize(("part", "of"), [("schedule", Schedule), ("augmentation", Augmentation)])
def test_the_defaults_of_the_recipe_are_those_of_the_code(
    part: str, of: type[Schedule | Augmentation]
) -> None:
    """In the order of the table."""
    start = TEXT.index(f"| key of `training.{part}`")
    rows = [row.split("|") for row in TEXT[start : TEXT.index("\n\n", start)].splitlines()[2:]]
    found = [(re.findall(r"`(\w+)`", keys)[0], default.strip(" `")) for _, keys, default, _ in rows]
    assert found == [(field.name, str(field.default)) for field in fields(of)]


def test_the_conventions_are_those_of_the_code() -> None:
    """Defaults and both presets, in the order of the table."""
    start = TEXT.index("| key of `training.conventions`")
    rows = [row.split("|") for row in TEXT[start : TEXT.index("\n\n", start)].splitlines()[2:]]
    found = [tuple(cell.strip(" `") for cell in cells[2:5]) for cells in rows]
    assert found == [
        tuple(str(getattr(each, field.name)) for each in (Conventions(), PAPER, PYTORCH))
        if field.name != "dropout"
        else ("as each layer says", PAPER.dropout, PYTORCH.dropout)
        for field in fields(Conventions)
    ]
    names = [re.findall(r"`(\w+)`", cells[1])[0] for cells in rows]
    assert names == [field.name for field in fields(Conventions)]
