"""From a hardware document to the engine's machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from dataflow.cost import Efficiency, Roofline
from dataflow.errors import CheckError
from dataflow.hardware import Constant, Hardware, Memory, Processor
from dataflow.link import Link, Packets
from topologies.assemble import Assembly, Broken, Connection, Unit, assembled
from topologies.faults import full_path
from topologies.hardware_document import HardwareDocument, MachineDocument
from topologies.override import OUTSIDE_SOURCE
from topologies.processor_document import DEFAULT, Attained, OfKind, ProcessorModel
from topologies.tree import Fault, Keys, Node

PASSES = ("forward", "moments", "input_gradient", "weight_gradient", "update")


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
    memories = {unit.name: unit.model.memory.capacity.value for unit in assembly.processors}
    try:
        return Hardware(
            name=document.name,
            processors=_processors(assembly),
            memories={name: Memory(name, size) for name, size in (*memories.items(), *assembly.hosts)},
            links=tuple(link for connection in assembly.connections for link in _links(connection)),
            hosts=tuple(name for name, _ in assembly.hosts),
            switches=assembly.switches,
            constants=tuple(_constants(root, ())),
            description=document.description,
            routing=document.routing,
            routes=_routes(assembly),
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
        for name, model in machine.models.items():
            for kind, entry in model.compute.efficiency.items():
                if entry.source is None and (entry.compute, entry.memory) != (None, None):
                    text = "'source' is missing; say who measured these fractions, or that they are assumed"
                    yield (*at, "models", name, "compute", "efficiency", kind), text
        for name, link in machine.links.items():
            sizes = [size for size, _ in link.attained.points] if link.attained else []
            if sizes != sorted(set(sizes)):
                yield (*at, "links", name, "attained", "points"), "sizes must grow from one point to the next"


def _placed(root: Node, text: str) -> Fault:
    """A fault that the engine found, at the line of what it names first, or of the whole document."""
    place = root.place
    for section in ("links", "processors", "hosts"):
        for name, node in root.nearest((section,)).mapping.items():
            if text.startswith((f"{name!r} ", f"link {name!r} ")):
                return Fault(node.nearest(("connects",)).place, f"hardware: {text}")
    if text.startswith("the route "):
        return Fault(root.nearest(("routes",)).place, f"hardware: {text}")
    return Fault(root.nearest(("processors",)).place if "processors" in text else place, f"hardware: {text}")


def _processors(assembly: Assembly) -> Mapping[str, Processor]:
    costs = {id(unit.model): _roofline(unit.model) for unit in assembly.processors}
    return {unit.name: _processor(unit, costs[id(unit.model)]) for unit in assembly.processors}


def _processor(unit: Unit, cost: Roofline) -> Processor:
    copy = unit.model.copy
    return Processor(
        name=unit.name,
        model=unit.model_name,
        cost=cost,
        copy_engines=copy.engines.value,
        copy_overhead_ps=copy.overhead.value,
        reduces=copy.reduces,
        node=unit.node,
    )


def _roofline(model: ProcessorModel) -> Roofline:
    return Roofline(
        peak_flops=model.compute.peak.value,
        bandwidth_bytes_per_s=model.memory.bandwidth.value,
        launch_overhead_ps=model.compute.launch_overhead.value,
        efficiency=_efficiency(model.compute.efficiency),
    )


def _efficiency(efficiencies: Mapping[str, OfKind]) -> Mapping[tuple[str, str], Efficiency]:
    """By (kind, pass). What a pass leaves out its kind has, then the default, then 1."""
    base = _attained(efficiencies.get(DEFAULT), Efficiency(1.0, 1.0))
    table = {("", ""): base}
    for kind, entry in efficiencies.items():
        if kind == DEFAULT:
            continue
        of_kind = _attained(entry, base)
        if of_kind != base:
            table[kind, ""] = of_kind
        passes = {name: getattr(entry, name) for name in PASSES}
        table |= {(kind, name): _attained(one, of_kind) for name, one in passes.items() if one is not None}
    return table


def _attained(entry: Attained | OfKind | None, base: Efficiency) -> Efficiency:
    if entry is None:
        return base
    return Efficiency(
        base.compute if entry.compute is None else entry.compute,
        base.memory if entry.memory is None else entry.memory,
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


def _constants(node: Node, path: Keys) -> Iterator[Constant]:
    """Every number with a source, in the order of the document."""
    source = node.mapping.get("source")
    for key, below in node.mapping.items():
        if source is None or key == "source" or isinstance(below.content, dict):
            yield from _constants(below, (*path, key))
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
