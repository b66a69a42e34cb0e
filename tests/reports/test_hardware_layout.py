"""Machines of many processors stay readable: rows by level, a box for each machine of a cluster."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
from rich.console import Console

import topologies
from dataflow.hardware import Hardware
from reports import draw_hardware, hardware_json, show_hardware
from reports.hardware_layout import layout, shown
from reports.hardware_picture import hardware_figure
from reports.space_picture import spaces


def text(name: str) -> str:
    """The tables of a machine that ships, on a console of 110 columns."""
    console = Console(width=110)
    with console.capture() as captured:
        console.print(show_hardware(topologies.load_hardware(name)))
    return captured.get()


def test_a_tree_is_drawn_in_levels() -> None:
    """Hosts, roots, switches with their cards beside them, and processors below their switches."""
    hardware = topologies.load_hardware("dgx1-p100")
    assert layout(hardware, shown(hardware)).levels == (
        ("cpu0", "cpu1"),
        ("root0", "root1"),
        ("plx0", "nic0", "plx1", "nic1", "plx2", "nic2", "plx3", "nic3"),
        tuple(f"gpu{index}" for index in range(8)),
    )


def test_processors_stand_below_what_they_are_linked_to() -> None:
    """In a box that numbers its GPUs across the sockets: no two links to switches cross."""
    hardware = topologies.load_hardware("deepbench-maxwell")
    levels = layout(hardware, shown(hardware)).levels
    assert levels[-1] == ("gpu0", "gpu2", "gpu4", "gpu6", "gpu1", "gpu3", "gpu5", "gpu7")


def test_machines_of_a_cluster_are_one_box_each() -> None:
    """Below the levels of the fat tree; nothing of their inside is drawn."""
    hardware = topologies.load_hardware("h100x8-cluster")
    view = shown(hardware)
    plan = layout(hardware, view)
    assert [len(level) for level in plan.levels] == [16, 16, 16, 8]
    assert plan.levels[-1] == tuple(f"node{index}" for index in range(8))
    assert {len(inside) for inside in view.machines.values()} == {8 + 2 + 1 + 2 + 8 + 8}
    assert sum(len(links) for links in view.ties.values()) == 2 * 3 * 64
    written = [label.get_text() for label in hardware_figure(hardware).axes[0].texts]
    assert written.count("8 h100") == 8


def written(folder: Path, text: str) -> Hardware:
    """The machine of a text."""
    link = '{bandwidth: {value: "1 GB/s", source: s}, latency: {value: "0 us", source: s}, duplex: full}'
    path = folder / "machine.yaml"
    path.write_text(f"kind: hardware\nlinks: {{wire: {link}}}\n{text}")
    return topologies.load_hardware(str(path))


def test_a_square_torus_is_drawn_as_a_square(tmp_path: Path) -> None:
    """Sixty-four processors without a switch: eight rows of eight, as they are numbered."""
    hardware = written(
        tmp_path,
        "models: {gtx580: {from: gtx580}}\nprocessors: {gpu: {model: gtx580, count: 64}}\n"
        "interconnect: [{kind: torus, dims: [8, 8], nodes: 'gpu*', link: wire}]\n",
    )
    levels = layout(hardware, shown(hardware)).levels
    assert [level[0] for level in levels] == [f"gpu{8 * row}" for row in range(8)]
    assert {len(level) for level in levels} == {8}


def test_wide_levels_are_cut_into_rows(tmp_path: Path) -> None:
    """The 36 routers of a dragonfly stand in two rows of eighteen above the nine machines."""
    hardware = written(
        tmp_path,
        "cluster: {of: a100x8, count: 9}\n"
        "interconnect: [{kind: dragonfly, a: 4, p: 2, h: 2, nodes: 'node*/nic*', link: wire}]\n",
    )
    assert [len(level) for level in layout(hardware, shown(hardware)).levels] == [18, 18, 9]


@pytest.mark.parametrize("name", ["dgx1-p100", "h100x8-cluster", "deepbench-pascal", "a100x8", "gtx580"])
def test_no_boxes_overlap(name: str) -> None:
    """Nodes of a level have their width for themselves."""
    hardware = topologies.load_hardware(name)
    plan = layout(hardware, shown(hardware))
    for level in plan.levels:
        for left, right in pairwise(level):
            apart = plan.positions[right][0] - plan.positions[left][0]
            assert apart >= 0.999 * (plan.widths_in[left] + plan.widths_in[right]) / 2


def test_a_cluster_is_drawn(tmp_path: Path) -> None:
    """To a whole file."""
    path = tmp_path / "cluster.svg"
    draw_hardware(topologies.load_hardware("k80-cluster"), path)
    assert path.read_text().rstrip().endswith("</svg>")


def test_what_is_alike_is_told_once() -> None:
    """One row for 64 processors, and one for each kind of route."""
    told = text("h100x8-cluster")
    for part in (
        "node0/gpu0 and 63 more",
        "node0/cpu0 and 15 more",
        "node0/nic0->fabric/edge0 and 383 more",
        "node0/gpu0->node0/gpu1 and 447 more",
        "370.2 GB/s",
    ):
        assert part in told
    assert len(told.splitlines()) < 250


def test_fractions_above_one_are_explained() -> None:
    """Where a library multiplies less than is counted, and only there."""
    assert "177 %" in text("dgx1-p100")
    assert "Winograd" in text("dgx1-p100")
    assert "Winograd" not in text("gtx580")


def test_links_as_json() -> None:
    """Everything a link says, and what one large message attains: 20 x 256 / 272 GB/s."""
    link = hardware_json(topologies.load_hardware("dgx1-p100"))["links"]["gpu0->gpu1"]
    assert link == {
        "kind": "nvlink",
        "bandwidth_bytes_per_s": 20e9,
        "attained_bytes_per_s": pytest.approx(20e9 * 256 / 272),
        "latency_s": 0.0,
        "message_overhead_s": 0.0,
        "duplex": "full",
        "sharing": "fair",
        "packets": {"payload_bytes": 256, "header_bytes": 16},
        "attained": [],
    }


def test_a_card_is_told_by_its_cores_banks_and_engines() -> None:
    """60 alike cores are one row; a bank of each kind with who reaches it; what all cores share."""
    told = text("agilio-cx")
    assert re.search(r"core0 \+59\s+fpc\s+nic\s+800\.0 MHz\s+8\s+8,192\s", told)
    assert re.search(r"island0\.ctm \+4\s+ctm\s+262\.1 kB\s+-\s+12 cores each\s+50 to 100 cycles", told)
    emem = r"emem\s+emem\s+2\.147 GB\s+3\.000 MB\s+all 60\s+150 to 250 cycles\s+dram, dram-atomic"
    assert re.search(emem, told)
    # 64 B x 800 MHz / (3 + 25) cycles; 64 B x 197.8 million.
    assert re.search(r"emem\s+1\.829 GB/s\s+64 B every 28\.0 cycles\s+12\.66 GB/s\s+engine dram", told)
    assert re.search(r"imem\s+2\.695 GB/s\s+64 B every 19\.0 cycles\s+-\s+-", told)
    assert "engine dram" in told
    assert "a semaphore operation" in told


def test_a_card_in_json() -> None:
    """Cores say what they are and in which memory they compute; the memory has its banks."""
    document = hardware_json(topologies.load_hardware("agilio-cx"))
    core = document["processors"]["core0"]
    assert (core["memory"], core["core"]["threads"], core["core"]["floats"]) == ("nic", 8, False)
    kinds = {bank["kind"] for bank in document["memories"]["nic"]["banks"]}
    assert kinds == {"nn", "local", "cls", "ctm", "imem", "emem"}
    rates = {
        bank["kind"]: (bank["core_bytes_per_s"], bank["engine_bytes_per_s"], bank["cache_bytes"])
        for bank in document["memories"]["nic"]["banks"]
    }
    assert rates["local"] == (3.2e9, None, 0)
    assert rates["emem"] == (pytest.approx(64 * 800e6 / 28), pytest.approx(64 * 197.8e6), 3_000_000)
    assert document["engines"]["dram"] == pytest.approx(197.8e6)
    assert set(document["controller"]) == {"signal_s", "dispatch_s", "semaphore_s"}
    plain = hardware_json(topologies.load_hardware("gtx580"))
    assert plain["controller"] is None
    assert "banks" not in plain["memories"]["gpu0"]


def test_a_card_is_drawn_with_its_islands() -> None:
    """One box for the card, below it each core, the banks of each island, and what all share."""
    hardware = topologies.load_hardware("agilio-cx")
    written = [label.get_text() for label in hardware_figure(hardware).axes[0].texts]
    assert "60 cores" in written
    assert "nic: 60 cores (fpc) in 5 islands, one address space" in written
    assert [name for name in written if name in hardware.processors] == list(hardware.processors)
    assert sum(name.startswith("island") for name in written) == 5 * 2
    assert any(name.startswith("controller: ") for name in written)
    (space,) = spaces(hardware)
    assert [bank.kind for bank in space.own] == ["nn", "local"]
    assert [bank.kind for bank in space.shared] == ["imem", "emem"]
