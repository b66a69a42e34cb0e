"""memory.png: what each memory held over time, stacked by kind of tensor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dataflow.metrics import MemoryUse
from dataflow.picoseconds import PS_PER_S
from dataflow.result import Result
from dataflow.trace import MemoryEvent
from reports import palette, units
from reports.window import Window, window_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 120
_WIDTH_IN = 16.0
_MEMORIES_SHOWN = 12
_ALIKE = 0.05
_TELLING_KINDS = 2
_POINTS = 4000
"""More changes than this are fewer pixels than changes: of each of so many intervals the fullest is kept."""

_NEAR = 0.4
"""From this share of the capacity on, its line is drawn."""

_SCALES = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


@dataclass(frozen=True)
class _State:
    """What a memory holds from an instant on, in bytes by kind."""

    time_ps: int
    by_kind: dict[str, int]
    used_bytes: int


def memory_png(result: Result, path: str | Path) -> None:
    """Draws the memories of a run's first steps. Raises OSError when the file cannot be written."""
    memory_figure(result).savefig(path, format="png", dpi=_DPI)


def memory_figure(result: Result) -> Figure:
    """The picture, for a notebook or another file format."""
    from matplotlib.figure import Figure

    window = window_of(result.trace)
    uses = result.metrics.memories
    alike = _alike(uses)
    fullest = sorted(alike, key=lambda name: -uses[name].peak_bytes)[:_MEMORIES_SHOWN]
    shown = [name for name in uses if name in fullest]
    height = 1.5 + (2.3 if len(shown) <= 4 else 1.6) * len(shown)
    figure = Figure(figsize=(_WIDTH_IN, height), dpi=_DPI, layout="constrained", facecolor="white")
    panels = figure.subplots(len(shown), 1, sharex=True, squeeze=False)
    kinds: set[str] = set()
    for name, axes in zip(shown, panels[:, 0], strict=True):
        events = [event for event in result.trace.memory_events if event.memory == name]
        states = _thinned(_states(events), window)
        others = len(alike[name]) - 1
        title = f"{name} and {others} much like it" if others else name
        kinds |= _draw(axes, title, states, uses[name], window)
        for end_ps in (window.zero_ps, *result.trace.step_ends_ps[: window.steps]):
            axes.axvline(window.at(end_ps), color=palette.INK, linewidth=0.9, linestyle=(0, (4, 3)))
    panels[-1, 0].set_xlabel(f"simulated time since the first step began, {window.unit}", fontsize=9)
    drawn = sum(len(alike[name]) for name in shown)
    _title_and_legend(figure, result, window, kinds, len(uses) - drawn)
    return figure


def _alike(uses: Mapping[str, MemoryUse]) -> dict[str, list[str]]:
    """For each memory to be drawn those it stands for; of many, the ones whose peaks are within 5 %."""
    if len(uses) <= _MEMORIES_SHOWN:
        return {name: [name] for name in uses}
    found: dict[str, list[str]] = {}
    for name, use in uses.items():
        near = (
            first
            for first in found
            if uses[first].capacity_bytes == use.capacity_bytes
            and list(uses[first].by_kind)[:_TELLING_KINDS] == list(use.by_kind)[:_TELLING_KINDS]
            and abs(uses[first].peak_bytes - use.peak_bytes) <= _ALIKE * use.peak_bytes
        )
        found.setdefault(next(near, name), []).append(name)
    return found


def _states(events: Sequence[MemoryEvent]) -> list[_State]:
    """What the memory holds after each instant at which something changed."""
    held: dict[str, int] = {}
    states: list[_State] = []
    for index, event in enumerate(events):
        held[event.kind] = held.get(event.kind, 0) + event.bytes
        if index + 1 == len(events) or events[index + 1].time_ps != event.time_ps:
            states.append(_State(event.time_ps, dict(held), event.used_bytes))
    return states


def _thinned(states: list[_State], window: Window) -> list[_State]:
    """The states that are shown, first and last at the window's ends; not more than can be seen."""
    before = [state for state in states if state.time_ps <= window.start_ps]
    inside = [state for state in states if window.start_ps < state.time_ps < window.end_ps]
    start = _State(window.start_ps, before[-1].by_kind, before[-1].used_bytes) if before else None
    if len(inside) > _POINTS:
        fullest: dict[int, _State] = {}
        for state in inside:
            interval = (state.time_ps - window.start_ps) * _POINTS // (window.end_ps - window.start_ps)
            best = fullest.get(interval)
            if best is None or state.used_bytes > best.used_bytes:
                fullest[interval] = state
        inside = list(fullest.values())
    shown = [start, *inside] if start else [_State(window.start_ps, {}, 0), *inside]
    return [*shown, _State(window.end_ps, shown[-1].by_kind, shown[-1].used_bytes)]


