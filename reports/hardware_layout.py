"""Where the nodes of a machine stand in its picture; the machines of a cluster are one box each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import ceil, cos, pi, sin, sqrt

import networkx as nx

from dataflow.hardware import Hardware
from dataflow.link import Link

Position = tuple[float, float]
"""The middle of a node in inches, y downwards."""

CELL_IN = (2.15, 1.75)
_CELLS_WIDE = 8
_MOST_WIDE = 18
_MOST_AROUND = 16


@dataclass(frozen=True)
class Shown:
    """What a picture draws. nodes: in order. machines: what each of a cluster's boxes holds.

    ties: the links between each two nodes, both directions together.
    """

    nodes: tuple[str, ...]
    machines: Mapping[str, tuple[str, ...]]
    ties: Mapping[tuple[str, str], tuple[Link, ...]]

    @property
    def graph(self) -> nx.Graph[str]:
        """The nodes and what is tied."""
        graph: nx.Graph[str] = nx.Graph()
        graph.add_nodes_from(self.nodes)
        graph.add_edges_from(self.ties)
        return graph


@dataclass(frozen=True)
class Layout:
    """Middle of each node and the width it has for itself. levels: nodes in rows, empty for a circle."""

    positions: Mapping[str, Position]
    widths_in: Mapping[str, float]
    levels: tuple[tuple[str, ...], ...]


def shown(hardware: Hardware) -> Shown:
    """All nodes, or of a cluster its machines and what is between them."""
    machines = {processor.node for processor in hardware.processors.values()} - {""}
    every = (*hardware.memories, *hardware.switches)
    owner = {name: name.partition("/")[0] for name in every if name.partition("/")[0] in machines}
    held: dict[str, list[str]] = {}
    for name in every:
        held.setdefault(owner.get(name, name), []).append(name)
    ties: dict[tuple[str, str], list[Link]] = {}
    for link in hardware.links:
        one, other = (owner.get(end, end) for end in (link.source, link.destination))
        if one != other:
            ties.setdefault((other, one) if (other, one) in ties else (one, other), []).append(link)
    return Shown(
        tuple(held),
        {name: tuple(inside) for name, inside in held.items() if name in machines},
        {ends: tuple(links) for ends, links in ties.items()},
    )


def layout(hardware: Hardware, view: Shown) -> Layout:
    """In levels where switches make a tree, in rows where many have none, else in a circle.

    Positions are from a corner at (0, 0).
    """
    levels = _levels(hardware, view)
    if not levels:
        return Layout(_circle(hardware, view), dict.fromkeys(view.nodes, CELL_IN[0]), ())
    total = CELL_IN[0] * min(max(len(level) for level in levels), _CELLS_WIDE)
    widths = {name: min(CELL_IN[0], total / len(level)) for level in levels for name in level}
    places = {
        name: (total / 2 + (index + 0.5 - len(level) / 2) * widths[name], row * CELL_IN[1])
        for row, level in enumerate(levels)
        for index, name in enumerate(level)
    }
    return Layout(places, widths, levels)


def _levels(hardware: Hardware, view: Shown) -> tuple[tuple[str, ...], ...]:
    """Rows by distance from the hosts; of a cluster from the top of its network to its machines.

    What has no switches makes a square, which is how a square torus is numbered. A switch with one
    link, such as a network card, stands beside what it is linked to.
    """
    graph = view.graph
    roots = set(view.machines) or set(hardware.hosts)
    if not roots or not hardware.switches:
        many = len(view.nodes) > _MOST_AROUND
        return _rows(view.nodes, ceil(sqrt(len(view.nodes)))) if many else ()
    distance = nx.multi_source_dijkstra_path_length(graph, roots)
    cards = {
        name: next(graph.neighbors(name))
        for name in hardware.switches
        if name in graph and graph.degree(name) == 1
    }
    rows: dict[tuple[float, bool], list[str]] = {}
    for name in (name for name in view.nodes if name not in cards):
        key = -distance[name] if view.machines else distance[name]
        rows.setdefault((key, name in hardware.processors), []).append(name)
    levels: list[tuple[str, ...]] = []
    for _, row in sorted(rows.items()):
        ordered = row if view.machines else _ordered(row, levels, graph)
        whole = [each for name in ordered for each in (name, *_beside(name, cards))]
        levels += _rows(whole, ceil(len(whole) / ceil(len(whole) / _MOST_WIDE)))
    return tuple(levels)


def _rows(names: Sequence[str], width: int) -> tuple[tuple[str, ...], ...]:
    """So many in a row."""
    return tuple(tuple(names[start : start + width]) for start in range(0, len(names), width))


def _beside(name: str, cards: Mapping[str, str]) -> Iterator[str]:
    return (card for card, owner in cards.items() if owner == name)


def _ordered(names: Sequence[str], above: Sequence[Sequence[str]], graph: nx.Graph[str]) -> list[str]:
    """Nodes below what they are linked to above them, else as they were."""
    at = {name: index / len(level) for level in above for index, name in enumerate(level)}

    def place(name: str) -> float:
        linked = [at[other] for other in graph.neighbors(name) if other in at]
        return sum(linked) / len(linked) if linked else 0.0

    return sorted(names, key=place)


def _circle(hardware: Hardware, view: Shown) -> dict[str, Position]:
    """What is no switch in a circle, each switch inside it, towards what it is linked to."""
    nodes = [name for name in view.nodes if name not in hardware.switches]
    radius = max(1.4, len(nodes) * CELL_IN[0] / (2 * pi)) if len(nodes) > 1 else 0.0
    middle = CELL_IN[0] / 2 + radius
    angles = {name: 2 * pi * index / len(nodes) for index, name in enumerate(nodes)}
    places = {name: (middle + radius * sin(a), radius - radius * cos(a)) for name, a in angles.items()}
    graph = view.graph
    for switch in (name for name in view.nodes if name in hardware.switches):
        linked = [places[name] for name in graph.neighbors(switch) if name in angles]
        linked = linked or [(middle, radius)]
        x, y = (sum(axis) / len(linked) for axis in zip(*linked, strict=True))
        places[switch] = (middle + (x - middle) / 2, radius + (y - radius) / 2)
    return places
