"""A machine: processors with memories, hosts, and the links between them.

Nodes are processors, hosts and switches, each with a name of its own; a memory has
the name of the node it belongs to. Nothing here knows any network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import networkx as nx

from dataflow.cost import CostModel
from dataflow.errors import CheckError


@dataclass(frozen=True)
class Constant:
    """One number of a description: where it stands in it, what it says, who measured it.

    path: dotted, such as ``models.gtx580.memory.bandwidth``. where: file and line.
    """

    path: str
    text: str
    source: str
    where: str


@dataclass(frozen=True)
class Memory:
    """A memory of a node; tensors live in it."""

    name: str
    capacity_bytes: int


@dataclass(frozen=True)
class Processor:
    """What runs tasks, one at a time, on tensors in its own memory.

    copy_engines: transfers it can drive while it computes. copy_overhead_ps: what each
    transfer costs before its first byte moves.
    """

    name: str
    model: str
    cost: CostModel
    copy_engines: int
    copy_overhead_ps: int


@dataclass(frozen=True)
class Link:
    """One direction of a connection between two nodes.

    name: ``A->B``. kind: its name in the description. channel: what transfers hold while
    they pass; both directions of a half-duplex link have the same one.
    """

    name: str
    kind: str
    source: str
    destination: str
    bandwidth_bytes_per_s: float
    latency_ps: int
    channel: str


@dataclass(frozen=True)
class Hardware:
    """Processors, memories and links. Raises CheckError, on construction, listing what is wrong."""

    name: str
    processors: Mapping[str, Processor]
    memories: Mapping[str, Memory]
    links: tuple[Link, ...]
    host: str | None = None
    switches: tuple[str, ...] = ()
    constants: tuple[Constant, ...] = ()
    description: str = ""

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise CheckError(f"hardware {self.name!r}", faults)

    def _faults(self) -> list[str]:
        nodes = [*self.memories, *self.switches]
        faults = [f"no processors; name at least one under {'processors'!r}"] if not self.processors else []
        faults += [
            f"{name!r} names two things; processors, hosts and switches need names of their own"
            for name in sorted({n for n in nodes if nodes.count(n) > 1})
        ]
        faults += [
            f"{name!r} has no memory of its own; add one of that name"
            for name in (*self.processors, *((self.host,) if self.host else ()))
            if name not in self.memories
        ]
        joined = Counter((link.source, link.destination) for link in self.links)
        faults += [
            f"{count} links go from {source!r} to {destination!r}; keep one"
            for (source, destination), count in joined.items()
            if count > 1
        ]
        faults += [
            f"link {link.name!r} has bandwidth {link.bandwidth_bytes_per_s} B/s, which must be more than 0"
            for link in self.links
            if not link.bandwidth_bytes_per_s > 0
        ]
        for link in self.links:
            faults += [
                f"link {link.kind!r} connects {end!r}, which is no processor, host or switch "
                f"(there are: {', '.join(nodes)})"
                for end in (link.source, link.destination)
                if end not in nodes
            ]
        if faults:
            return faults
        for first in self.memories:
            for second in self.memories:
                there_and_back = ((first, second), (second, first))
                if first < second and not all(nx.has_path(self.graph, *way) for way in there_and_back):
                    faults.append(
                        f"{first!r} and {second!r} are not connected; add a link whose 'connects' joins them"
                    )
        return faults

    @cached_property
    def graph(self) -> nx.DiGraph[str]:
        """Nodes and links as a networkx graph; each edge carries its ``link``."""
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from([*self.memories, *self.switches])
        for link in self.links:
            if not graph.has_edge(link.source, link.destination):
                graph.add_edge(link.source, link.destination, link=link)
        return graph

    @cached_property
    def _routes(self) -> dict[tuple[str, str], tuple[Link, ...]]:
        return {}

    def route(self, source: str, destination: str) -> tuple[Link, ...]:
        """The links from one memory to another: fewest hops, ties by the nodes' names.

        What lies on the way, a switch or another node, forwards at no cost of its own.
        """
        key = (source, destination)
        if key not in self._routes:
            nodes = min(nx.all_shortest_paths(self.graph, source, destination))
            self._routes[key] = tuple(self.graph.edges[edge]["link"] for edge in pairwise(nodes))
        return self._routes[key]
