"""memory_map.png: what is stored in which bank, and how full each is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from reports import palette, units
from reports.alike import alike, names
from reports.core_schema import BankEntry
from reports.core_tables import banks_alike, fill, held
from reports.schema import Report

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DPI = 120
_WIDTH_IN = 16.0
_ROW_IN = 0.3
_ROWS_OF_A_KIND = 16
_FONT = 7.5
_TENSORS_TOLD = 4
_MOST_TOLD = 132
"""Characters that have room beside a bank."""


def memory_map_png(report: Report, path: str | Path) -> None:
    """Draws the banks of a run's address spaces. Raises OSError when the file cannot be written."""
    memory_map_figure(report).savefig(path, format="png", dpi=_DPI)


def memory_map_figure(report: Report) -> Figure:
    """The picture, for a notebook or another file format: a row for each bank, those alike in one."""
    from matplotlib.figure import Figure

    rows, notes = _rows(report)
    kinds = list(dict.fromkeys((group[0].memory, group[0].kind) for group in rows))
    count = len(rows) + 0.7 * len(kinds)
    figure = Figure(figsize=(_WIDTH_IN, 1.6 + _ROW_IN * max(4, count)), dpi=_DPI, facecolor="white")
    height = figure.get_size_inches()[1]
    axes = figure.add_axes((0.14, 0.55 / height, 0.36, (height - 1.15) / height))
    middles = _middles(rows)
    for group, middle in zip(rows, middles, strict=True):
        _draw(axes, group, middle)
    _set_up(axes, rows, middles, count)
    _name_kinds(axes, rows, middles, notes)
    figure.text(
        0.01,
        1 - 0.3 / height,
        f"{report.experiment}: what is stored where",
        fontsize=12,
        va="center",
        color=palette.INK,
    )
    _legend(figure, rows)
    return figure


def _rows(report: Report) -> tuple[list[list[BankEntry]], dict[tuple[str, str], str]]:
    """What is drawn: of each kind the banks in use, the fullest of many, or one of the empty ones."""
    rows: list[list[BankEntry]] = []
    notes: dict[tuple[str, str], str] = {}
    for groups in alike(banks_alike(report), lambda group: (group[0].memory, group[0].kind)):
        used = [group for group in groups if group[0].stored]
        fullest = sorted(used, key=lambda group: -group[0].used_bytes)[:_ROWS_OF_A_KIND]
        shown = [group for group in used if group in fullest] or groups[:1]
        rows += shown
        banks = sum(len(group) for group in groups)
        in_use = sum(len(group) for group in used)
        more = sum(len(group) for group in used) - sum(len(group) for group in shown if group[0].stored)
        kind = groups[0][0].memory, groups[0][0].kind
        told = f"{banks} {'bank' if banks == 1 else 'banks'}, {in_use} in use"
        notes[kind] = told + (f", {more} less full not drawn" if more else "")
    return rows, notes


def _middles(rows: Sequence[Sequence[BankEntry]]) -> list[float]:
    """The height of each row from the top; before each kind there is room for its name."""
    middles: list[float] = []
    at, before = 0.0, None
    for group in rows:
        kind = group[0].memory, group[0].kind
        at += 0.7 if kind != before else 0.0
        before = kind
        middles.append(at + 0.5)
        at += 1.0
    return middles


def _draw(axes: Axes, group: Sequence[BankEntry], middle: float) -> None:
    """Its tensors side by side, each as wide as the share of the bank that it takes."""
    bank = group[0]
    axes.barh(middle, 100, 0.74, color=palette.EMPTY)
    left = 0.0
    for slices in alike(bank.stored, lambda each: (each.kind, each.tensor)):
        share = 100 * sum(each.bytes for each in slices) / max(1, bank.capacity_bytes)
        colour = palette.KINDS.get(slices[0].kind, palette.OTHER_KIND)
        axes.barh(middle, share, 0.74, left, color=colour, edgecolor="white", linewidth=0.4)
        label = slices[0].tensor
        if share > 0.95 * len(label) * _FONT * 0.62 / (_WIDTH_IN * 0.36 * 72) * 100:
            axes.text(
                left + share / 2,
                middle,
                label,
                fontsize=_FONT,
                ha="center",
                va="center",
                color=palette.ink_on(colour),
            )
        left += share
    used = f"{units.size(bank.used_bytes, 3)} of {units.size(bank.capacity_bytes, 3)}  ({fill(bank)})"
    told = f"{used}   {held(bank, _TENSORS_TOLD, regions=len(group) == 1)}" if bank.stored else "empty"
    axes.annotate(
        told if len(told) <= _MOST_TOLD else f"{told[: _MOST_TOLD - 4]} ...",
        (100, middle),
        (6, 0),
        textcoords="offset points",
        fontsize=_FONT,
        va="center",
        color=palette.INK if bank.stored else palette.FAINT,
        annotation_clip=False,
    )


def _set_up(axes: Axes, rows: Sequence[Sequence[BankEntry]], middles: Sequence[float], count: float) -> None:
    axes.set_xlim(0, 100)
    axes.set_ylim(max(1.0, count), 0)
    labels = [names([bank.name for bank in group]) for group in rows]
    axes.set_yticks(list(middles), labels, fontsize=_FONT)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=8)
    axes.set_xlabel("share of the bank, %", fontsize=8)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _name_kinds(
    axes: Axes,
    rows: Sequence[Sequence[BankEntry]],
    middles: Sequence[float],
    notes: dict[tuple[str, str], str],
) -> None:
    named: set[tuple[str, str]] = set()
    for group, middle in zip(rows, middles, strict=True):
        kind = group[0].memory, group[0].kind
        if kind not in named:
            named.add(kind)
            text = f"{kind[1]}  ({notes[kind]})"
            axes.text(0, middle - 0.62, text, fontsize=8, fontweight="bold", va="center", color=palette.INK)


def _legend(figure: Figure, rows: Sequence[Sequence[BankEntry]]) -> None:
    from matplotlib.patches import Patch

    present = {each.kind for group in rows for bank in group for each in bank.stored}
    order = [*(kind for kind in palette.KINDS if kind in present), *sorted(present - palette.KINDS.keys())]
    handles = [Patch(color=palette.KINDS.get(kind, palette.OTHER_KIND), label=kind) for kind in order]
    if handles:
        figure.legend(handles=handles, loc="upper right", ncols=len(handles), fontsize=9, frameon=False)
