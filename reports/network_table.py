"""A network as a table, as netscope and torchinfo show one, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from dataflow.network import DATA, Network, activation_bytes
from reports import units
from reports.document import Json
from reports.grid import Grid

if TYPE_CHECKING:
    from rich.console import RenderableType

_OWN = "\N{HORIZONTAL ELLIPSIS}"


def network_json(network: Network, batch: int, itemsize: int) -> Json:
    """Layers with shapes and counts. batch: images; itemsize: bytes of an element.

    ``macs`` and ``flop`` are those of one image's forward pass, ``output_bytes`` of the whole
    batch. ``output_shape`` is one image's, without the batch. Raises NetworkError and CheckError.
    """
    ops = network.ops(1)
    layers: list[Json] = []
    for name, op in ops.items():
        parameters = network.parameters(name)
        shape = op.operand("output").shape[1:]
        layers.append(
            {
                "name": name,
                "op": op.kind,
                "output_shape": list(shape),
                "parameters": parameters,
                "parameter_bytes": parameters * itemsize,
                "macs": op.macs,
                "flop": op.flop,
                "output_bytes": prod(shape) * batch * itemsize,
                "inputs": list(network.inputs[name]),
            }
        )
    return {
        "version": "1",
        "name": network.name,
        "description": network.description,
        "source": network.source,
        "input_shape": list(network.input_shape),
        "classes": network.classes,
        "parameters": network.parameter_count,
        "parameter_bytes": network.parameter_count * itemsize,
        "macs_per_image": network.macs_per_image,
        "forward_flop_per_image": network.forward_flop_per_image,
        "batch": batch,
        "activation_bytes": activation_bytes(network, batch, itemsize),
        "layers": layers,
    }


def show_network(network: Network, batch: int, itemsize: int) -> RenderableType:
    """A table of the layers and the totals, for ``rich.print``. Raises NetworkError and CheckError."""
    document = network_json(network, batch, itemsize)
    reads = _reads(document["layers"])
    branches = any(reads)
    rows = tuple(
        (
            layer["name"],
            _short(layer["op"]) if branches else layer["op"].replace("_", " "),
            *((read,) if branches else ()),
            "x".join(map(str, layer["output_shape"])) or "1",
            f"{layer['parameters']:,}" if layer["parameters"] else "",
            *(() if branches else (units.size(layer["parameter_bytes"]) if layer["parameters"] else "",)),
            f"{layer['macs']:,}" if layer["macs"] else "",
            units.size(layer["output_bytes"]),
        )
        for layer, read in zip(document["layers"], reads, strict=True)
    )
    note = f"output bytes: of a batch of {batch}; MAC: forward; MB = 1,000,000 B"
    if branches:
        note += (
            f"; reads: nothing for the layer above; {_OWN} stands for the beginning of the layer's own name"
        )
    columns = ("output", "parameters", *(() if branches else ("in bytes",)), "MAC/image", "output bytes")
    grid = Grid(
        "Layers",
        ("layer", "op", *(("reads",) if branches else ()), *columns),
        rows,
        left=("op", "reads"),
        note=note,
    )
    text = f"  {network.description}" if network.description else ""
    head = Text.assemble((network.name, "bold"), text)
    return Group(head, Padding(grid.rich(), (1, 0)), _totals(document))


def _short(kind: str) -> str:
    """The kind of an op in few letters, for a table that says what layers read too."""
    words = (("_", " "), ("normalization", "norm"), ("convolution", "conv"), ("pooling", "pool"))
    for long, short in words:
        kind = kind.replace(long, short)
    return kind


def _reads(layers: Sequence[Json]) -> list[str]:
    """For each layer what it reads, where that is not the layer before alone."""
    told: list[str] = []
    before = DATA
    for layer in layers:
        own = layer["name"][: layer["name"].rfind("_") + 1]
        names = [
            _OWN + name.removeprefix(own) if own and name.startswith(own) else name
            for name in layer["inputs"]
        ]
        told.append("" if layer["inputs"] == [before] else ", ".join(names))
        before = layer["name"]
    return told


def _totals(document: Json) -> Text:
    held = document["activation_bytes"]
    forward = units.flop(document["forward_flop_per_image"])
    lines = [
        f"input {'x'.join(map(str, document['input_shape']))}, {document['classes']} classes",
        f"{document['parameters']:,} parameters ({units.size(document['parameter_bytes'])})",
        f"{document['macs_per_image']:,} MAC forward an image ({forward})",
        f"activations of a batch of {document['batch']}: {units.size(held['simulator'])} in the simulator",
        f"  counted as Caffe does: {held['caffe']:,} B",
    ]
    if document["source"]:
        lines.append(f"source: {document['source']}")
    return Text("\n".join(lines))
