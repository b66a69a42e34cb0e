"""The machines that ship: what is in them, and what one GPU gets from another."""

from __future__ import annotations

from itertools import combinations

import pytest

import topologies
from dataflow.cost import Roofline
from dataflow.hardware import Hardware
from dataflow.override import Override


def rate(hardware: Hardware, source: str, destination: str) -> float:
    """GB/s of a large message, rounded to 0.1."""
    return round(hardware.hop(source, destination)[1] / 1e9, 1)


@pytest.mark.parametrize(
    ("name", "processors", "hosts", "model"),
    [
        ("k20x8", 8, 2, "k20"),
        ("k80x8", 8, 2, "k80"),
        ("titanx4", 4, 1, "titanx"),
        ("dgx1-p100", 8, 2, "p100"),
        ("deepbench-maxwell", 8, 2, "titanx"),
        ("deepbench-pascal", 10, 1, "titanx-pascal"),
        ("a100x8", 8, 2, "a100"),
        ("h100x8", 8, 2, "h100"),
        ("a100x8-cluster", 32, 8, "a100"),
        ("h100x8-cluster", 64, 16, "h100"),
        ("k80-cluster", 64, 16, "k80"),
    ],
)
def test_machines_that_ship(name: str, processors: int, hosts: int, model: str) -> None:
    """All of one model, which adds what arrives on the way; links are shared; every constant has a source."""
    hardware = topologies.load_hardware(name)
    assert (len(hardware.processors), len(hardware.hosts)) == (processors, hosts)
    assert {(p.model, p.reduces) for p in hardware.processors.values()} == {(model, True)}
    assert {link.sharing for link in hardware.links} == {"fair"}
    assert len({p.node for p in hardware.processors.values()}) == (
        processors // 8 if "cluster" in name else 1
    )
    assert all(constant.source.strip() for constant in hardware.constants)


@pytest.mark.parametrize("name", ["k80x8", "dgx1-p100", "a100x8", "h100x8"])
def test_inference_normalises_as_fast_as_training(name: str) -> None:
    """The share of the memory's bandwidth that was fitted for batch normalisation holds without moments."""
    for processor in topologies.load_hardware(name).processors.values():
        assert isinstance(processor.cost, Roofline)
        fitted = processor.cost.attained("batch_normalization", "forward")
        assert fitted.memory < processor.cost.attained("", "").memory
        assert processor.cost.attained("batch_normalization_inference", "forward") == fitted


def test_no_route_inside_a_machine_passes_a_processor_or_host() -> None:
    """Each pair of GPUs of every single machine has a way through switches alone."""
    for name in ("k20x8", "k80x8", "titanx4", "dgx1-p100", "deepbench-maxwell", "deepbench-pascal", "a100x8"):
        hardware = topologies.load_hardware(name)
        for pair in combinations(hardware.processors, 2):
            between = {link.source for link in hardware.route(*pair)[1:]}
            assert between <= set(hardware.switches)


def test_dgx1_is_a_hybrid_cube_mesh() -> None:
    """Four NVLinks a GPU at 20 GB/s less headers; what has none crosses the sockets by PCIe."""
    dgx = topologies.load_hardware("dgx1-p100")
    ends = [link.source for link in dgx.links if link.kind == "nvlink"]
    assert {ends.count(gpu) for gpu in dgx.processors} == {4}
    assert rate(dgx, "gpu0", "gpu3") == rate(dgx, "gpu2", "gpu6") == 18.8  # 20 x 256 / 272
    assert [link.name for link in dgx.route("gpu0", "gpu5")] == [
        "gpu0->plx0",
        "plx0->root0",
        "root0->root1",
        "root1->plx2",
        "plx2->gpu5",
    ]


def test_krizhevskys_machine_has_two_groups_of_four() -> None:
    """Inside one at PCIe's rate; from one to the other four GPUs share two links, so that half is left."""
    k20 = topologies.load_hardware("k20x8")
    assert [link.name for link in k20.route("gpu0", "gpu3")] == ["gpu0->plx0", "plx0->gpu3"]
    assert rate(k20, "gpu0", "gpu3") == rate(k20, "gpu0", "gpu4") == 6.0
    up = next(link for link in k20.links if link.name == "plx0->root0")
    assert up.bandwidth_bytes_per_s / 4 == 0.5 * 6e9


def test_gpus_of_the_deepbench_boxes() -> None:
    """Two sockets: neighbours in number are in different ones. One root: five GPUs to a switch."""
    maxwell = topologies.load_hardware("deepbench-maxwell", [Override("processors.gpu.model", "m40")])
    assert {p.model for p in maxwell.processors.values()} == {"m40"}
    assert {rate(maxwell, f"gpu{n}", f"gpu{(n + 1) % 8}") for n in range(8)} == {6.1}
    pascal = topologies.load_hardware("deepbench-pascal")
    assert (rate(pascal, "gpu0", "gpu4"), rate(pascal, "gpu4", "gpu5")) == (12.2, 6.1)


def test_switched_machines() -> None:
    """A large message gets 80 % of 12 links of NVLink 3, and the 370 GB/s of 18 links of NVLink 4."""
    assert rate(topologies.load_hardware("a100x8"), "gpu0", "gpu7") == 240.0  # 300 x 256 / 272 x 0.85
    assert rate(topologies.load_hardware("h100x8"), "gpu0", "gpu7") == 370.2  # 450 x 256 / 272 x 0.874


def test_between_the_machines_of_clusters() -> None:
    """From GPU by card and network to GPU, never through another GPU or a host."""
    for name, kinds in (
        ("a100x8-cluster", ["pcie", "pcie", "hdr", "hdr", "pcie", "pcie"]),
        ("h100x8-cluster", ["pcie", "pcie", *["ndr"] * 6, "pcie", "pcie"]),
        ("k80-cluster", ["pcie", "slot", "slot", "ethernet", "ethernet", "slot", "slot", "pcie"]),
    ):
        hardware = topologies.load_hardware(name)
        assert [link.kind for link in hardware.route("node0/gpu2", "node3/gpu2")] == kinds
