"""The nodes and connections of a hardware document, when all that it generates is made."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import chain

from dataflow.errors import TopologyError
from dataflow.near import did_you_mean
from topologies.hardware_document import HardwareDocument, HostDocument, LinkDocument, MachineDocument
from topologies.interconnects import Edge, Interconnect
from topologies.processor_document import ProcessorModel
from topologies.space_document import SpaceDocument
from topologies.tree import Keys

Broken = tuple[Keys, str]
"""Where in the document a rule is broken, and how."""


@dataclass(frozen=True)
class Unit:
    """A processor: its name, make, and the machine that it is in.

    space: the address space whose core it is; empty for what has a memory of its own.
    """

    name: str
    model_name: str
    model: ProcessorModel
    node: str
    space: str = ""


@dataclass(frozen=True)
class Space:
    """An address space: its name, what the document says of it, its cores, and the machine it is in."""

    name: str
    document: SpaceDocument
    cores: tuple[str, ...]
    model: ProcessorModel
    node: str = ""


@dataclass(frozen=True)
class Connection:
    """An edge, the properties of its kind of link, and where in the document it comes from."""

    edge: Edge
    spec: LinkDocument
    origin: Keys


@dataclass(frozen=True)
class Assembly:
    """All nodes and connections of a machine. hosts: name and document. routes: node by node."""

    processors: tuple[Unit, ...] = ()
    spaces: tuple[Space, ...] = ()
    hosts: tuple[tuple[str, HostDocument], ...] = ()
    switches: tuple[str, ...] = ()
    connections: tuple[Connection, ...] = ()
    routes: tuple[tuple[str, ...], ...] = ()

    @property
    def nodes(self) -> list[str]:
        """What links may join: processors with memories of their own, spaces, hosts and switches."""
        return [
            *(unit.name for unit in self.processors if not unit.space),
            *(space.name for space in self.spaces),
            *(name for name, _ in self.hosts),
            *self.switches,
        ]

    def inside(self, node: str) -> Assembly:
        """The same as a node of a cluster, whose name goes before all names."""

        def named(name: str) -> str:
            return f"{node}/{name}"

        return Assembly(
            tuple(
                replace(unit, name=named(unit.name), node=node, space=unit.space and named(unit.space))
                for unit in self.processors
            ),
            tuple(
                replace(space, name=named(space.name), cores=tuple(map(named, space.cores)), node=node)
                for space in self.spaces
            ),
            tuple((named(name), host) for name, host in self.hosts),
            tuple(named(name) for name in self.switches),
            tuple(
                replace(
                    each,
                    edge=replace(each.edge, first=named(each.edge.first), second=named(each.edge.second)),
                )
                for each in self.connections
            ),
            tuple(tuple(named(name) for name in route) for route in self.routes),
        )


def assembled(document: MachineDocument, broken: list[Broken], at: Keys = ()) -> Assembly:
    """What a document describes.

    at: where the document stands in a larger one. broken: where the rules that it breaks are added.
    """
    cluster = document.cluster if isinstance(document, HardwareDocument) else None
    machine, links = Assembly(), dict[str, LinkDocument]()
    if cluster is not None:
        inner = assembled(cluster.of, broken, ("cluster", "of"))
        machine = _joined(inner.inside(f"{cluster.name}{index}") for index in range(cluster.count))
        links |= cluster.of.links
        broken += [
            ((*at, "links", name), f"{name!r} is a link of the machine too; give it another name")
            for name in document.links
            if name in links
        ]
    links |= document.links
    machine = _joined((machine, _own(document, at, broken)))
    for index, generator in enumerate(document.interconnect):
        path: Keys = (*at, "interconnect", index)
        try:
            machine = _joined((machine, _generated(generator, machine.nodes, links, path)))
        except TopologyError as error:
            broken.append((path, str(error)))
    broken += _connected_twice(machine.connections)
    return machine


def _joined(parts: Iterable[Assembly]) -> Assembly:
    """All that the parts have, in their order."""
    every = list(parts)
    return Assembly(
        tuple(chain.from_iterable(part.processors for part in every)),
        tuple(chain.from_iterable(part.spaces for part in every)),
        tuple(chain.from_iterable(part.hosts for part in every)),
        tuple(chain.from_iterable(part.switches for part in every)),
        tuple(chain.from_iterable(part.connections for part in every)),
        tuple(chain.from_iterable(part.routes for part in every)),
    )


def _own(document: MachineDocument, at: Keys, broken: list[Broken]) -> Assembly:
    """What is described node by node and pair by pair."""
    units: list[Unit] = []
    for name, processor in document.processors.items():
        model = _model(document, processor.model, (*at, "processors", name, "model"), broken)
        if model is not None:
            names = _counted(name, processor.count)
            units += [Unit(each, processor.model, model, processor.node) for each in names]
    spaces = tuple(_spaces(document, at, broken))
    units += [
        Unit(core, space.document.model, space.model, "", space.name)
        for space in spaces
        for core in space.cores
    ]
    connections = tuple(
        Connection(Edge(first, second, name), spec, (*at, "links", name, "connects", index))
        for name, spec in document.links.items()
        for index, (first, second) in enumerate(spec.connects)
    )
    hosts = tuple(_hosts(document.hosts))
    return Assembly(tuple(units), spaces, hosts, document.switches, connections, document.routes)


def _model(document: MachineDocument, name: str, at: Keys, broken: list[Broken]) -> ProcessorModel | None:
    """The model of this name, or None when there is none."""
    model = document.models.get(name)
    if model is None:
        near = did_you_mean(name, document.models)
        known = ", ".join(document.models) or "none"
        broken.append((at, f"there is no model {name!r}{near or ';'} there are: {known}"))
    return model


def _spaces(document: MachineDocument, at: Keys, broken: list[Broken]) -> Iterator[Space]:
    """Address spaces and the names of their cores, which no other processor may have."""
    taken = {each for name, one in document.processors.items() for each in _counted(name, one.count)}
    for name, space in document.spaces.items():
        path: Keys = (*at, "spaces", name)
        model = _model(document, space.model, (*path, "model"), broken)
        cores = tuple(f"{space.core}{index}" for index in range(space.cores.value))
        twice = next((core for core in cores if core in taken), None)
        if twice is not None:
            broken.append((path, f"{twice!r} names two processors; call the cores otherwise with 'core'"))
        taken |= set(cores)
        if model is not None:
            yield Space(name, space, cores, model)


def _hosts(hosts: Mapping[str, HostDocument]) -> Iterator[tuple[str, HostDocument]]:
    for name, host in hosts.items():
        for each in _counted(name, host.count):
            yield each, host


def _counted(name: str, count: int | None) -> Sequence[str]:
    """One name, or as many as are counted."""
    return (name,) if count is None else [f"{name}{index}" for index in range(count)]


def _generated(
    generator: Interconnect, nodes: Sequence[str], links: Mapping[str, LinkDocument], path: Keys
) -> Assembly:
    """What a generator makes. Raises TopologyError for nodes and links that are not there."""
    wiring = generator.wiring(_chosen(generator.nodes, nodes))
    for edge in wiring.edges:
        if edge.link not in links:
            near = did_you_mean(edge.link, links)
            raise TopologyError(
                f"there is no link {edge.link!r}{near or ';'} there are: {', '.join(links) or 'none'}"
            )
    connections = tuple(Connection(edge, links[edge.link], path) for edge in wiring.edges)
    return Assembly(switches=wiring.switches, connections=connections)


def _chosen(patterns: Iterable[str], nodes: Sequence[str]) -> list[str]:
    """The nodes that the patterns name, each once, in the order of the patterns and then of the nodes."""
    chosen: dict[str, None] = {}
    for pattern in patterns:
        fitting = [node for node in nodes if fnmatchcase(node, pattern)]
        if not fitting:
            near = did_you_mean(pattern, nodes)
            raise TopologyError(f"no node is called {pattern!r}{near or ';'} there are: {_told(nodes)}")
        chosen |= dict.fromkeys(fitting)
    if not chosen:
        raise TopologyError("joins no nodes; name them under 'nodes'")
    return list(chosen)


def _told(nodes: Sequence[str]) -> str:
    """The first of many names."""
    few = 12
    return ", ".join(nodes[:few]) + (f" and {len(nodes) - few} more" if len(nodes) > few else "")


def _connected_twice(connections: Iterable[Connection]) -> Iterator[Broken]:
    """Nodes connected with themselves, or twice."""
    joined: dict[frozenset[str], str] = {}
    for connection in connections:
        edge = connection.edge
        pair = frozenset((edge.first, edge.second))
        if edge.first == edge.second:
            yield connection.origin, f"connects {edge.first!r} with itself; name two nodes"
        elif pair in joined:
            text = f"{edge.first!r} and {edge.second!r} are already connected by {joined[pair]!r}; keep one"
            yield connection.origin, text
        joined[pair] = edge.link
