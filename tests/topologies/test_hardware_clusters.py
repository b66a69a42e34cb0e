"""Links, routes, hosts and machines of machines: from YAML to the engine's nodes and links."""

from __future__ import annotations

from pathlib import Path

import pytest

import topologies
from dataflow.errors import TopologyError
from dataflow.hardware import Hardware
from dataflow.link import Link, Packets
from dataflow.override import Override
from tests.topologies.described import HARDWARE, changed, message

ETHERNET = """\
links:
  ethernet:
    bandwidth: {value: "10 Gbit/s", source: s}
    latency: {value: "25 us", source: s}
    duplex: full
    sharing: fair
"""


def machine(folder: Path, text: str = HARDWARE, name: str = "machine") -> Hardware:
    """The machine of a text."""
    path = folder / f"{name}.yaml"
    path.write_text(text)
    return topologies.load_hardware(str(path))


def cluster(folder: Path, text: str, *overrides: Override) -> Hardware:
    """The cluster of a text, with machine.yaml beside it."""
    (folder / "machine.yaml").write_text(HARDWARE)
    path = folder / "cluster.yaml"
    path.write_text(f"kind: hardware\n{text}")
    return topologies.load_hardware(str(path), overrides)


def test_everything_a_link_may_say(tmp_path: Path) -> None:
    """In bytes and picoseconds, on both directions; each number with its source is a constant."""
    told = """\
duplex: half
    sharing: fair
    message_overhead: {value: "2 us", source: m}
    packets: {payload: "256 B", header: "24 B", source: p}
    attained: {points: [["64 KiB", 0.5], ["1 MiB", 0.75]], source: a}
"""
    made = machine(tmp_path, changed(HARDWARE, "duplex: full\n", told))
    assert made.links[1] == Link(
        name="switch->chip0",
        kind="bus",
        source="switch",
        destination="chip0",
        bandwidth_bytes_per_s=6e9,
        latency_ps=0,
        channel="chip0--switch",
        sharing="fair",
        message_overhead_ps=2_000_000,
        packets=Packets(256, 24),
        attained=((65_536, 0.5), (1_048_576, 0.75)),
    )
    constants = {constant.path: (constant.text, constant.source) for constant in made.constants}
    assert constants["links.bus.packets.header"] == ("24 B", "p")
    assert constants["links.bus.message_overhead"] == ("2 us", "m")
    assert constants["links.bus.attained.points"] == ("64 KiB 0.5, 1 MiB 0.75", "a")


def test_processors_and_hosts_are_counted(tmp_path: Path) -> None:
    """Their numbers follow the name; every host may start batches; processors know their machine."""
    text = changed(HARDWARE, "  chip1: {model: chip}\n", "  core: {model: chip, count: 3, node: left}\n")
    text = changed(text, "source: assumed}}}", "source: assumed}}, count: 2}")
    text = changed(text, "[chip1, switch], [host, switch]", "[core0, switch]")
    text += (
        'interconnect: [{kind: switch, link: bus, name: hub, nodes: ["core*", "host*", switch], lanes: 3}]\n'
    )
    text = changed(text, ", [core0, switch]", "")
    made = machine(tmp_path, text)
    assert list(made.processors) == ["chip0", "core0", "core1", "core2"]
    assert made.hosts == ("host0", "host1")
    assert [processor.node for processor in made.processors.values()] == ["", "left", "left", "left"]
    assert made.switches == ("switch", "hub")
    assert {link.bandwidth_bytes_per_s for link in made.links if "hub" in link.name} == {18e9}
    assert [link.name for link in made.route("chip0", "core2")] == [
        "chip0->switch",
        "switch->hub",
        "hub->core2",
    ]


def test_copies_may_reduce(tmp_path: Path) -> None:
    """What arrives is added on the way."""
    overhead = 'overhead: {value: "10 us", source: assumed}\n'
    made = machine(tmp_path, changed(HARDWARE, overhead, f"{overhead}      reduces: true\n"))
    assert [processor.reduces for processor in made.processors.values()] == [True, True]


