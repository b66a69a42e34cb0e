"""Dragonflies: Kim, Dally, Scott and Abts, ISCA 2008."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

from dataflow.errors import TopologyError
from topologies.constants import Multiple, Name
from topologies.interconnects.wiring import Edge, Joins, Wiring, all_pairs


@dataclass(frozen=True, kw_only=True)
class DragonflyDocument(Joins):
    """Groups of ``a`` routers, each with ``p`` nodes and ``h`` links to other groups.

    Routers of a group are all linked, and so are each two of the a h + 1 groups, once. They are
    called by group and place in it: ``fabric/router0-0``.
    local, remote: kinds of links in and between groups, ``link`` when left out.
    """

    kind: Literal["dragonfly"]
    a: Multiple
    p: Multiple
    h: Multiple
    local: str | None = None
    remote: str | None = None
    name: Name = "fabric"

    @property
    def groups(self) -> int:
        """How many groups there are: g = a h + 1."""
        return self.a * self.h + 1

    def wiring(self, nodes: Sequence[str]) -> Wiring:
        """Nodes fill routers in order. Raises TopologyError for more nodes than there are ports."""
        most = self.groups * self.a * self.p
        if len(nodes) > most:
            raise TopologyError(
                f"a dragonfly of a {self.a}, p {self.p}, h {self.h} has room for {most} nodes, "
                f"got {len(nodes)}; take larger ones"
            )
        routers = tuple(self._router(index) for index in range(self.groups * self.a))
        return Wiring(routers, tuple(self._edges(nodes, routers)))

    def _edges(self, nodes: Sequence[str], routers: Sequence[str]) -> Iterator[Edge]:
        for index, node in enumerate(nodes):
            yield Edge(node, routers[index // self.p], self.link, self.lanes)
        for group in range(self.groups):
            inside = routers[group * self.a : (group + 1) * self.a]
            yield from all_pairs(inside, self.local or self.link, self.lanes)
        for one, other in combinations(range(self.groups), 2):
            # Port j - 1 of group i leads to group j > i, and port i of group j back to it.
            near, far = one * self.a + (other - 1) // self.h, other * self.a + one // self.h
            yield Edge(routers[near], routers[far], self.remote or self.link, self.lanes)

    def _router(self, index: int) -> str:
        return f"{self.name}/router{index // self.a}-{index % self.a}"