def _draw(axes: Axes, name: str, states: Sequence[_State], use: MemoryUse, window: Window) -> set[str]:
    """Draws one memory and says which kinds of tensor are in it."""
    worth, unit = next(((w, u) for w, u in _SCALES if use.peak_bytes >= 0.5 * w), (1.0, "B"))
    times = [window.at(state.time_ps) for state in states]
    present = {kind for state in states for kind, count in state.by_kind.items() if count}
    order = [*(kind for kind in palette.KINDS if kind in present), *sorted(present - palette.KINDS.keys())]
    below = [0.0] * len(states)
    for kind in order:
        above = [low + state.by_kind.get(kind, 0) / worth for low, state in zip(below, states, strict=True)]
        colour = palette.KINDS.get(kind, palette.OTHER_KIND)
        axes.fill_between(times, below, above, step="post", facecolor=colour, linewidth=0)
        below = above
    axes.step(times, below, where="post", color=palette.INK, linewidth=0.7)
    _set_up(axes, name, use, unit, window)
    near = use.peak_bytes >= _NEAR * use.capacity_bytes
    axes.set_ylim(
        0, max(1.0, use.capacity_bytes if near else use.peak_bytes) / worth * (1.08 if near else 1.3)
    )
    if near:
        axes.axhline(use.capacity_bytes / worth, color=palette.EXCHANGE, linewidth=1.2)
    _annotate_peak(axes, use, worth, window)
    return present


def _set_up(axes: Axes, name: str, use: MemoryUse, unit: str, window: Window) -> None:
    axes.set_xlim(*window.limits)
    axes.set_ylabel(unit, fontsize=9)
    axes.tick_params(labelsize=8)
    axes.grid(visible=True, color="#E2E2E2", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    share = units.percent(use.peak_bytes / use.capacity_bytes) if use.capacity_bytes else "-"
    told = f"{name}: at most {units.size(use.peak_bytes)}, {share} of {units.size(use.capacity_bytes)}"
    axes.set_title(told, fontsize=9, loc="left")


def _annotate_peak(axes: Axes, use: MemoryUse, worth: float, window: Window) -> None:
    """A dot and the number, on the side of it that has room; nothing when the peak is not shown."""
    peak_ps = window.zero_ps + round(use.peak_at_s * PS_PER_S)
    if not use.peak_bytes or not window.start_ps <= peak_ps <= window.end_ps:
        return
    x, y = window.at(peak_ps), use.peak_bytes / worth
    left, right = window.limits
    late = (x - left) > 0.8 * (right - left)
    high = y > 0.85 * axes.get_ylim()[1]
    axes.plot([x], [y], marker="o", markersize=4, color=palette.INK, clip_on=False)
    axes.annotate(
        f"peak {units.size(use.peak_bytes)}",
        (x, y),
        (-8 if late else 8, -12 if high else 6),
        textcoords="offset points",
        ha="right" if late else "left",
        fontsize=8,
        bbox={"boxstyle": "round,pad=0.2", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
    )


def _title_and_legend(figure: Figure, result: Result, window: Window, kinds: set[str], left_out: int) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    notes = [window.told, f"the fullest; {left_out} more in report.json" if left_out else ""]
    told = ", ".join(note for note in notes if note)
    title = f"{result.experiment.name}:  memory by kind of tensor"
    figure.suptitle(title + (f"   ({told})" if told else ""), fontsize=12, x=0.01, ha="left")
    handles: list[Patch | Line2D] = [
        Patch(color=colour, label=kind) for kind, colour in palette.KINDS.items() if kind in kinds
    ]
    handles += [Patch(color=palette.OTHER_KIND, label=kind) for kind in sorted(kinds - palette.KINDS.keys())]
    uses = result.metrics.memories.values()
    if any(use.peak_bytes >= _NEAR * use.capacity_bytes for use in uses):
        handles.append(Line2D([], [], color=palette.EXCHANGE, linewidth=1.2, label="capacity"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles), fontsize=9, frameon=False)
