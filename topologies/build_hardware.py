"""From a hardware document to the engine's machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dataflow.cost import CostModel
from dataflow.errors import CheckError
from dataflow.hardware import Constant, Hardware, HostInput, Memory, Processor
from dataflow.link import Link, Packets
from topologies.assemble import Assembly, Broken, Connection, Unit, assembled
from topologies.build_cost import cost_of
from topologies.build_spaces import controller_of, engines_of, memory_of, space_faults
from topologies.cycles_document import CyclesModel
from topologies.faults import full_path
from topologies.hardware_document import HardwareDocument, MachineDocument
from topologies.model_faults import model_faults
from topologies.override import OUTSIDE_SOURCE
from topologies.tree import Fault, Keys, Node


def hardware_of(document: HardwareDocument, root: Node, faults: list[Fault]) -> Hardware | None:
    """The machine that a document describes, or None when there are rules that it breaks.

    root: the tree of the document, for places. faults: where what is wrong is added.
    """
    broken = list(_rules(document))
    assembly = assembled(document, broken)
    if broken:
        faults += [
            Fault(root.nearest(path).place, f"{full_path('hardware', path)}: {text}") for path, text in broken
        ]
        return None
    capacities = {
        unit.name: unit.model.memory.capacity.value for unit in assembly.processors if unit.model.memory
    }
    memories = [
        *(Memory(name, size) for name, size in capacities.items()),
        *(memory_of(space) for space in assembly.spaces),
        *(Memory(name, host.memory.capacity.value) for name, host in assembly.hosts),
    ]
    try:
        return Hardware(
            name=document.name,
            processors=_processors(assembly),
            memories={memory.name: memory for memory in memories},
            links=tuple(link for connection in assembly.connections for link in _links(connection)),
            hosts=tuple(name for name, _ in assembly.hosts),
            switches=assembly.switches,
            constants=tuple(_constants(root, (), None)),
            description=document.description,
            routing=document.routing,
            routes=_routes(assembly),
            engines=engines_of(assembly.spaces),
            controller=controller_of(assembly.spaces),
            inputs=dict(_inputs(assembly)),
        )
    except CheckError as error:
        faults += [_placed(root, text) for text in error.faults]
        return None


def _rules(document: HardwareDocument) -> Iterator[Broken]:
    """The rules that concern more than one field, and no connection."""
    machines: list[tuple[Keys, MachineDocument]] = [((), document)]
    if document.cluster is not None:
        machines.append((("cluster", "of"), document.cluster.of))
    for at, machine in machines:
        for name in machine.hosts:
            if name in machine.processors:
                yield (*at, "hosts", name), f"{name!r} is a processor too; give the host another name"
        for path, text in (*model_faults(machine), *space_faults(machine)):
            yield (*at, *path), text
        for name, link in machine.links.items():
            sizes = [size for size, _ in link.attained.points] if link.attained else []
            if sizes != sorted(set(sizes)):
                yield (*at, "links", name, "attained", "points"), "sizes must grow from one point to the next"


def _placed(root: Node, text: str) -> Fault:
    """A fault that the engine found, at the line of what it names first, or of the whole document."""
    place = root.place
    for section in ("links", "processors", "hosts", "spaces"):
        for name, node in root.nearest((section,)).mapping.items():
            if text.startswith((f"{name!r} ", f"link {name!r} ")):
                return Fault(node.nearest(("connects",)).place, f"hardware: {text}")
    if text.startswith("the route "):
        return Fault(root.nearest(("routes",)).place, f"hardware: {text}")
    return Fault(root.nearest(("processors",)).place if "processors" in text else place, f"hardware: {text}")


def _processors(assembly: Assembly) -> Mapping[str, Processor]:
    costs = {id(unit.model): cost_of(unit.model) for unit in assembly.processors}
    return {unit.name: _processor(unit, costs[id(unit.model)]) for unit in assembly.processors}


def _processor(unit: Unit, cost: CostModel) -> Processor:
    compute, copy = unit.model.compute, unit.model.copy
    return Processor(
        name=unit.name,
        model=unit.model_name,
        cost=cost,
        copy_engines=copy.engines.value if copy else 0,
        copy_overhead_ps=copy.overhead.value if copy else 0,
        reduces=copy.reduces if copy else False,
        node=unit.node,
        memory=unit.space,
        floats=compute.floats if isinstance(compute, CyclesModel) else True,
    )


def _inputs(assembly: Assembly) -> Iterator[tuple[str, HostInput]]:
    """The input paths of hosts that have one, by the host's name."""
    for name, host in assembly.hosts:
        if host.input is not None:
            bandwidth = host.memory.bandwidth
            yield (
                name,
                HostInput(
                    cores=host.input.cores.value,
                    decode_pixels_per_s=host.input.decode.value,
                    augment_pixels_per_s=host.input.augment.value,
                    buffers=host.input.buffers,
                    memory_bytes_per_s=None if bandwidth is None else bandwidth.value,
                ),
            )


def _links(connection: Connection) -> Iterator[Link]:
    """Both directions of a connection."""
    edge, spec = connection.edge, connection.spec
    for source, destination in ((edge.first, edge.second), (edge.second, edge.first)):
        direction = f"{source}->{destination}"
        yield Link(
            name=direction,
            kind=edge.link,
            source=source,
            destination=destination,
            bandwidth_bytes_per_s=spec.bandwidth.value * edge.lanes,
            latency_ps=spec.latency.value,
            channel=direction if spec.duplex == "full" else "--".join(sorted((source, destination))),
            sharing=spec.sharing,
            message_overhead_ps=spec.message_overhead.value if spec.message_overhead else 0,
            packets=Packets(spec.packets.payload, spec.packets.header) if spec.packets else None,
            attained=spec.attained.points if spec.attained else (),
        )


def _routes(assembly: Assembly) -> Mapping[tuple[str, str], tuple[str, ...]]:
    """Each given route, and back again where that is not given itself."""
    there = {(route[0], route[-1]): route for route in assembly.routes}
    back = {(route[-1], route[0]): route[::-1] for route in assembly.routes}
    return back | there


def _constants(node: Node, path: Keys, above: Node | None) -> Iterator[Constant]:
    """Every number with a source, its own or else that ``above``, in the order of the document."""
    source = node.mapping.get("source", above)
    for key, below in node.mapping.items():
        if source is None or key == "source" or isinstance(below.content, dict):
            yield from _constants(below, (*path, key), source)
            continue
        at = path if key == "value" else (*path, key)
        text = OUTSIDE_SOURCE if below.place.outside and not source.place.outside else str(source.content)
        yield Constant(".".join(map(str, at)), _shown(below), text, str(below.place))


def _shown(node: Node) -> str:
    """A number, or the rows of a table."""
    if not isinstance(node.content, tuple):
        return str(node.content)
    rows = any(isinstance(item.content, tuple) for item in node.content)
    return (", " if rows else " ").join(_shown(item) for item in node.content)
