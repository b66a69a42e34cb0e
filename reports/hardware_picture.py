"""A machine as a picture: processors, hosts, switches, and the links between them."""

from __future__ import annotations

from collections.abc import Mapping
from math import cos, pi, sin
from pathlib import Path
from typing import TYPE_CHECKING

import networkx as nx

from dataflow.cost import PS_PER_S
from dataflow.hardware import Hardware, Link
from reports import palette, units
from reports.picture import save_picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BOX_IN = (1.7, 0.72)
_CELL_IN = (2.15, 1.75)
_MARGIN_IN = 0.35
_TITLE_IN = 0.55
_LEGEND_LINE_IN = 0.28
_A_ROW = 8
_LABELLED_LINKS = 24
_LINK_COLOURS = ("#4C78A8", "#F28E2B", "#4E9F50", "#D6404E", "#9D5C9E", "#6B6B6B")

Position = tuple[float, float]
"""The middle of a node in inches, y downwards."""


def draw_hardware(hardware: Hardware, path: str | Path) -> None:
    """Draws a machine to an .svg or .png file. Raises ReportError when it cannot be written."""
    save_picture(hardware_figure(hardware), path)


def hardware_figure(hardware: Hardware) -> Figure:
    """The picture, for a notebook or another file format."""
    from matplotlib.figure import Figure

    positions = _positions(hardware)
    kinds = list(dict.fromkeys(link.kind for link in hardware.links))
    legend_in = _LEGEND_LINE_IN * len(kinds) + 0.1
    width = max(5.5, max(x for x, _ in positions.values()) + _CELL_IN[0] / 2 + _MARGIN_IN)
    height = max(y for _, y in positions.values()) + _BOX_IN[1] / 2 + _MARGIN_IN + legend_in
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    axes.text(_MARGIN_IN, _MARGIN_IN, hardware.name, fontsize=12, va="center", color=palette.INK)
    colours = {kind: _LINK_COLOURS[index % len(_LINK_COLOURS)] for index, kind in enumerate(kinds)}
    _draw_links(axes, hardware, positions, colours)
    for name, position in positions.items():
        _node(axes, hardware, name, position)
    for index, kind in enumerate(kinds):
        link = next(link for link in hardware.links if link.kind == kind)
        y = height - legend_in + _LEGEND_LINE_IN * (index + 0.2)
        axes.plot([_MARGIN_IN, _MARGIN_IN + 0.35], [y, y], color=colours[kind], linewidth=2.2)
        axes.text(
            _MARGIN_IN + 0.45, y, _kind_told(link, hardware), fontsize=8, va="center", color=palette.INK
        )
    return figure


def _positions(hardware: Hardware) -> dict[str, Position]:
    """In levels by the distance from the host where switches make a tree, else in a circle."""
    if not hardware.hosts or not hardware.switches:
        return _circle(hardware)
    distance = nx.multi_source_dijkstra_path_length(hardware.graph, set(hardware.hosts))
    levels: dict[int, list[str]] = {}
    for name in hardware.graph.nodes:
        levels.setdefault(distance[name], []).append(name)
    widest = max(len(names) for names in levels.values())
    if widest > _A_ROW:
        return _circle(hardware)
    return {
        name: (
            _MARGIN_IN + ((widest - len(names)) / 2 + index + 0.5) * _CELL_IN[0],
            _MARGIN_IN + _TITLE_IN + _BOX_IN[1] / 2 + level * _CELL_IN[1],
        )
        for level, names in levels.items()
        for index, name in enumerate(names)
    }


def _circle(hardware: Hardware) -> dict[str, Position]:
    """What has a memory in a circle, each switch inside it, towards what it is linked to."""
    nodes = list(hardware.memories)
    radius = max(1.4, len(nodes) * _CELL_IN[0] / (2 * pi)) if len(nodes) > 1 else 0.0
    middle_x = _MARGIN_IN + _CELL_IN[0] / 2 + radius
    middle_y = _MARGIN_IN + _TITLE_IN + _BOX_IN[1] / 2 + radius
    angles = {name: 2 * pi * index / len(nodes) for index, name in enumerate(nodes)}
    places = {name: (middle_x + radius * sin(a), middle_y - radius * cos(a)) for name, a in angles.items()}
    for switch in hardware.switches:
        linked = [places[name] for name in hardware.graph.successors(switch) if name in angles]
        linked = linked or [(middle_x, middle_y)]
        x, y = (sum(axis) / len(linked) for axis in zip(*linked, strict=True))
        places[switch] = (middle_x + (x - middle_x) / 2, middle_y + (y - middle_y) / 2)
    return places


def _pairs(hardware: Hardware) -> dict[tuple[str, str], list[Link]]:
    """The links between each two nodes, both directions together."""
    pairs: dict[tuple[str, str], list[Link]] = {}
    for link in hardware.links:
        ends = (link.source, link.destination)
        key = ends if ends in pairs or ends[::-1] not in pairs else (ends[1], ends[0])
        pairs.setdefault(key, []).append(link)
    return pairs


def _draw_links(
    axes: Axes, hardware: Hardware, positions: Mapping[str, Position], colours: Mapping[str, str]
) -> None:
    pairs = _pairs(hardware)
    for (one, other), links in pairs.items():
        (x, y), (to_x, to_y) = positions[one], positions[other]
        axes.plot([x, to_x], [y, to_y], color=colours[links[0].kind], linewidth=2.2, zorder=1)
        if len(pairs) > _LABELLED_LINKS:
            continue
        axes.text(
            (x + to_x) / 2,
            (y + to_y) / 2,
            "\n".join(dict.fromkeys(units.bandwidth(link.bandwidth_bytes_per_s, 3) for link in links)),
            fontsize=7.5,
            ha="center",
            va="center",
            color=palette.INK,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"},
        )


def _kind_told(link: Link, hardware: Hardware) -> str:
    shared = any(other.channel == link.channel and other is not link for other in hardware.links)
    way = "one way at a time" if shared else "each way"
    latency = units.duration(link.latency_ps / PS_PER_S)
    return f"{link.kind}:  {units.bandwidth(link.bandwidth_bytes_per_s)} {way},  latency {latency}"


def _node(axes: Axes, hardware: Hardware, name: str, position: Position) -> None:
    from matplotlib.patches import Ellipse, FancyBboxPatch

    x, y = position
    if name in hardware.switches:
        axes.add_patch(
            Ellipse((x, y), 1.1, 0.5, facecolor="white", edgecolor=palette.INK, linewidth=1.2, zorder=2)
        )
        axes.text(x, y, name, fontsize=8.5, ha="center", va="center", color=palette.INK, zorder=3)
        return
    processor = hardware.processors.get(name)
    memory = units.size(hardware.memories[name].capacity_bytes, 3)
    lines = (
        ["host", memory]
        if processor is None
        else [
            processor.model,
            f"{units.flops(processor.cost.peak_flops, 3)}, {memory}",
        ]
    )
    colour = palette.LOAD if processor is None else palette.FORWARD
    width, height = _BOX_IN
    axes.add_patch(
        FancyBboxPatch(
            (x - width / 2, y - height / 2),
            width,
            height,
            boxstyle="round,pad=0,rounding_size=0.08",
            facecolor=colour,
            edgecolor="white",
            linewidth=1.5,
            zorder=2,
        )
    )
    for index, text in enumerate((name, *lines)):
        axes.text(
            x,
            y + height * (0.28 * index - 0.28),
            text,
            fontsize=9 if index == 0 else 7,
            fontweight="bold" if index == 0 else "normal",
            ha="center",
            va="center",
            color=palette.ink_on(colour),
            zorder=3,
        )
