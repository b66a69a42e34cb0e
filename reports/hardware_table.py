"""A machine as tables and as JSON."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from dataflow.cost import PS_PER_S, Roofline
from dataflow.hardware import Hardware, Link, Processor
from reports import units
from reports.document import Json
from reports.grid import Grid

if TYPE_CHECKING:
    from rich.console import RenderableType

_ROUTES_SHOWN = 24


def hardware_json(hardware: Hardware) -> Json:
    """Processors, memories, links, routes and constants; times in seconds, rates per second."""
    return {
        "version": "1",
        "name": hardware.name,
        "description": hardware.description,
        "hosts": list(hardware.hosts),
        "switches": list(hardware.switches),
        "processors": {name: _processor(p, hardware) for name, p in hardware.processors.items()},
        "memories": {
            name: {"capacity_bytes": memory.capacity_bytes} for name, memory in hardware.memories.items()
        },
        "links": {
            link.name: {
                "kind": link.kind,
                "bandwidth_bytes_per_s": link.bandwidth_bytes_per_s,
                "latency_s": link.latency_ps / PS_PER_S,
                "duplex": _duplex(link, hardware),
            }
            for link in hardware.links
        },
        "routes": {
            f"{source}->{destination}": {
                "links": [link.name for link in route],
                "bandwidth_bytes_per_s": min(link.bandwidth_bytes_per_s for link in route),
                "latency_s": sum(link.latency_ps for link in route) / PS_PER_S,
            }
            for source, destination in permutations(hardware.memories, 2)
            for route in (hardware.route(source, destination),)
        },
        "constants": [
            {"path": c.path, "value": c.text, "source": c.source, "where": c.where}
            for c in hardware.constants
        ],
    }


def _processor(processor: Processor, hardware: Hardware) -> Json:
    cost = processor.cost
    known: Json = {
        "model": processor.model,
        "peak_flops": cost.peak_flops,
        "memory_bytes": hardware.memories[processor.name].capacity_bytes,
        "copy_engines": processor.copy_engines,
        "copy_overhead_s": processor.copy_overhead_ps / PS_PER_S,
    }
    if isinstance(cost, Roofline):
        known["memory_bandwidth_bytes_per_s"] = cost.bandwidth_bytes_per_s
        known["launch_overhead_s"] = cost.launch_overhead_ps / PS_PER_S
        known["efficiency"] = [
            {
                "op": op or "*",
                "pass": direction or "*",
                "compute": attained.compute,
                "memory": attained.memory,
            }
            for (op, direction), attained in sorted(cost.efficiency.items())
        ]
    return known


def _duplex(link: Link, hardware: Hardware) -> str:
    """Half when another link has the same channel: what passes one keeps the other waiting."""
    shared = any(other.channel == link.channel and other is not link for other in hardware.links)
    return "half" if shared else "full"


def show_hardware(hardware: Hardware) -> RenderableType:
    """Tables of processors, links, routes and constants, for ``rich.print``."""
    document = hardware_json(hardware)
    grids = (
        _processors(document),
        _memories(document, hardware),
        _links(document),
        _routes(document).first(_ROUTES_SHOWN),
        _efficiencies(document),
    )
    text = f"  {hardware.description}" if hardware.description else ""
    head = Text.assemble((hardware.name, "bold"), text)
    tables = [Padding(grid.rich(), (1, 0, 0, 0)) for grid in grids if grid.rows]
    return Group(head, *tables, *_constants(document))


def _processors(document: Json) -> Grid:
    rows = tuple(
        (
            name,
            known["model"],
            units.flops(known["peak_flops"]),
            units.size(known["memory_bytes"]),
            units.bandwidth(known.get("memory_bandwidth_bytes_per_s", 0)),
            units.duration(known.get("launch_overhead_s", 0)),
            str(known["copy_engines"]),
            units.duration(known["copy_overhead_s"]),
        )
        for name, known in document["processors"].items()
    )
    columns = ("name", "model", "peak", "memory", "bandwidth", "launch", "copy engines", "a copy")
    note = "launch, a copy: overhead of each task and of each transfer; MB = 1,000,000 B"
    return Grid("Processors", columns, rows, left=("model",), note=note)


def _memories(document: Json, hardware: Hardware) -> Grid:
    rows = tuple(
        (name, units.size(memory["capacity_bytes"]))
        for name, memory in document["memories"].items()
        if name not in hardware.processors
    )
    return Grid("Hosts", ("name", "memory"), rows)


def _links(document: Json) -> Grid:
    rows = tuple(
        (
            name,
            link["kind"],
            units.bandwidth(link["bandwidth_bytes_per_s"]),
            units.duration(link["latency_s"]),
            link["duplex"],
        )
        for name, link in document["links"].items()
    )
    columns = ("link", "kind", "bandwidth", "latency", "duplex")
    return Grid("Links, one direction each", columns, rows, left=("kind", "duplex"))


def _routes(document: Json) -> Grid:
    rows = tuple(
        (
            name,
            " -> ".join(
                [route["links"][0].partition("->")[0], *(n.partition("->")[2] for n in route["links"])]
            ),
            units.bandwidth(route["bandwidth_bytes_per_s"]),
            units.duration(route["latency_s"]),
        )
        for name, route in document["routes"].items()
    )
    return Grid("Routes", ("from->to", "by way of", "bandwidth", "latency"), rows, left=("by way of",))


def _efficiencies(document: Json) -> Grid:
    """By model, for processors of one model are alike."""
    models = {known["model"]: known.get("efficiency", []) for known in document["processors"].values()}
    rows = tuple(
        (
            model,
            _words(entry["op"], "every other op"),
            _words(entry["pass"], "every pass"),
            units.percent(entry["compute"]),
            units.percent(entry["memory"]),
        )
        for model, entries in models.items()
        for entry in entries
    )
    columns = ("model", "op", "pass", "of peak FLOP/s", "of bandwidth")
    return Grid("Attained", columns, rows, left=("op", "pass"))


def _words(name: str, otherwise: str) -> str:
    return otherwise if name == "*" else name.replace("_", " ")


def _constants(document: Json) -> Iterator[RenderableType]:
    """Each with its value and place in a line, its source indented below: a table has no room for it."""
    if document["constants"]:
        yield Text("\nConstants and who measured them", style="bold")
    for constant in document["constants"]:
        yield Text.assemble(
            f"{constant['path']} = {constant['value']}", (f"  {constant['where']}", "dim"), overflow="fold"
        )
        yield Padding(Text(constant["source"], style="dim"), (0, 0, 0, 4))