def test_given_routes_hold_both_ways(tmp_path: Path) -> None:
    """Unless the way back is given too; all else is as short as it can be."""
    ring = changed(
        HARDWARE, "[host, switch]]", "[host, switch], [chip0, side], [chip1, side], [switch, side]]"
    )
    ring = changed(ring, "switches: [switch]", "switches: [switch, side]\nrouting: ecmp\n")
    made = machine(tmp_path, f"{ring}routes: [[chip0, side, chip1], [host, switch, side, chip1]]\n")
    assert made.routing == "ecmp"
    assert made.routes == {
        ("chip0", "chip1"): ("chip0", "side", "chip1"),
        ("chip1", "chip0"): ("chip1", "side", "chip0"),
        ("host", "chip1"): ("host", "switch", "side", "chip1"),
        ("chip1", "host"): ("chip1", "side", "switch", "host"),
    }
    there_and_back = machine(tmp_path, f"{ring}routes: [[chip0, side, chip1], [chip1, switch, chip0]]\n")
    assert there_and_back.routes["chip1", "chip0"] == ("chip1", "switch", "chip0")


def test_a_cluster_is_its_machine_several_times(tmp_path: Path) -> None:
    """Every name behind that of its node, every processor in it, and the network between them."""
    one = machine(tmp_path)
    two = cluster(
        tmp_path,
        "cluster: {of: ./machine.yaml, count: 2}\n"
        + ETHERNET
        + "interconnect: [{kind: switch, nodes: node*/switch, link: ethernet}]\n",
    )
    assert two.name == "cluster"
    assert list(two.processors) == ["node0/chip0", "node0/chip1", "node1/chip0", "node1/chip1"]
    assert two.hosts == ("node0/host", "node1/host")
    assert two.switches == ("node0/switch", "node1/switch", "switch")
    assert [processor.node for processor in two.processors.values()] == ["node0", "node0", "node1", "node1"]
    assert len(two.links) == 2 * len(one.links) + 4
    inside = {link.name: link for link in two.links}["node1/chip0->node1/switch"]
    assert (inside.kind, inside.channel) == ("bus", "node1/chip0->node1/switch")
    assert [link.name for link in two.route("node0/chip1", "node1/host")] == [
        "node0/chip1->node0/switch",
        "node0/switch->switch",
        "switch->node1/switch",
        "node1/switch->node1/host",
    ]


def test_a_machine_in_a_cluster_can_be_set(tmp_path: Path) -> None:
    """Its fields, its name, and how many there are; also processors of its own beside it."""
    text = (
        "cluster: {of: gtx580, count: 2, name: rack}\n"
        "interconnect: [{kind: ring, nodes: '*/switch', link: pcie}]\n"
    )
    faster = cluster(tmp_path, text, Override("hardware.cluster.of.links.pcie.bandwidth", "8 GB/s"))
    assert {link.bandwidth_bytes_per_s for link in faster.links} == {8e9}
    other = cluster(tmp_path, text, Override("cluster.of", "gtx580x2"), Override("cluster.count", "3"))
    assert list(other.processors)[-1] == "rack2/gpu1"
    assert len(other.processors) == 6


def test_a_machine_may_be_written_in_its_cluster(tmp_path: Path) -> None:
    """Whole, or as a change of another."""
    made = cluster(
        tmp_path,
        "cluster:\n  count: 2\n  of:\n    extends: ./machine.yaml\n    processors: {chip2: {model: chip}}\n"
        "    switches: [switch, door]\n    links:\n      bus:\n"
        "        connects: [[chip0, switch], [chip1, switch], [chip2, switch], [host, switch],\n"
        "          [switch, door]]\n"
        "interconnect: [{kind: all-to-all, nodes: '*/door', link: bus}]\n",
    )
    assert list(made.processors)[:4] == ["node0/chip0", "node0/chip1", "node0/chip2", "node1/chip0"]


