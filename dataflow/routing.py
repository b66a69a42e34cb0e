"""Routes through a machine: which nodes data passes from one memory to another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import blake2b
from heapq import heappop, heappush
from itertools import pairwise
from typing import Literal

import networkx as nx

Routing = Literal["shortest", "ecmp"]
"""How one of several equally short ways is chosen: the first by name, or by a hash of the flow."""

_THROUGH_MEMORY = 1 << 32
"""Cost of passing through a processor or host, in hops: more than any way around it has."""


class Router:
    """Finds routes, as nodes from the first to the last, and remembers them.

    A route has the fewest hops; it goes through switches, and through a processor or host only
    when there is no other way. Of several it takes, at each node, the next that is first by name
    (``shortest``), or one chosen by a hash of source, destination, flow and node (``ecmp``, as
    switches do: RFC 2992). given: routes that are as they are, whatever is shorter.
    """

    def __init__(
        self,
        graph: nx.DiGraph[str],
        memories: frozenset[str],
        routing: Routing,
        given: Mapping[tuple[str, str], tuple[str, ...]],
    ) -> None:
        self.memories = memories
        self.routing = routing
        self.given = given
        self._after = {node: sorted(graph.successors(node)) for node in graph}
        self._before = {node: sorted(graph.predecessors(node)) for node in graph}
        self._costs: dict[str, dict[str, int]] = {}
        self._found: dict[tuple[str, str, str], tuple[str, ...]] = {}

    def nodes(self, source: str, destination: str, flow: str = "") -> tuple[str, ...]:
        """The nodes from one memory to another, both included; there must be a way."""
        if (source, destination) in self.given:
            return self.given[source, destination]
        key = (source, destination, flow if self.routing == "ecmp" else "")
        if key not in self._found:
            self._found[key] = tuple(self._walk(*key))
        return self._found[key]

    def _walk(self, source: str, destination: str, flow: str) -> Iterator[str]:
        """From node to node, each nearer to the destination than the one before."""
        costs = self._costs_to(destination)
        node = source
        while node != destination:
            yield node
            ways = {n: self._through(n, destination, costs) for n in self._after[node] if n in costs}
            least = min(ways.values())
            equal = [after for after, cost in ways.items() if cost == least]
            chosen = _hash(source, destination, flow, node) if self.routing == "ecmp" else 0
            node = equal[chosen % len(equal)]
        yield destination

    def _costs_to(self, destination: str) -> dict[str, int]:
        """For each node the hops of the best way from it, and what passing memories costs (Dijkstra)."""
        if destination not in self._costs:
            costs: dict[str, int] = {}
            reached = [(0, destination)]
            while reached:
                cost, node = heappop(reached)
                if node not in costs:
                    costs[node] = cost
                    through = self._through(node, destination, costs)
                    for before in self._before[node]:
                        if before not in costs:
                            heappush(reached, (through + 1, before))
            self._costs[destination] = costs
        return self._costs[destination]

    def _through(self, node: str, destination: str, costs: Mapping[str, int]) -> int:
        """What the best way costs for who comes to this node from elsewhere."""
        return costs[node] + (_THROUGH_MEMORY if node in self.memories and node != destination else 0)


def _hash(*words: str) -> int:
    """A number that is the same in every run, unlike ``hash``."""
    return int.from_bytes(blake2b("\n".join(words).encode(), digest_size=8).digest())


def given_route_faults(
    given: Mapping[tuple[str, str], tuple[str, ...]], graph: nx.DiGraph[str], memories: frozenset[str]
) -> Iterator[str]:
    """Given routes join the memories they are for, over links that are there."""
    for (source, destination), nodes in given.items():
        told = f"the route from {source!r} to {destination!r}"
        for end in (source, destination):
            if end not in memories:
                yield f"{told} is for {end!r}, which is no processor or host"
        if len(nodes) < 2 or (nodes[0], nodes[-1]) != (source, destination) or source == destination:
            yield f"{told} is {' -> '.join(nodes)}; begin with one and end with the other"
        for step in pairwise(nodes):
            if not graph.has_edge(*step):
                yield f"{told} goes from {step[0]!r} to {step[1]!r}, which no link joins"
