"""A machine: processors with memories, hosts, and the links between them.

Nodes are processors, hosts and switches, each with a name of its own; a memory has
the name of the node it belongs to. Nothing here knows any network.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise

import networkx as nx

from dataflow.bank import Bank, Engine
from dataflow.cost import CostModel
from dataflow.errors import CheckError
from dataflow.host_input import HostInput
from dataflow.link import Link, Packets, Sharing, link_faults
from dataflow.memory import Memory, bank_faults
from dataflow.routing import Router, Routing, given_route_faults

__all__ = [
    "Bank",
    "Constant",
    "Controller",
    "Engine",
    "Hardware",
    "HostInput",
    "Link",
    "Memory",
    "Packets",
    "Processor",
    "Routing",
    "Sharing",
]


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
class Controller:
    """What signals processors, one signal after the other.

    signal_ps: to tell a processor to start. dispatch_ps: to choose a free processor and hand it a
    task. semaphore_ps: for a processor to raise or test a semaphore when no controller does.
    """

    signal_ps: int
    dispatch_ps: int
    semaphore_ps: int


@dataclass(frozen=True)
class Processor:
    """What runs tasks, one at a time, on tensors in its memory.

    memory: the address space it shares with others; empty for a memory of its own, which has its
    name. floats: whether it computes in floating point. copy_engines: transfers it can drive while
    it computes, into and out of a memory of its own. copy_overhead_ps: what each transfer costs
    before its first byte moves. reduces: whether what arrives can be added to what is there on
    the way (collective libraries do), rather than by a kernel of its own. node: the machine it
    is in, for collectives that go inside machines before between them.
    """

    name: str
    model: str
    cost: CostModel
    copy_engines: int
    copy_overhead_ps: int
    reduces: bool = False
    node: str = ""
    memory: str = ""
    floats: bool = True


@dataclass(frozen=True)
class Hardware:
    """Processors, memories and links. Raises CheckError, on construction, listing what is wrong.

    hosts: memories that batches may start from. engines: units of address spaces that all their
    processors share. controller: what signals processors, None for machines that need none.
    routing, routes: see ``dataflow.routing.Router``. inputs: of hosts that can make batches of files.
    """

    name: str
    processors: Mapping[str, Processor]
    memories: Mapping[str, Memory]
    links: tuple[Link, ...]
    hosts: tuple[str, ...] = ()
    switches: tuple[str, ...] = ()
    constants: tuple[Constant, ...] = ()
    description: str = ""
    routing: Routing = "shortest"
    routes: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    engines: Mapping[str, Engine] = field(default_factory=dict)
    controller: Controller | None = None
    inputs: Mapping[str, HostInput] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = list(self._node_faults()) + list(link_faults(self.links))
        if not faults:
            faults = [
                *self._connection_faults(),
                *given_route_faults(self.routes, self.graph, frozenset(self.memories)),
            ]
        if faults:
            raise CheckError(f"hardware {self.name!r}", faults)

    def _node_faults(self) -> Iterator[str]:
        """Nodes have names of their own and memories; links join nodes."""
        nodes = Counter([*self.memories, *self.switches])
        if not self.processors:
            yield f"no processors; name at least one under {'processors'!r}"
        for name in sorted(name for name, count in nodes.items() if count > 1):
            yield f"{name!r} names two things; processors, hosts and switches need names of their own"
        yield from self._memory_faults(nodes)
        for memory in self.memories.values():
            if memory.banks:
                yield from bank_faults(memory, self.processors_in(memory.name), self.engines)
        for link in self.links:
            for end in (link.source, link.destination):
                if end not in nodes:
                    yield (
                        f"link {link.kind!r} connects {end!r}, which is no processor, host or switch "
                        f"(there are: {', '.join(nodes)})"
                    )

    def _memory_faults(self, nodes: Container[str]) -> Iterator[str]:
        """Processors and hosts have a memory; only the name of one's own memory may be the processor's."""
        for name, processor in self.processors.items():
            if self.memory_of(name) not in self.memories:
                yield (
                    f"{name!r} computes in {processor.memory!r}, which is no memory; name one that is there"
                    if processor.memory
                    else f"{name!r} has no memory of its own; add one of that name"
                )
            elif processor.memory not in ("", name) and name in nodes:
                yield f"{name!r} names two things; processors, hosts and switches need names of their own"
        for name in self.hosts:
            if name not in self.memories:
                yield f"{name!r} has no memory of its own; add one of that name"
        for name in self.inputs:
            if name not in self.hosts:
                there = ", ".join(self.hosts) or "none"
                yield f"{name!r} has an input path, but is no host (there are: {there})"

    def _connection_faults(self) -> Iterator[str]:
        """There is a way from every memory to every other, and back."""
        components = nx.strongly_connected_components(self.graph)
        part = {node: number for number, nodes in enumerate(components) for node in nodes}
        for first in self.memories:
            for second in self.memories:
                if first < second and part[first] != part[second]:
                    yield (
                        f"{first!r} and {second!r} are not connected; add a link whose 'connects' joins them"
                    )

    def roomy(self) -> Hardware:
        """The same machine with memories that have room for anything."""
        return replace(self, memories={name: memory.roomy() for name, memory in self.memories.items()})

    def memory_of(self, processor: str) -> str:
        """The memory in which a processor computes: its own, or an address space."""
        return self.processors[processor].memory or processor

    @cached_property
    def _processors_in(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {}
        for name in self.processors:
            found.setdefault(self.memory_of(name), []).append(name)
        return {memory: tuple(names) for memory, names in found.items()}

    def processors_in(self, memory: str) -> tuple[str, ...]:
        """The processors that compute in a memory, in order; none for a host's."""
        return self._processors_in.get(memory, ())

    def reduces(self, memory: str) -> bool:
        """Whether what arrives in a memory can be added on the way to what is there; not in a host's."""
        there = self.processors_in(memory)
        return bool(there) and all(self.processors[name].reduces for name in there)

    def node_of(self, memory: str) -> str:
        """The machine that the processors of a memory are in; empty for a host's."""
        there = self.processors_in(memory)
        return self.processors[there[0]].node if there else ""

    @cached_property
    def copy_engines(self) -> Mapping[str, int]:
        """How many copy engines each memory has that has a say in transfers; see ``driver``."""
        found: dict[str, int] = {}
        for name, memory in self.memories.items():
            own = self.processors.get(name)
            if own is not None and self.memory_of(name) == name:
                found[name] = own.copy_engines
            elif memory.copy_engines:
                found[name] = memory.copy_engines
        return found

    @cached_property
    def graph(self) -> nx.DiGraph[str]:
        """Nodes and links as a networkx graph; each edge carries its ``link``."""
        graph: nx.DiGraph[str] = nx.DiGraph()
        graph.add_nodes_from([*self.memories, *self.switches])
        graph.add_edges_from((link.source, link.destination, {"link": link}) for link in self.links)
        return graph

    @cached_property
    def _router(self) -> Router:
        return Router(self.graph, frozenset(self.memories), self.routing, self.routes)

    @cached_property
    def _links_of(self) -> dict[tuple[str, ...], tuple[Link, ...]]:
        return {}

    @cached_property
    def _alphas_ps(self) -> dict[tuple[str, str], int]:
        return {}

    def route(self, source: str, destination: str, flow: str = "") -> tuple[Link, ...]:
        """The links from one memory to another, as ``dataflow.routing.Router`` chooses them.

        flow: what tells apart messages that may go different ways, where ``routing`` is ``ecmp``.
        What lies on the way, a switch or another node, forwards at no cost of its own.
        """
        nodes = self._router.nodes(source, destination, flow)
        if nodes not in self._links_of:
            self._links_of[nodes] = tuple(self.graph.edges[edge]["link"] for edge in pairwise(nodes))
        return self._links_of[nodes]

    def nearest_host(self, memory: str) -> str:
        """The host that is fewest hops from a memory, the first named of several; there must be one."""
        return min(self.hosts, key=lambda host: len(self.route(host, memory)))

    def driver(self, source: str, destination: str) -> str | None:
        """Whose copy engine makes a transfer: the sender's, or the receiver's when the sender has none.

        None between two hosts, which need no copy engine.
        """
        return next((name for name in (source, destination) if name in self.copy_engines), None)

    def alpha_ps(self, source: str, destination: str) -> int:
        """Time before a transfer's first byte moves: overheads of its driver and links, and latencies."""
        if (source, destination) not in self._alphas_ps:
            driver = self.driver(source, destination)
            overhead_ps = 0
            if driver is not None:
                own = self.processors.get(driver)
                overhead_ps = (own or self.memories[driver]).copy_overhead_ps
            route = self.route(source, destination)
            links_ps = sum(link.message_overhead_ps + link.latency_ps for link in route)
            self._alphas_ps[source, destination] = overhead_ps + links_ps
        return self._alphas_ps[source, destination]

    def transfer_ps(self, size_bytes: int, source: str, destination: str) -> int:
        """Time of a transfer that shares nothing: alpha + bytes over the slowest link; at least 1 ps."""
        route = self.route(source, destination)
        longest = max((link.time_ps(size_bytes) for link in route), default=0.0)
        return max(1, self.alpha_ps(source, destination) + round(longest))

    def hop(self, source: str, destination: str) -> tuple[int, float]:
        """(alpha in picoseconds, bytes/s) of large messages, for closed forms: a + S/B."""
        route = self.route(source, destination)
        return self.alpha_ps(source, destination), min(link.attainable_bytes_per_s for link in route)
