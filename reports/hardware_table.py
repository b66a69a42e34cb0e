"""A machine as tables and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from itertools import permutations
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from dataflow.cost import Roofline
from dataflow.cycles import Cycles
from dataflow.hardware import Hardware, HostInput, Processor
from dataflow.host_input import Pictures
from dataflow.link import Link
from dataflow.picoseconds import PS_PER_S
from dataflow.stored_picture import shorter_side
from reports import cycles_table, space_table, units
from reports.document import Json
from reports.grid import Grid, Row

if TYPE_CHECKING:
    from rich.console import RenderableType

_ROWS_SHOWN = 12
"""A table of more rows than these shows one of each that are alike, and how many there are."""


_PICTURE = Pictures(1, shorter_side(None, 224, 224) ** 2, 224 * 224)
"""A picture of the usual size."""


def hardware_json(hardware: Hardware) -> Json:
    """Processors, memories, links, routes and constants; times in seconds, rates per second.

    attained: bytes a second of large messages, headers not counted, when nothing shares the way.
    """
    shared = Counter(link.channel for link in hardware.links)
    return {
        "version": "1",
        "name": hardware.name,
        "description": hardware.description,
        "hosts": list(hardware.hosts),
        "switches": list(hardware.switches),
        "processors": {name: _processor(p, hardware) for name, p in hardware.processors.items()},
        "memories": {
            name: space_table.memory_json(memory, hardware) for name, memory in hardware.memories.items()
        },
        "inputs": {name: _input(each) for name, each in hardware.inputs.items()},
        "engines": {name: engine.operations_per_s for name, engine in hardware.engines.items()},
        "controller": space_table.controller_json(hardware.controller),
        "instructions": cycles_table.instructions_json(hardware),
        "links": {link.name: _link(link, shared[link.channel] > 1) for link in hardware.links},
        "routing": hardware.routing,
        "routes": {
            f"{source}->{destination}": {
                "links": [link.name for link in route],
                "bandwidth_bytes_per_s": min(link.bandwidth_bytes_per_s for link in route),
                "attained_bytes_per_s": min(link.attainable_bytes_per_s for link in route),
                "latency_s": sum(link.latency_ps + link.message_overhead_ps for link in route) / PS_PER_S,
            }
            for source, destination in permutations(hardware.memories, 2)
            for route in (hardware.route(source, destination),)
        },
        "constants": [
            {"path": c.path, "value": c.text, "source": c.source, "where": c.where}
            for c in hardware.constants
        ],
    }


def _input(host: HostInput) -> Json:
    return {
        "cores": host.cores,
        "decode_pixels_per_s": host.decode_pixels_per_s,
        "augment_pixels_per_s": host.augment_pixels_per_s,
        "buffers": host.buffers,
        "memory_bandwidth_bytes_per_s": host.memory_bytes_per_s,
        "images_per_s": host.cores * PS_PER_S / host.image_ps(_PICTURE),
    }


def _processor(processor: Processor, hardware: Hardware) -> Json:
    cost = processor.cost
    known: Json = {
        "model": processor.model,
        "peak_flops": cost.peak_flops,
        "memory": hardware.memory_of(processor.name),
        "memory_bytes": hardware.memories[hardware.memory_of(processor.name)].capacity_bytes,
        "copy_engines": processor.copy_engines,
        "copy_overhead_s": processor.copy_overhead_ps / PS_PER_S,
    }
    if isinstance(cost, Cycles):
        known["core"] = space_table.core_json(cost)
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


def _link(link: Link, shared: bool) -> Json:
    """shared: whether another link has the same channel: what passes one keeps the other waiting."""
    packets = link.packets
    return {
        "kind": link.kind,
        "bandwidth_bytes_per_s": link.bandwidth_bytes_per_s,
        "attained_bytes_per_s": link.attainable_bytes_per_s,
        "latency_s": link.latency_ps / PS_PER_S,
        "message_overhead_s": link.message_overhead_ps / PS_PER_S,
        "duplex": "half" if shared else "full",
        "sharing": link.sharing,
        "packets": None
        if packets is None
        else {"payload_bytes": packets.payload_bytes, "header_bytes": packets.header_bytes},
        "attained": [{"message_bytes": size, "fraction": fraction} for size, fraction in link.attained],
    }


def show_hardware(hardware: Hardware) -> RenderableType:
    """Tables of processors, links, routes and constants, for ``rich.print``."""
    document = hardware_json(hardware)
    grids = (
        _processors(document),
        *space_table.space_grids(document, hardware),
        cycles_table.instructions_grid(hardware),
        _memories(document, hardware),
        _links(document),
        _routes(document).first(_ROWS_SHOWN),
        _efficiencies(document),
    )
    text = f"  {hardware.description}" if hardware.description else ""
    head = Text.assemble((hardware.name, "bold"), text)
    tables = [Padding(grid.rich(), (1, 0, 0, 0)) for grid in grids if grid.rows]
    return Group(head, *tables, *_constants(document))


def _processors(document: Json) -> Grid:
    def row(known: Json) -> Row:
        """The cells of one processor."""
        return (
            known["model"],
            units.flops(known["peak_flops"]),
            units.size(known["memory_bytes"]),
            units.bandwidth(known.get("memory_bandwidth_bytes_per_s", 0)),
            units.duration(known.get("launch_overhead_s", 0)),
            str(known["copy_engines"]),
            units.duration(known["copy_overhead_s"]),
        )

    columns = ("name", "model", "peak", "memory", "bandwidth", "launch", "copy engines", "a copy")
    note = "launch, a copy: overhead of each task and of each transfer; MB = 1,000,000 B"
    others = {name: known for name, known in document["processors"].items() if "core" not in known}
    return Grid("Processors", columns, _rows(others, row), left=("model",), note=note)


def _rows(entries: Mapping[str, Json], row: Callable[[Json], Row]) -> tuple[Row, ...]:
    """A row for each entry, or when they are many one for all that differ in name alone."""
    made = {name: row(entry) for name, entry in entries.items()}
    if len(made) <= _ROWS_SHOWN:
        return tuple((name, *cells) for name, cells in made.items())
    alike: dict[Row, list[str]] = {}
    for name, cells in made.items():
        alike.setdefault(cells, []).append(name)
    return tuple((_names(names), *cells) for cells, names in alike.items())


def _names(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1:,} more"


def _memories(document: Json, hardware: Hardware) -> Grid:
    hosts = {
        name: memory | {"input": document["inputs"].get(name)}
        for name, memory in document["memories"].items()
        if name in hardware.hosts
    }
    if not document["inputs"]:
        return Grid(
            "Hosts", ("name", "memory"), _rows(hosts, lambda memory: (units.size(memory["capacity_bytes"]),))
        )
    columns = ("name", "memory", "bandwidth", "cores", "decode", "augment", "buffers", "images/s")
    note = "cores for batches, pixels/s of one, batches there is room for; images: 256 x 256, crops of 224"
    return Grid("Hosts", columns, _rows(hosts, _host), note=note)


def _host(known: Json) -> Row:
    """The cells of one host; dashes where it cannot make batches of files."""
    size, made = units.size(known["capacity_bytes"]), known["input"]
    if made is None:
        return (size, *["-"] * 6)
    bandwidth = made["memory_bandwidth_bytes_per_s"]
    return (
        size,
        "-" if bandwidth is None else units.bandwidth(bandwidth),
        str(made["cores"]),
        units.count(made["decode_pixels_per_s"]),
        units.count(made["augment_pixels_per_s"]),
        str(made["buffers"]),
        units.count(made["images_per_s"]),
    )


def _links(document: Json) -> Grid:
    def row(link: Json) -> Row:
        """The cells of one link."""
        return (
            link["kind"],
            units.bandwidth(link["bandwidth_bytes_per_s"]),
            units.bandwidth(link["attained_bytes_per_s"]),
            units.duration(link["latency_s"] + link["message_overhead_s"]),
            link["duplex"],
            link["sharing"],
        )

    columns = ("link", "kind", "bandwidth", "attained", "latency", "duplex", "sharing")
    note = "attained: by one large message, its headers not counted; of links that share, alone"
    left = ("kind", "duplex", "sharing")
    return Grid("Links, one direction each", columns, _rows(document["links"], row), left=left, note=note)


def _routes(document: Json) -> Grid:
    """Each route, or when they are many one for each sequence of kinds of links."""
    kinds = {name: link["kind"] for name, link in document["links"].items()}
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, route in document["routes"].items():
        few = len(document["routes"]) <= _ROWS_SHOWN
        alike.setdefault((name,) if few else tuple(kinds[link] for link in route["links"]), []).append(name)
    rows = tuple((_names(names), *_route(document["routes"][names[0]])) for names in alike.values())
    columns = ("from->to", "by way of", "attained", "latency")
    return Grid("Routes", columns, rows, left=("by way of",))


def _route(route: Json) -> Row:
    """Its nodes, bandwidth and latency."""
    first = route["links"][0].partition("->")[0]
    nodes = (first, *(name.partition("->")[2] for name in route["links"]))
    return (
        " -> ".join(nodes),
        units.bandwidth(route["attained_bytes_per_s"]),
        units.duration(route["latency_s"]),
    )


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
    note = "over 100 %: Winograd's and other algorithms multiply less than the FLOP that are counted"
    most = max((entry["compute"] for entries in models.values() for entry in entries), default=0)
    return Grid("Attained", columns, rows, left=("op", "pass"), note=note if most > 1 else "")


def _words(name: str, otherwise: str) -> str:
    return otherwise if name == "*" else name.replace("_", " ")


def _constants(document: Json) -> Iterator[RenderableType]:
    """Each with its value and place in a line, its source indented below: a table has no room for it.

    What stands once in a file and is meant for several, by an alias, is told once.
    """
    if document["constants"]:
        yield Text("\nConstants and who measured them", style="bold")
    written: dict[tuple[str, str, str], list[str]] = {}
    for constant in document["constants"]:
        key = (constant["value"], constant["source"], constant["where"])
        written.setdefault(key, []).append(constant["path"])
    for (value, source, where), paths in written.items():
        yield Text.assemble(f"{_names(paths)} = {value}", (f"  {where}", "dim"), overflow="fold")
        yield Padding(Text(source, style="dim"), (0, 0, 0, 4))
