"""A network as a picture: what reads what, from top to bottom and column by column."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil, prod, sqrt
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx

from dataflow.layers import ConvolutionLayer, LayerSpec, PoolingLayer
from dataflow.network import DATA, Network
from dataflow.ops import Op, Role
from reports import palette, units
from reports.picture import save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BOX_IN = (2.1, 0.68)
_CELL_IN = (2.75, 1.0)
_MARGIN_IN = 0.45
_TITLE_IN = 0.6
_LEAST_ROWS = 8


@dataclass(frozen=True)
class Place:
    """The middle of a node in inches, y downwards, and the column and row it is in."""

    x: float
    y: float
    column: int
    row: int


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
    inputs = {name: network.inputs[name] for name in ops}
    places = layout({DATA: (), **inputs})
    width = max(place.x for place in places.values()) + _CELL_IN[0] / 2 + _MARGIN_IN
    height = max(place.y for place in places.values()) + _CELL_IN[1] / 2 + _MARGIN_IN
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    title = (
        f"{network.name}:  {network.parameter_count:,} parameters,  "
        f"{units.flop(network.forward_flop_per_image)} forward an image"
    )
    axes.text(_MARGIN_IN, _MARGIN_IN, title, fontsize=12, va="center", color=palette.INK)
    for name, sources in inputs.items():
        for source in sources:
            _arrow(axes, places[source], places[name])
    shape = "x".join(map(str, network.input_shape))
    _node(axes, places[DATA], DATA, f"{network.classes} classes", shape, palette.INK)
    for name, op in ops.items():
        colour = palette.OPS.get(op.kind, palette.OTHER_OP)
        _node(axes, places[name], name, _what(network.layers[name], op), _shape(op), colour)
    return figure


def layout(inputs: Mapping[str, Sequence[str]]) -> dict[str, Place]:
    """Places each node below all it reads; long networks go on in a next column.

    inputs: for each node what it reads. Nodes of one generation stand side by side.
    """
    graph: nx.DiGraph[str] = nx.DiGraph()
    graph.add_nodes_from(inputs)
    graph.add_edges_from((source, name) for name, sources in inputs.items() for source in sources)
    position = {name: index for index, name in enumerate(inputs)}
    generations = [sorted(names, key=position.__getitem__) for names in nx.topological_generations(graph)]
    rows = max(_LEAST_ROWS, ceil(sqrt(1.7 * len(generations))))
    places: dict[str, Place] = {}
    left = _MARGIN_IN
    for column, first in enumerate(range(0, len(generations), rows)):
        shown = generations[first : first + rows]
        widest = max(len(names) for names in shown)
        for row, names in enumerate(shown):
            indent = (widest - len(names)) / 2
            for index, name in enumerate(names):
                x = left + (indent + index + 0.5) * _CELL_IN[0]
                places[name] = Place(x, _MARGIN_IN + _TITLE_IN + (row + 0.5) * _CELL_IN[1], column, row)
        left += widest * _CELL_IN[0]
    return places


def _what(spec: LayerSpec, op: Op) -> str:
    """The kind of op and what a person would ask of it next."""
    kind = op.kind.replace("_", " ").replace("local response", "local resp.")
    if not isinstance(spec, ConvolutionLayer | PoolingLayer):
        return kind
    told = f"{kind} {_by(spec.kernel)}"
    if _by(spec.stride) != "1x1":
        told += f" / {spec.stride if isinstance(spec.stride, int) else _by(spec.stride)}"
    if isinstance(spec, ConvolutionLayer) and spec.groups > 1:
        told += f", {spec.groups} groups"
    return told


def _by(pair: int | tuple[int, int]) -> str:
    rows, columns = (pair, pair) if isinstance(pair, int) else pair
    return f"{rows}x{columns}"


def _shape(op: Op) -> str:
    shape = "x".join(map(str, op.operand("output").shape[1:])) or "1 loss an image"
    parameters = sum(prod(operand.shape) for operand in op.by_role(Role.PARAMETER))
    return f"{shape},  {parameters:,} parameters" if parameters else shape


def _node(axes: Axes, place: Place, name: str, what: str, shape: str, colour: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    width, height = _BOX_IN
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
        axes.text(left + 0.22, y, text, fontsize=size, fontweight=weight, color=ink, va="center")


def _arrow(axes: Axes, source: Place, target: Place) -> None:
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path as Outline

    half = _BOX_IN[1] / 2
    start, end = (source.x, source.y + half), (target.x, target.y - half)
    points = [start, end]
    if target.column != source.column:
        between = target.x - _CELL_IN[0] / 2
        spare = (_CELL_IN[1] - _BOX_IN[1]) / 2
        points = [
            start,
            (source.x, start[1] + spare),
            (between, start[1] + spare),
            (between, end[1] - spare),
            (target.x, end[1] - spare),
            end,
        ]
    elif target.row - source.row > 1 and source.x == target.x:
        side = source.x + _BOX_IN[0] / 2 + 0.2  # around what is between them
        points = [(source.x + _BOX_IN[0] / 2, source.y), (side, source.y), (side, target.y)]
        points.append((target.x + _BOX_IN[0] / 2, target.y))
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
