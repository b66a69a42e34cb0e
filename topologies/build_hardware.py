"""From a hardware document to the engine's machine."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields

from dataflow.cost import Efficiency, Roofline
from dataflow.errors import CheckError
from dataflow.hardware import Constant, Hardware, Link, Memory, Processor
from topologies.faults import full_path
from topologies.hardware_document import (
    Attained,
    Efficiencies,
    HardwareDocument,
    LinkDocument,
    OfKind,
    ProcessorModel,
)
from topologies.override import OUTSIDE_SOURCE
from topologies.tree import Fault, Keys, Node, did_you_mean


def hardware_of(document: HardwareDocument, root: Node, faults: list[Fault]) -> Hardware | None:
    """The machine that a document describes, or None when there are rules that it breaks.

    root: the tree of the document, for places. faults: where what is wrong is added.
    """
    found = list(_faults(document, root))
    if found:
        faults += found
        return None
    models = {name: _roofline(model) for name, model in document.models.items()}
    processors = {
        name: Processor(
            name=name,
            model=processor.model,
            cost=models[processor.model],
            copy_engines=document.models[processor.model].copy.engines.value,
            copy_overhead_ps=document.models[processor.model].copy.overhead.value,
        )
        for name, processor in document.processors.items()
    }
    memories = [
        Memory(name, document.models[processor.model].memory.capacity.value)
        for name, processor in document.processors.items()
    ]
    memories += [Memory(name, host.memory.capacity.value) for name, host in document.hosts.items()]
    try:
        return Hardware(
            name=document.name,
            processors=processors,
            memories={memory.name: memory for memory in memories},
            links=tuple(link for name, spec in document.links.items() for link in _links(name, spec)),
            host=next(iter(document.hosts), None),
            switches=document.switches,
            constants=tuple(_constants(root, ())),
            description=document.description,
        )
    except CheckError as error:
        faults += [_placed(root, text) for text in error.faults]
        return None


def _faults(document: HardwareDocument, root: Node) -> Iterator[Fault]:
    """The rules that concern more than one field."""
    for path, text in (*_node_faults(document), *_link_faults(document), *_source_faults(document)):
        yield Fault(root.nearest(path).place, f"{full_path('hardware', path)}: {text}")


def _node_faults(document: HardwareDocument) -> Iterator[tuple[Keys, str]]:
    """Processors without a model, several hosts, names that two nodes share."""
    for name, processor in document.processors.items():
        if processor.model not in document.models:
            near = did_you_mean(processor.model, document.models)
            known = ", ".join(document.models) or "none"
            text = f"there is no model {processor.model!r}{near or ';'} there are: {known}"
            yield ("processors", name, "model"), text
    if len(document.hosts) > 1:
        names = ", ".join(document.hosts)
        yield ("hosts",), f"there can be one host, got {len(document.hosts)} ({names})"
    for name in document.hosts:
        if name in document.processors:
            yield ("hosts", name), f"{name!r} is a processor too; give the host another name"


def _link_faults(document: HardwareDocument) -> Iterator[tuple[Keys, str]]:
    """Nodes connected with themselves, or twice."""
    joined: dict[frozenset[str], str] = {}
    for name, link in document.links.items():
        for index, (first, second) in enumerate(link.connects):
            path: Keys = ("links", name, "connects", index)
            pair = frozenset((first, second))
            if first == second:
                yield path, f"connects {first!r} with itself; name two nodes"
            elif pair in joined:
                yield path, f"{first!r} and {second!r} are already connected by {joined[pair]!r}; keep one"
            joined[pair] = name


def _source_faults(document: HardwareDocument) -> Iterator[tuple[Keys, str]]:
    """Fractions that no source covers."""
    for name, model in document.models.items():
        for path in _without_source(model.compute.efficiency):
            text = "'source' is missing; say who measured these fractions, or that they are assumed"
            yield ("models", name, "compute", "efficiency", *path), text


def _without_source(efficiencies: Efficiencies) -> Iterator[Keys]:
    """The kinds of op with fractions of their own that no source covers."""
    for field in fields(efficiencies):
        entry = getattr(efficiencies, field.name)
        if entry is not None and entry.source is None and (entry.compute, entry.memory) != (None, None):
            yield (field.name,)


def _placed(root: Node, text: str) -> Fault:
    """A fault that the engine found, at the line of what it names first, or of the whole document."""
    place = root.place
    for section in ("links", "processors", "hosts"):
        for name, node in root.nearest((section,)).mapping.items():
            if text.startswith((f"{name!r} ", f"link {name!r} ")):
                return Fault(node.nearest(("connects",)).place, f"hardware: {text}")
    return Fault(root.nearest(("processors",)).place if "processors" in text else place, f"hardware: {text}")


def _roofline(model: ProcessorModel) -> Roofline:
    return Roofline(
        peak_flops=model.compute.peak.value,
        bandwidth_bytes_per_s=model.memory.bandwidth.value,
        launch_overhead_ps=model.compute.launch_overhead.value,
        efficiency=_efficiency(model.compute.efficiency),
    )


def _efficiency(efficiencies: Efficiencies) -> Mapping[tuple[str, str], Efficiency]:
    """By (kind, pass). What a pass leaves out its kind has, then the default, then 1."""
    default = efficiencies.default
    base = _attained(default, Efficiency(1.0, 1.0))
    table = {("", ""): base}
    for field in fields(efficiencies):
        entry = getattr(efficiencies, field.name)
        if field.name == "default" or entry is None:
            continue
        of_kind = _attained(entry, base)
        if of_kind != base:
            table[field.name, ""] = of_kind
        for direction in fields(entry):
            one_pass = getattr(entry, direction.name)
            if isinstance(one_pass, Attained):
                table[field.name, direction.name] = _attained(one_pass, of_kind)
    return table


def _attained(entry: Attained | OfKind | None, base: Efficiency) -> Efficiency:
    if entry is None:
        return base
    return Efficiency(
        base.compute if entry.compute is None else entry.compute,
        base.memory if entry.memory is None else entry.memory,
    )


def _links(name: str, spec: LinkDocument) -> Iterator[Link]:
    """Both directions of each connection."""
    for first, second in spec.connects:
        for source, destination in ((first, second), (second, first)):
            direction = f"{source}->{destination}"
            yield Link(
                name=direction,
                kind=name,
                source=source,
                destination=destination,
                bandwidth_bytes_per_s=spec.bandwidth.value,
                latency_ps=spec.latency.value,
                channel=direction if spec.duplex == "full" else "--".join(sorted((first, second))),
            )


def _constants(node: Node, path: Keys) -> Iterator[Constant]:
    """Every number with a source, in the order of the document."""
    source = node.mapping.get("source")
    for key, below in node.mapping.items():
        number = not isinstance(below.content, dict | tuple)
        if source is None or key == "source" or not number:
            yield from _constants(below, (*path, key))
            continue
        at = path if key == "value" else (*path, key)
        text = OUTSIDE_SOURCE if below.place.outside and not source.place.outside else str(source.content)
        yield Constant(".".join(map(str, at)), str(below.content), text, str(below.place))
