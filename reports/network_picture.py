"""A network as a picture: what reads what, from top to bottom and column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dataflow.layers import ConvolutionLayer, LayerSpec, PoolingLayer
from dataflow.network import DATA, Network, Tokens
from dataflow.ops import Op
from reports import palette, units
from reports.network_layout import BOX_IN, CELL_IN, MARGIN_IN, Place, layout, route
from reports.picture import save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_MOST_BOXES = 40
"""Of a network with more layers, what goes on from one alone is drawn in the same box."""

_LINE, _LINE_BOLD = 225.0, 195.0
"""Points of font size times characters that fit into a line of a box."""

_FOLLOWERS = (
    "batch_normalization",
    "layer_normalization",
    "local_response_normalization",
    "relu",
    "tanh",
    "sigmoid",
    "gelu",
    "dropout",
)
"""Ops that are drawn in the box of what they read."""


def draw_network(network: Network, path: str | Path) -> None:
    """Draws a network to an .svg or .png file.

    Raises ReportError when the file cannot be written, NetworkError and CheckError when the
    layers do not fit together.
    """
    save_picture(network_figure(network), path)


def network_figure(network: Network) -> Figure:
    """The picture, for a notebook or another file format."""
    from matplotlib.figure import Figure

    ops = network.ops(1)
    boxes = boxes_of(network, ops)
    box = {DATA: DATA, **{name: first for first, names in boxes.items() for name in names}}
    inputs = {first: tuple(box[source] for source in network.inputs[first]) for first in boxes}
    places = layout({DATA: (), **inputs})
    width = max(place.x for place in places.values()) + CELL_IN[0] / 2 + MARGIN_IN
    height = max(place.y for place in places.values()) + CELL_IN[1] / 2 + MARGIN_IN
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    title = (
        f"{network.name}:  {network.parameter_count:,} parameters,  "
        f"{units.flop(network.forward_flop_per_image)} forward {_example(network)}"
    )
    axes.text(MARGIN_IN, MARGIN_IN, title, fontsize=12, va="center", color=palette.INK)
    for name, sources in inputs.items():
        for source in sources:
            _arrow(axes, route(source, name, places))
    shape = "x".join(map(str, network.input_shape))
    _node(axes, places[DATA], DATA, f"{network.classes} classes", shape, palette.INK)
    for first, names in boxes.items():
        colour = palette.OPS.get(ops[first].kind, palette.OTHER_OP)
        what = " + ".join((_what(network.layers[first], ops[first]), *(_kind(ops[n]) for n in names[1:])))
        if len(names) > 1:
            what = what.replace("convolution", "conv").replace("batch norm", "norm")
        parameters = sum(network.parameters(name) for name in names)
        _node(axes, places[first], first, what, _shape(ops[names[-1]], parameters), colour)
    return figure


def boxes_of(network: Network, ops: Mapping[str, Op]) -> dict[str, tuple[str, ...]]:
    """The layers in each box, by the name of the first; most boxes hold one layer."""
    if len(ops) <= _MOST_BOXES:
        return {name: (name,) for name in ops}
    readers: dict[str, int] = {}
    for name in ops:
        for source in network.inputs[name]:
            readers[source] = readers.get(source, 0) + 1
    first: dict[str, str] = {}
    boxes: dict[str, tuple[str, ...]] = {}
    for name, op in ops.items():
        source = network.inputs[name][0]
        if op.kind in _FOLLOWERS and readers[source] == 1 and source in first:
            first[name] = first[source]
            boxes[first[name]] += (name,)
        else:
            first[name] = name
            boxes[name] = (name,)
    return boxes


def _what(spec: LayerSpec, op: Op) -> str:
    """The kind of op and what a person would ask of it next."""
    kind = _kind(op)
    if not isinstance(spec, ConvolutionLayer | PoolingLayer):
        return kind
    told = f"{kind} {_by(spec.kernel)}"
    if _by(spec.stride) != "1x1":
        told += f" / {spec.stride if isinstance(spec.stride, int) else _by(spec.stride)}"
    if isinstance(spec, ConvolutionLayer) and spec.groups > 1:
        told += f", {spec.groups} groups"
    return told


def _example(network: Network) -> str:
    return "a sequence" if isinstance(network.input, Tokens) else "an image"


def _kind(op: Op) -> str:
    """The kind of op in words that fit into a box."""
    words = op.kind.replace("_", " ").replace("local response", "local resp.")
    return words.replace("batch normalization", "batch norm").replace("layer normalization", "layer norm")


def _by(pair: int | tuple[int, int]) -> str:
    rows, columns = (pair, pair) if isinstance(pair, int) else pair
    return f"{rows}x{columns}"


def _shape(op: Op, parameters: int) -> str:
    shape = "x".join(map(str, op.operand("output").shape[1:])) or "1 loss an example"
    return f"{shape},  {parameters:,} parameters" if parameters else shape


def _node(axes: Axes, place: Place, name: str, what: str, shape: str, colour: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    width, height = BOX_IN
    left, top = place.x - width / 2, place.y - height / 2
    style = "round,pad=0,rounding_size=0.08"
    axes.add_patch(
        FancyBboxPatch(
            (left, top), width, height, boxstyle=style, facecolor="white", edgecolor=colour, linewidth=1.4
        )
    )
    axes.add_patch(
        FancyBboxPatch(
            (left, top), 0.12, height, boxstyle=style, facecolor=colour, edgecolor=colour, linewidth=1.4
        )
    )
    lines = (
        (name, 9.0, "bold", palette.INK),
        (what, 7.5, "normal", palette.INK),
        (shape, 7.0, "normal", palette.FAINT),
    )
    for index, (text, size, weight, ink) in enumerate(lines):
        y = top + height * (0.22 + 0.29 * index)
        fitting = min(size, (_LINE_BOLD if weight == "bold" else _LINE) / len(text))
        axes.text(left + 0.22, y, text, fontsize=fitting, fontweight=weight, color=ink, va="center")


def _arrow(axes: Axes, points: Sequence[tuple[float, float]]) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Outline

    codes = [Outline.MOVETO, *[Outline.LINETO] * (len(points) - 1)]
    axes.add_patch(
        FancyArrowPatch(
            path=Outline(points, codes),
            arrowstyle="-|>",
            mutation_scale=9,
            color=palette.FAINT,
            linewidth=1.0,
            shrinkA=0,
            shrinkB=0,
            zorder=0.5,
        )
    )