def test_the_example_of_a_fat_tree_is_short(tmp_path: Path) -> None:
    """Eight machines of eight GPUs in fewer than fifteen lines: 64 cards and three times 16 switches."""
    text = """\
cluster: {of: h100x8, count: 8}
links:
  ndr:
    bandwidth: {value: "400 Gbit/s", source: NDR InfiniBand}
    latency: {value: "0.5 us", source: assumed}
    duplex: full
    sharing: fair
interconnect:
  - {kind: fat-tree, radix: 8, nodes: "node*/nic*", link: ndr}
routing: ecmp
"""
    made = cluster(tmp_path, text)
    fabric = [name for name in made.switches if name.startswith("fabric/")]
    assert (len(made.processors), len(fabric)) == (64, 48)
    assert {made.graph.degree(name) // 2 for name in fabric} == {8, 4}


def test_models_can_be_taken_from_other_hardware(tmp_path: Path) -> None:
    """And changed; each constant says in which file it stands."""
    made = machine(
        tmp_path,
        "kind: hardware\nmodels:\n  gtx580:\n    from: gtx580x2\n"
        '    copy: {overhead: {value: "1 us", source: mine}}\nprocessors: {gpu: {model: gtx580, count: 1}}\n',
    )
    given = topologies.load_hardware("gtx580").processors["gpu0"]
    assert made.processors["gpu0"].cost == given.cost
    assert made.processors["gpu0"].copy_overhead_ps == 1_000_000
    where = {constant.path: constant.where for constant in made.constants}
    assert where["models.gtx580.compute.peak"].startswith("gtx580.yaml:")
    assert where["models.gtx580.copy.overhead"] == f"{tmp_path / 'machine.yaml'}:5"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "models: {gtx: {from: gtx580}}\n",
            "x.yaml:2: 'gtx580' has no model 'gtx'; did you mean 'gtx580'? it has: gtx580",
        ),
        ("models: {gtx580: {from: 3}}\n", "x.yaml:2: must be the name of a hardware or a path, got 3"),
        (
            "models: {gtx580: {from: alexnet}}\n",
            "x.yaml:2: 'alexnet' is of kind network, but a hardware is needed",
        ),
        (
            "cluster: {of: gtx58, count: 2}\n",
            "x.yaml:2: no hardware is called 'gtx58'; did you mean 'gtx580'?",
        ),
        (
            "cluster: {of: ./x.yaml, count: 2}\n",
            "x.yaml:2: refers to itself: x.yaml -> x.yaml; one of them must",
        ),
        ("models: {a: {from: ./x.yaml}}\n", "x.yaml:2: refers to itself: x.yaml -> x.yaml; one of them must"),
        ("cluster: {of: 3, count: 2}\n", "x.yaml:2: hardware.cluster.of: must be a mapping, got 3"),
        ("cluster: {count: 2}\n", "x.yaml:2: hardware.cluster.of: is missing"),
        (
            "cluster: {of: gtx580, count: 2}\n",
            "x.yaml:1: hardware: 'node0/gpu0' and 'node1/gpu0' are not connected",
        ),
    ],
)
def test_what_cannot_be_found(tmp_path: Path, text: str, said: str) -> None:
    """The line that refers to it, what was meant, and what there is."""
    path = tmp_path / "x.yaml"
    path.write_text(f"kind: hardware\n{text}")
    assert said in message(topologies.load_hardware, path)


def test_faults_of_a_machine_are_told_once(tmp_path: Path) -> None:
    """However often a cluster has it."""
    (tmp_path / "machine.yaml").write_text(changed(HARDWARE, "chip1: {model: chip}", "chip1: {model: chop}"))
    path = tmp_path / "x.yaml"
    path.write_text("kind: hardware\ncluster: {of: ./machine.yaml, count: 3}\n")
    with pytest.raises(
        TopologyError, match=r"1 fault\n.*machine\.yaml:16: hardware\.cluster\.of\.processors\.chip1"
    ):
        topologies.load_hardware(str(path))
