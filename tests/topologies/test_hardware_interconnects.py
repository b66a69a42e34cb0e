"""Generators of interconnects against closed forms: counts, degrees, diameters, bisections."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from math import prod

import networkx as nx
import pytest

from dataflow.errors import TopologyError
from topologies.interconnects import Wiring
from topologies.interconnects.direct import (
    AllToAllDocument,
    MatchingDocument,
    MeshDocument,
    RingDocument,
    TorusDocument,
)
from topologies.interconnects.dragonfly import DragonflyDocument
from topologies.interconnects.fat_tree import FatTreeDocument
from topologies.interconnects.pcie_tree import PcieTreeDocument
from topologies.interconnects.star import CardsDocument, SwitchDocument


def named(count: int) -> list[str]:
    """Names of nodes."""
    return [f"n{index}" for index in range(count)]


def graph(wiring: Wiring) -> nx.Graph[str]:
    """The wiring as a graph; no two nodes are joined twice, and no switch is left out of it."""
    made: nx.Graph[str] = nx.Graph((edge.first, edge.second) for edge in wiring.edges)
    assert made.number_of_edges() == len(wiring.edges)
    assert set(wiring.switches) <= set(made)
    assert nx.is_connected(made)
    return made


def cut(wiring: Wiring, nodes: list[str]) -> int:
    """Links that must fail to part the first half of the nodes from the second: max flow, min cut."""
    flows: nx.DiGraph[str] = nx.DiGraph()
    for edge in wiring.edges:
        flows.add_edge(edge.first, edge.second, capacity=edge.lanes)
        flows.add_edge(edge.second, edge.first, capacity=edge.lanes)
    half = len(nodes) // 2
    for index, node in enumerate(nodes):
        flows.add_edge(*(("from", node) if index < half else (node, "to")))
    return int(nx.maximum_flow_value(flows, "from", "to"))


def test_a_switch_is_a_star() -> None:
    """One switch, an edge a node, as many lanes as are said."""
    wiring = SwitchDocument(kind="switch", nodes=(), link="l", lanes=12, name="hub").wiring(named(8))
    assert wiring.switches == ("hub",)
    assert [(e.first, e.second, e.link, e.lanes) for e in wiring.edges] == [
        (node, "hub", "l", 12) for node in named(8)
    ]


def test_cards_are_one_for_each_node() -> None:
    """Numbered in the order of the nodes."""
    wiring = CardsDocument(kind="cards", nodes=(), link="l").wiring(["a", "b"])
    assert wiring.switches == ("nic0", "nic1")
    assert [(e.first, e.second) for e in wiring.edges] == [("a", "nic0"), ("b", "nic1")]


def test_the_hybrid_cube_mesh() -> None:
    """Two quads and a matching: 6 + 6 + 4 links, four at each GPU, two hops at most."""
    gpus = named(8)
    quads = [
        edge
        for half in (gpus[:4], gpus[4:])
        for edge in AllToAllDocument(kind="all-to-all", nodes=(), link="l").wiring(half).edges
    ]
    cube = MatchingDocument(kind="matching", nodes=(), link="l").wiring(gpus).edges
    made = graph(Wiring((), (*quads, *cube)))
    assert made.number_of_edges() == 16
    assert set(dict(made.degree).values()) == {4}
    assert nx.diameter(made) == 2


@pytest.mark.parametrize(("count", "edges", "diameter"), [(2, 1, 1), (3, 3, 1), (5, 5, 2), (8, 8, 4)])
def test_a_ring(count: int, edges: int, diameter: int) -> None:
    """As many links as nodes and half as many hops; two nodes have one link."""
    made = graph(RingDocument(kind="ring", nodes=(), link="l").wiring(named(count)))
    assert (made.number_of_edges(), nx.diameter(made)) == (edges, diameter)


@pytest.mark.parametrize("dims", [(4,), (3, 5), (4, 4), (2, 3, 4)])
def test_a_mesh(dims: tuple[int, ...]) -> None:
    """(d - 1) / d of n links in each dimension; the diameter is the sum of d - 1."""
    count = prod(dims)
    made = graph(MeshDocument(kind="mesh", nodes=(), link="l", dims=dims).wiring(named(count)))
    assert made.number_of_edges() == sum(count // d * (d - 1) for d in dims)
    assert nx.diameter(made) == sum(d - 1 for d in dims)


@pytest.mark.parametrize(("dims", "bisection"), [((4, 4), 8), ((4, 4, 4), 32), ((8, 4), 8), ((2, 4), 4)])
def test_a_torus(dims: tuple[int, ...], bisection: int) -> None:
    """Degree two in each ring of more than two; diameter the sum of d / 2; bisection 2 n / longest d.

    2 x 4: halves of four nodes are parted by the 4 links of the first dimension, which is no ring.
    """
    count = prod(dims)
    wiring = TorusDocument(kind="torus", nodes=(), link="l", dims=dims).wiring(named(count))
    made = graph(wiring)
    assert set(dict(made.degree).values()) == {sum(1 if d == 2 else 2 for d in dims)}
    assert nx.diameter(made) == sum(d // 2 for d in dims)
    assert cut(wiring, named(count)) == bisection


@pytest.mark.parametrize("radix", [2, 4, 6, 8])
def test_a_whole_fat_tree(radix: int) -> None:
    """Al-Fares 2008: k^3/4 hosts, 5 k^2/4 switches of k ports, diameter 6, full bisection bandwidth."""
    nodes = named(radix**3 // 4)
    wiring = FatTreeDocument(kind="fat-tree", nodes=(), link="l", radix=radix).wiring(nodes)
    made = graph(wiring)
    assert len(wiring.switches) == 5 * radix**2 // 4
    assert len(wiring.edges) == 3 * radix**3 // 4
    assert {made.degree(switch) for switch in wiring.switches} == {radix}
    assert nx.diameter(made) == 6
    assert cut(wiring, nodes) == len(nodes) // 2


@pytest.mark.parametrize(
    ("count", "edge", "aggregation", "core"), [(1, 1, 0, 0), (4, 1, 0, 0), (5, 2, 4, 0), (17, 5, 8, 16)]
)
def test_a_fat_tree_leaves_out_what_nobody_needs(count: int, edge: int, aggregation: int, core: int) -> None:
    """Radix 8 has 4 nodes an edge switch and 16 a pod; one of each level when one is enough."""
    wiring = FatTreeDocument(kind="fat-tree", nodes=(), link="l", radix=8).wiring(named(count))
    graph(wiring)
    levels = Counter(name.partition("/")[2].rstrip("0123456789") for name in wiring.switches)
    assert (levels["edge"], levels["aggregation"], levels["core"]) == (edge, aggregation, core)


@pytest.mark.parametrize(("a", "p", "h"), [(1, 1, 1), (4, 2, 2), (2, 1, 3), (6, 3, 3)])
def test_a_whole_dragonfly(a: int, p: int, h: int) -> None:
    """Kim 2008: a p (a h + 1) nodes, routers of p + (a - 1) + h ports, each two groups joined once."""
    document = DragonflyDocument(kind="dragonfly", nodes=(), link="l", a=a, p=p, h=h, remote="far")
    nodes = named(a * p * (a * h + 1))
    wiring = document.wiring(nodes)
    made = graph(wiring)
    assert len(wiring.switches) == a * (a * h + 1)
    assert {made.degree(router) for router in wiring.switches} == {p + a - 1 + h}
    groups = [
        frozenset(end.rpartition("-")[0] for end in (edge.first, edge.second))
        for edge in wiring.edges
        if edge.link == "far"
    ]
    pairs = {frozenset(pair) for pair in combinations([f"fabric/router{g}" for g in range(a * h + 1)], 2)}
    assert len(groups) == len(set(groups))
    assert set(groups) == pairs
    between_routers = made.subgraph(wiring.switches)
    assert nx.diameter(between_routers) <= 3


def test_a_tree_of_pcie() -> None:
    """Two sockets of two switches of two devices: who is behind what, over which kind of link."""
    wiring = PcieTreeDocument(
        kind="pcie-tree",
        nodes=(),
        link="slot",
        roots=2,
        bridges=2,
        uplink="up",
        uplink_lanes=2,
        peer="peer",
        between="qpi",
        memory="dram",
        hosts=("cpu0", "cpu1"),
    ).wiring(named(8))
    graph(wiring)
    assert wiring.switches == ("root0", "root1", "plx0", "plx1", "plx2", "plx3")
    assert [(e.first, e.second, e.link, e.lanes) for e in wiring.edges] == [
        *((f"n{index}", f"plx{index // 2}", "slot", 1) for index in range(8)),
        *((f"plx{index}", f"root{index // 2}", "up", 2) for index in range(4)),
        ("plx0", "plx1", "peer", 1),
        ("plx2", "plx3", "peer", 1),
        ("root0", "root1", "qpi", 1),
        ("cpu0", "root0", "dram", 1),
        ("cpu1", "root1", "dram", 1),
    ]


def test_a_tree_without_bridges() -> None:
    """Devices hang at the root complexes."""
    wiring = PcieTreeDocument(kind="pcie-tree", nodes=(), link="l", roots=2, between="b").wiring(named(4))
    assert [(e.first, e.second) for e in wiring.edges] == [
        ("n0", "root0"),
        ("n1", "root0"),
        ("n2", "root1"),
        ("n3", "root1"),
        ("root0", "root1"),
    ]


def test_too_many_nodes() -> None:
    """What cannot be wired says how many there is room for."""
    tree = FatTreeDocument(kind="fat-tree", nodes=(), link="l", radix=4)
    with pytest.raises(
        TopologyError, match=r"a fat tree of radix 4 has room for 16 nodes, got 17; take a larger"
    ):
        tree.wiring(named(17))
