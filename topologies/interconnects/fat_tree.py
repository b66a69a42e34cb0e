"""Fat trees of three levels: Al-Fares, Loukissas and Vahdat, SIGCOMM 2008."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Le, MultipleOf

from dataflow.errors import TopologyError
from topologies.constants import Name
from topologies.interconnects.wiring import Edge, Joins, Wiring

Radix = Annotated[int, Ge(2), Le(128), MultipleOf(2)]
"""Ports of a switch, half of them downwards."""


@dataclass(frozen=True, kw_only=True)
class FatTreeDocument(Joins):
    """A fat tree of switches with ``radix`` ports, for at most radix^3 / 4 nodes.

    Nodes fill edge switches and pods in order; what none of them needs is left out.
    uplink: the kind of link between switches, ``link`` when left out.
    """

    kind: Literal["fat-tree"]
    radix: Radix
    uplink: str | None = None
    name: Name = "fabric"

    def wiring(self, nodes: Sequence[str]) -> Wiring:
        """Raises TopologyError for more nodes than there are ports."""
        most = self.radix**3 // 4
        if len(nodes) > most:
            raise TopologyError(
                f"a fat tree of radix {self.radix} has room for {most} nodes, got {len(nodes)}; "
                "take a larger radix"
            )
        edges = tuple(self._edges(nodes))
        ends = dict.fromkeys(end for edge in edges for end in (edge.first, edge.second))
        return Wiring(tuple(end for end in ends if end not in set(nodes)), edges)

    def _edges(self, nodes: Sequence[str]) -> Iterator[Edge]:
        """Nodes to edge switches, these to the aggregation switches of their pod, these to the core."""
        half = self.radix // 2
        uplink = self.uplink or self.link
        leaves = -(-len(nodes) // half)
        pods = -(-leaves // half)
        for index, node in enumerate(nodes):
            leaf = index // half
            yield Edge(node, self._leaf(leaf), self.link, self.lanes)
        if leaves > 1:
            for leaf in range(leaves):
                for up in range(half):
                    yield Edge(self._leaf(leaf), self._aggregation(leaf // half, up), uplink, self.lanes)
        if pods > 1:
            for pod in range(pods):
                for up in range(half):
                    for core in range(up * half, (up + 1) * half):
                        above = f"{self.name}/core{core}"
                        yield Edge(self._aggregation(pod, up), above, uplink, self.lanes)

    def _leaf(self, leaf: int) -> str:
        return f"{self.name}/edge{leaf}"

    def _aggregation(self, pod: int, up: int) -> str:
        return f"{self.name}/aggregation{pod * (self.radix // 2) + up}"
