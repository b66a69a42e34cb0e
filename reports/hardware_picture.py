"""A machine as a picture: processors, hosts, switches, and the links between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import dist
from pathlib import Path
from typing import TYPE_CHECKING

from dataflow.hardware import Hardware
from dataflow.link import Link
from dataflow.picoseconds import PS_PER_S
from reports import palette, units
from reports.hardware_layout import Layout, Position, Shown, layout, shown
from reports.picture import save_picture
from reports.space_picture import draw_space, spaces

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BOX_IN = (1.7, 0.72)
_MARGIN_IN = 0.35
_TITLE_IN = 0.55
_LEGEND_LINE_IN = 0.28
_LABELLED_LINKS = 24
_BETWEEN_IN = 0.65
_BELOW_IN = 1.05
"""How far links go around nodes between two levels, and below the last."""
_LINK_COLOURS = ("#4C78A8", "#F28E2B", "#4E9F50", "#D6404E", "#9D5C9E", "#6B6B6B")


def draw_hardware(hardware: Hardware, path: str | Path) -> None:
    """Draws a machine to an .svg or .png file. Raises ReportError when it cannot be written.

    The machines of a cluster are one box each, which a picture of the machine shows inside.
    """
    save_picture(hardware_figure(hardware), path)


def hardware_figure(hardware: Hardware) -> Figure:
    """The picture, for a notebook or another file format."""
    from matplotlib.figure import Figure

    view = shown(hardware)
    plan = layout(hardware, view)
    top = _MARGIN_IN + _TITLE_IN + _BOX_IN[1] / 2
    positions = {name: (x + _MARGIN_IN, y + top) for name, (x, y) in plan.positions.items()}
    drawn = {link.kind for links in view.ties.values() for link in links}
    kinds = [kind for kind in dict.fromkeys(link.kind for link in hardware.links) if kind in drawn]
    legend_in = _LEGEND_LINE_IN * len(kinds) + 0.1
    width = max(5.5, max(x + plan.widths_in[name] / 2 for name, (x, _) in positions.items()) + _MARGIN_IN)
    below = _BOX_IN[1] / 2 + _MARGIN_IN + (_BOX_IN[1] if _has_arcs(plan, view) else 0)
    inside = spaces(hardware)
    width = max([width, *(space.width_in + 2 * _MARGIN_IN for space in inside)])
    bottom = max(y for _, y in positions.values()) + below
    height = bottom + legend_in + sum(space.height_in + _MARGIN_IN for space in inside)
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    axes.text(_MARGIN_IN, _MARGIN_IN, hardware.name, fontsize=12, va="center", color=palette.INK)
    colours = {kind: _LINK_COLOURS[index % len(_LINK_COLOURS)] for index, kind in enumerate(kinds)}
    _draw_ties(axes, view, plan, positions, colours)
    for name, position in positions.items():
        box = (min(_BOX_IN[0], 0.9 * plan.widths_in[name]), _BOX_IN[1])
        _node(axes, hardware, view, name, position, box)
    for index, kind in enumerate(kinds):
        link = next(link for link in hardware.links if link.kind == kind)
        y = bottom + _LEGEND_LINE_IN * (index + 0.2)
        axes.plot([_MARGIN_IN, _MARGIN_IN + 0.35], [y, y], color=colours[kind], linewidth=2.2)
        axes.text(
            _MARGIN_IN + 0.45, y, _kind_told(link, hardware), fontsize=8, va="center", color=palette.INK
        )
    top = bottom + legend_in + _MARGIN_IN / 2
    for space in inside:
        draw_space(axes, hardware, space, _MARGIN_IN, top)
        top += space.height_in + _MARGIN_IN
    return figure


def _row(plan: Layout, name: str) -> tuple[int, int]:
    """The level of a node and its place in it."""
    return next((row, level.index(name)) for row, level in enumerate(plan.levels) if name in level)


def _bend(plan: Layout, one: str, other: str) -> float:
    """How much a link bends: what would pass behind a node of its level or its column goes around.

    As a fraction of its length; the middle of the link is off its straight line by half of that.
    """
    if not plan.levels:
        return 0.0
    (row, place), (other_row, other_place) = _row(plan, one), _row(plan, other)
    apart = other_place - place if row == other_row else other_row - row
    if (row != other_row and place != other_place) or abs(apart) <= 1:
        return 0.0
    room_in = _BELOW_IN if row == other_row == len(plan.levels) - 1 else _BETWEEN_IN
    length = dist(plan.positions[one], plan.positions[other])
    most = min(0.25, 2 * (room_in if row == other_row else plan.widths_in[one] / 2) / length)
    return most if apart > 0 else -most


def _has_arcs(plan: Layout, view: Shown) -> bool:
    """Whether links go around below the last level."""
    return bool(plan.levels) and any(
        one in plan.levels[-1] and other in plan.levels[-1] and _bend(plan, one, other)
        for one, other in view.ties
    )


def _draw_ties(
    axes: Axes,
    view: Shown,
    plan: Layout,
    positions: Mapping[str, Position],
    colours: Mapping[str, str],
) -> None:
    from matplotlib.patches import FancyArrowPatch

    width = 2.2 if len(view.ties) <= _LABELLED_LINKS else 1.3
    for (one, other), links in view.ties.items():
        (x, y), (to_x, to_y) = positions[one], positions[other]
        axes.add_patch(
            FancyArrowPatch(
                (x, y),
                (to_x, to_y),
                connectionstyle=f"arc3,rad={_bend(plan, one, other)}",
                arrowstyle="-",
                shrinkA=0,
                shrinkB=0,
                color=colours[links[0].kind],
                linewidth=width,
                zorder=1,
            )
        )
        if len(view.ties) > _LABELLED_LINKS:
            continue
        axes.text(
            (x + to_x) / 2,
            (y + to_y) / 2,
            "\n".join(_bandwidths(links)),
            fontsize=7.5,
            ha="center",
            va="center",
            color=palette.INK,
            bbox={"boxstyle": "round,pad=0.15", "facecolor": "white", "edgecolor": "none"},
        )


def _bandwidths(links: tuple[Link, ...]) -> list[str]:
    """Each bandwidth once, with how many links of it go each way between two machines."""
    each = Counter(units.bandwidth(link.bandwidth_bytes_per_s, 3) for link in links)
    return [text if count <= 2 else f"{count // 2} x {text}" for text, count in each.items()]


def _kind_told(link: Link, hardware: Hardware) -> str:
    shared = any(other.channel == link.channel and other is not link for other in hardware.links)
    way = "one way at a time" if shared else "each way"
    latency = units.duration((link.latency_ps + link.message_overhead_ps) / PS_PER_S)
    bandwidths = {other.bandwidth_bytes_per_s for other in hardware.links if other.kind == link.kind}
    told = " or ".join(units.bandwidth(each) for each in sorted(bandwidths))
    attained = ""
    if link.attainable_bytes_per_s < link.bandwidth_bytes_per_s:
        attained = f" ({units.bandwidth(link.attainable_bytes_per_s)} by one message)"
    return f"{link.kind}:  {told} {way}{attained},  latency {latency}"


def _lines(hardware: Hardware, view: Shown, name: str) -> list[str]:
    """What stands in the box of a processor, host or machine, below its name."""
    if name in view.machines:
        inside = view.machines[name]
        models = Counter(hardware.processors[each].model for each in inside if each in hardware.processors)
        hosts = sum(each in hardware.hosts for each in inside)
        told = ", ".join(f"{count} {model}" for model, count in models.items())
        return [told, f"{hosts} {'host' if hosts == 1 else 'hosts'}"]
    memory = units.size(hardware.memories[name].capacity_bytes, 3)
    cores = hardware.processors_in(name)
    if len(cores) > 1:
        return [f"{len(cores)} cores", memory]
    processor = hardware.processors.get(name)
    if processor is None:
        return ["host", memory]
    return [processor.model, f"{units.flops(processor.cost.peak_flops, 3)}, {memory}"]


def _node(axes: Axes, hardware: Hardware, view: Shown, name: str, position: Position, box: Position) -> None:
    from matplotlib.patches import Ellipse, FancyBboxPatch

    x, y = position
    width, height = box
    small = width < _BOX_IN[0]
    if name in hardware.switches:
        size = (min(1.1, width), 0.42 if small else 0.5)
        axes.add_patch(
            Ellipse((x, y), *size, facecolor="white", edgecolor=palette.INK, linewidth=1.2, zorder=2)
        )
        told = name.rpartition("/")[2].replace("aggregation", "aggr") if small else name
        axes.text(
            x, y, told, fontsize=7 if small else 8.5, ha="center", va="center", color=palette.INK, zorder=3
        )
        return
    colour = palette.LOAD if name in hardware.hosts else palette.FORWARD
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
    for index, text in enumerate((name, *_lines(hardware, view, name))):
        axes.text(
            x,
            y + height * (0.28 * index - 0.28),
            text,
            fontsize=(9 if index == 0 else 7) - 2 * small,
            fontweight="bold" if index == 0 else "normal",
            ha="center",
            va="center",
            color=palette.ink_on(colour),
            zorder=3,
        )
