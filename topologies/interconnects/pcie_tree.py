"""Trees of PCI Express: a root complex in each socket, switches (bridges) below, devices below these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le

from dataflow.errors import TopologyError
from topologies.constants import Multiple, Name
from topologies.interconnects.wiring import Edge, Joins, Wiring, all_pairs


@dataclass(frozen=True, kw_only=True)
class PcieTreeDocument(Joins):
    """Nodes spread evenly, in order, over the ``bridges`` below each of ``roots`` root complexes.

    They are called ``root0`` and ``plx0`` onwards; without bridges the nodes are at the roots.
    uplink: from bridge to root, ``link`` when left out; uplink_lanes: how many side by side.
    peer: between each two bridges of a root, for what goes from device to device through the root
    and gets less of it than what goes to memory; by the uplinks when left out. between: from root
    to root. memory: from root to ``hosts``, one for each root, or one at the first.
    """

    kind: Literal["pcie-tree"]
    hosts: tuple[str, ...] = ()
    roots: Multiple = 1
    bridges: Annotated[int, Ge(0), Le(4096)] = 0
    uplink: str | None = None
    uplink_lanes: Multiple = 1
    peer: str | None = None
    between: str | None = None
    memory: str | None = None
    root_name: Name = "root"
    bridge_name: Name = "plx"

    def wiring(self, nodes: Sequence[str]) -> Wiring:
        """Raises TopologyError when nodes or hosts cannot be spread, or a kind of link is missing."""
        for fault in self._faults(len(nodes)):
            raise TopologyError(fault)
        roots = tuple(f"{self.root_name}{index}" for index in range(self.roots))
        bridges = tuple(f"{self.bridge_name}{index}" for index in range(self.roots * self.bridges))
        return Wiring((*roots, *bridges), tuple(self._edges(nodes, roots, bridges)))

    def _faults(self, count: int) -> Iterator[str]:
        places = self.roots * (self.bridges or 1)
        if count % places:
            yield f"{count} nodes cannot be spread evenly over {places} places; change roots or bridges"
        if self.roots > 1 and self.between is None:
            yield f"'between' is missing: name the kind of link that joins the {self.roots} roots"
        if self.hosts and self.memory is None:
            yield "'memory' is missing: name the kind of link from a root to its host"
        if len(self.hosts) not in (0, 1, self.roots):
            yield f"'hosts' must be one, or one for each root ({self.roots}), got {len(self.hosts)}"

    def _edges(self, nodes: Sequence[str], roots: Sequence[str], bridges: Sequence[str]) -> Iterator[Edge]:
        places = bridges or roots
        share = len(nodes) // len(places)
        for index, node in enumerate(nodes):
            yield Edge(node, places[index // share], self.link, self.lanes)
        for index, bridge in enumerate(bridges):
            yield Edge(bridge, roots[index // self.bridges], self.uplink or self.link, self.uplink_lanes)
        if self.peer is not None:
            for first in range(0, len(bridges), self.bridges or 1):
                yield from all_pairs(bridges[first : first + self.bridges], self.peer)
        if self.between is not None:
            yield from all_pairs(roots, self.between)
        if self.memory is not None:
            for host, root in zip(self.hosts, roots, strict=False):
                yield Edge(host, root, self.memory)
