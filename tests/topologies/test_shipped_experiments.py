"""What ships can be found, listed and loaded, and is split as its description says."""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path

import pytest

import topologies
from dataflow.ops import Phase
from dataflow.placement.parts import Parts
from dataflow.session import place_experiment
from dataflow.simulation import simulate
from topologies.find import Shipped

SHIPPED = topologies.shipped()
EXPERIMENTS = [entry.name for entry in SHIPPED if entry.kind == "experiment"]
TOO_LARGE = ("alexnet-agilio", "digits-cnn-agilio-ebpf")
"""Ship to show what does not fit."""


def test_everything_that_ships_is_listed() -> None:
    """Experiments, networks, hardware and the rest, each by name, with a description of one line."""
    folder = Path(topologies.__file__).parent
    there = [
        (kind, path.stem)
        for kind, under in (
            ("experiment", "experiments"),
            ("network", "networks"),
            ("hardware", "hardware"),
            ("packets", "packets"),
            ("study", "studies"),
        )
        for path in sorted((folder / under).glob("*.yaml"), key=lambda path: path.stem)
    ]
    assert len(there) > 40
    assert [(entry.kind, entry.name) for entry in SHIPPED] == there
    assert all(entry.description and "\n" not in entry.description for entry in SHIPPED)
    assert all(entry.path.stem == entry.name for entry in SHIPPED)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_loads_under_its_name(name: str) -> None:
    """Loading checks the network, the hardware and the plan."""
    assert topologies.load(name).name == name


@pytest.mark.parametrize("name", [name for name in EXPERIMENTS if name not in TOO_LARGE])
def test_every_experiment_can_be_simulated(name: str) -> None:
    """One step fits in the machine's memories, and takes less than ten times what its work needs."""
    experiment = topologies.load(name)
    placed = place_experiment(experiment)
    trace = simulate(placed).trace
    busiest = max(
        sum(span.length_ps for span in trace.measured if span.processor == processor)
        for processor in experiment.hardware.processors
    )
    assert busiest <= trace.end_ps - trace.start_ps < 10 * busiest


@pytest.mark.parametrize("entry", [entry for entry in SHIPPED if entry.kind != "experiment"], ids=str)
def test_every_part_loads_under_its_name(entry: Shipped) -> None:
    """The name in the description is that of its file."""
    readers = {
        "network": topologies.load_network,
        "hardware": topologies.load_hardware,
        "packets": topologies.load_packets,
        "study": topologies.load_study,
    }
    assert readers[entry.kind](entry.name).name == entry.name


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("alexnet-2x-gtx580", "experiment"),
        ("alexnet", "network"),
        ("gtx580", "hardware"),
        ("alexnet-one-gpu", "experiment"),
    ],
)
def test_a_name_has_a_kind(name: str, kind: str) -> None:
    """Of a name that an experiment shares with its network: experiment."""
    assert topologies.kind_of(name) == kind


def test_a_path_has_the_kind_that_its_file_says() -> None:
    """By path as by name."""
    by_name = {(entry.kind, entry.name): entry.path for entry in SHIPPED}
    assert topologies.kind_of(str(by_name["network", "alexnet-one-gpu"])) == "network"


def test_two_towers_are_one_on_each_gpu() -> None:
    """conv1 has 48 of 96 kernels on each; fc8 and the loss run on one."""
    experiment = topologies.load("alexnet-2x-gtx580")
    assert experiment.training.batch == 128
    parts = Parts(experiment.plan, experiment.network.ops(128), experiment.hardware)
    assert [(part.processor, part.slices["channel"]) for part in parts.of("conv1", Phase.FORWARD)] == [
        ("gpu0", (0, 48)),
        ("gpu1", (48, 96)),
    ]
    for layer in ("fc8", "loss"):
        assert [part.processor for part in parts.of(layer, Phase.FORWARD)] == ["gpu0"]


def test_batches_are_halved() -> None:
    """Every layer has 64 of 128 images on each GPU."""
    experiment = topologies.load("alexnet-2x-gtx580-batch")
    parts = Parts(experiment.plan, experiment.network.ops(128), experiment.hardware)
    for layer in experiment.network.layers:
        assert [part.slices["batch"] for part in parts.of(layer, Phase.FORWARD)] == [(0, 64), (64, 128)]


def test_rows_are_halved_until_the_fully_connected_layers() -> None:
    """Rows 0-26 of conv1 on one GPU, 27-54 on the other; all from fc6 on gpu0."""
    experiment = topologies.load("alexnet-2x-gtx580-rows")
    parts = Parts(experiment.plan, experiment.network.ops(128), experiment.hardware)
    assert [part.slices["height"] for part in parts.of("conv1", Phase.FORWARD)] == [(0, 27), (27, 55)]
    names = list(experiment.network.layers)
    for layer in names[: names.index("fc6")]:
        assert [part.processor for part in parts.of(layer, Phase.FORWARD)] == ["gpu0", "gpu1"]
    for layer in names[names.index("fc6") :]:
        assert [part.processor for part in parts.of(layer, Phase.FORWARD)] == ["gpu0"]


def test_the_machine_of_two_is_that_of_one_twice() -> None:
    """Same model of processor and host; every node reaches every other through the switch."""
    one, two = topologies.load_hardware("gtx580"), topologies.load_hardware("gtx580x2")
    assert list(two.processors) == ["gpu0", "gpu1"]
    assert two.processors["gpu0"] == one.processors["gpu0"]
    assert two.memories["gpu1"].capacity_bytes == 3 * 2**30
    for first, second in product(two.memories, two.memories):
        hops = [link.name for link in two.route(first, second)]
        assert hops == ([] if first == second else [f"{first}->switch", f"switch->{second}"])


def test_importing_reads_nothing_slow() -> None:
    """Neither pint, pydantic nor yaml is imported before the first description is read."""
    code = "import sys, topologies; print([m for m in ('pint', 'pydantic', 'yaml') if m in sys.modules])"
    root = Path(topologies.__file__).parents[1]
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "[]\n"
