"""The inside of an address space as a picture: cores in islands, their banks, and what all share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

from dataflow.bank import Bank
from dataflow.hardware import Hardware, Memory
from dataflow.picoseconds import PS_PER_S
from reports import palette, units
from reports.alike import unnumbered

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CORE_IN = (0.5, 0.3)
_CORES_WIDE = 4
_BANK_IN = 0.3
_GAP_IN = 0.14
_ISLAND_IN = _CORES_WIDE * (_CORE_IN[0] + 0.05) + 2 * _GAP_IN
_ISLANDS_WIDE = 6
_TITLE_IN = 0.62


@dataclass(frozen=True)
class _Island:
    """Cores that reach the same banks, and those of these banks that others do not reach."""

    cores: tuple[str, ...]
    banks: tuple[Bank, ...]


@dataclass(frozen=True)
class Space:
    """What is drawn of an address space, and how large it is in inches."""

    memory: Memory
    cores: tuple[str, ...]
    own: tuple[Bank, ...]
    islands: tuple[_Island, ...]
    shared: tuple[Bank, ...]

    @property
    def width_in(self) -> float:
        """Of as many islands as stand side by side."""
        return max(4.0, min(len(self.islands), _ISLANDS_WIDE) * (_ISLAND_IN + _GAP_IN))

    @property
    def island_in(self) -> float:
        """The height of an island."""
        cores = ceil(max(len(island.cores) for island in self.islands) / _CORES_WIDE)
        banks = max(len(island.banks) for island in self.islands)
        return cores * (_CORE_IN[1] + 0.05) + banks * (_BANK_IN + 0.05) + 2 * _GAP_IN

    @property
    def height_in(self) -> float:
        """Title, rows of islands, and what all share."""
        rows = ceil(len(self.islands) / _ISLANDS_WIDE)
        below = (len(self.shared) + 1) * (_BANK_IN + 0.06)
        return _TITLE_IN + rows * (self.island_in + _GAP_IN) + below + _GAP_IN


def spaces(hardware: Hardware) -> tuple[Space, ...]:
    """The address spaces of a machine that have banks; of most machines there are none."""
    return tuple(_space(hardware, memory) for memory in hardware.memories.values() if memory.banks)


def _space(hardware: Hardware, memory: Memory) -> Space:
    cores = hardware.processors_in(memory.name)
    shared = tuple(bank for bank in memory.banks if len(bank.reached_by) >= len(cores) > 1)
    groups = dict.fromkeys(
        bank.reached_by for bank in memory.banks if 2 < len(bank.reached_by) < len(cores)
    ) or {cores: None}
    islands = tuple(
        _Island(
            tuple(core for core in cores if core in group),
            tuple(bank for bank in memory.banks if bank.reached_by == group and bank not in shared),
        )
        for group in groups
    )
    inside = {bank.name for island in islands for bank in island.banks}
    own: dict[tuple[str, int], Bank] = {}
    for bank in memory.banks:
        if bank not in shared and bank.name not in inside:
            own.setdefault((bank.kind, bank.capacity_bytes), bank)
    return Space(memory, cores, tuple(own.values()), islands, shared)


def draw_space(axes: Axes, hardware: Hardware, space: Space, left: float, top: float) -> None:
    """Draws a space into axes that count inches from their top, from this corner on."""
    x, y = left, top
    for text, size in zip(_title(hardware, space), (10.0, 8.0), strict=True):
        axes.text(x, y + 0.1, text, fontsize=size, va="center", color=palette.INK)
        y += 0.24
    y = top + _TITLE_IN
    for number, island in enumerate(space.islands):
        column, row = number % _ISLANDS_WIDE, number // _ISLANDS_WIDE
        at = x + column * (_ISLAND_IN + _GAP_IN), y + row * (space.island_in + _GAP_IN)
        _draw_island(axes, space, island, at)
    y += ceil(len(space.islands) / _ISLANDS_WIDE) * (space.island_in + _GAP_IN)
    width = space.width_in - _GAP_IN
    for bank in space.shared:
        engines = ", ".join(
            f"{name}: {units.number(hardware.engines[name].operations_per_s / 1e6)} M operations/s"
            for name in dict.fromkeys(bank.engines.values())
        )
        _box(axes, (x, y, width, _BANK_IN), palette.LOAD, f"{_told(bank)}{engines and '   '}{engines}")
        y += _BANK_IN + 0.06
    if hardware.controller is not None:
        signal = units.duration(hardware.controller.signal_ps / PS_PER_S)
        dispatch = units.duration(hardware.controller.dispatch_ps / PS_PER_S)
        told = f"controller: {signal} a signal, {dispatch} to hand out a task"
        _box(axes, (x, y, width, _BANK_IN), palette.INK, told)


def _title(hardware: Hardware, space: Space) -> Iterator[str]:
    models = dict.fromkeys(hardware.processors[core].model for core in space.cores)
    islands = f" in {len(space.islands)} islands" if len(space.islands) > 1 else ""
    yield f"{space.memory.name}: {len(space.cores)} cores ({', '.join(models)}){islands}, one address space"
    own = ", ".join(f"{bank.kind} {units.size(bank.capacity_bytes, 3)}" for bank in space.own)
    yield f"in each core: {own}" if own else ""


def _draw_island(axes: Axes, space: Space, island: _Island, at: tuple[float, float]) -> None:
    x, y = at
    _box(axes, (x, y, _ISLAND_IN, space.island_in), palette.EMPTY, "")
    inside = x + _GAP_IN
    y += _GAP_IN
    for number, core in enumerate(island.cores):
        column, row = number % _CORES_WIDE, number // _CORES_WIDE
        corner = inside + column * (_CORE_IN[0] + 0.05), y + row * (_CORE_IN[1] + 0.05)
        _box(axes, (*corner, *_CORE_IN), palette.FORWARD, _short(core, island.cores), size=6.5)
    y += ceil(len(island.cores) / _CORES_WIDE) * (_CORE_IN[1] + 0.05)
    for bank in island.banks:
        _box(axes, (inside, y, _ISLAND_IN - 2 * _GAP_IN - 0.05, _BANK_IN), palette.UPDATE, _told(bank))
        y += _BANK_IN + 0.05


def _short(core: str, cores: Sequence[str]) -> str:
    """The name, or its number alone where all are called alike and the name is long."""
    stem = unnumbered(core)
    alike = stem.endswith("#") and len({unnumbered(each) for each in cores}) == 1
    return core[len(stem) - 1 :] if alike and len(core) > 6 else core


def _told(bank: Bank) -> str:
    return f"{bank.name}  {units.size(bank.capacity_bytes, 3)}"


def _box(
    axes: Axes, place: tuple[float, float, float, float], colour: str, text: str, size: float = 7.5
) -> None:
    from matplotlib.patches import FancyBboxPatch

    x, y, width, height = place
    style = "round,pad=0,rounding_size=0.05"
    axes.add_patch(
        FancyBboxPatch((x, y), width, height, boxstyle=style, facecolor=colour, linewidth=0, zorder=2)
    )
    axes.text(
        x + width / 2,
        y + height / 2,
        text,
        fontsize=size,
        ha="center",
        va="center",
        color=palette.ink_on(colour),
        zorder=3,
    )
