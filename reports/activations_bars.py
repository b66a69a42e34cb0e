"""Activations of layers without maps, and the scores of classes, as bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from dataflow.features.activation import ClassScore, LayerActivations
from reports import palette
from reports.features_heading import shortened
from reports.kernels_layout import title_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_SHOWN_CLASSES = 10
_COLOURS = (palette.FORWARD, palette.GRADIENT)
_WIDE_BARS = 128
_NAMED_SHARES = 4


def draw_bars(axes: Axes, found: LayerActivations) -> None:
    """A bar for each channel (each value, where there are no channels), coloured by who computes it."""
    from matplotlib.ticker import MaxNLocator

    values = np.asarray(found.values, dtype=np.float64).reshape(-1)
    for number, share in enumerate(found.shares):
        first, stop = share.channels
        colour = _COLOURS[number % len(_COLOURS)]
        places, heights = np.arange(first, stop), values[first:stop]
        few = len(found.shares) <= _NAMED_SHARES
        name = title_of(share, found.shares, "channels") if few else ""
        if len(values) <= _WIDE_BARS:
            axes.bar(places, heights, width=0.8, color=colour, label=name)
        else:
            axes.vlines(places, 0, heights, color=colour, linewidth=0.7, label=name)
    axes.axhline(0, color=palette.INK, linewidth=0.8)
    axes.set_xlim(-0.5 - 0.005 * len(values), len(values) - 0.5 + 0.005 * len(values))
    if values.min() >= 0:
        axes.set_ylim(bottom=0)
    axes.set_xlabel("channel", fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("activation", fontsize=9)
    axes.tick_params(labelsize=8.5)
    axes.grid(visible=True, axis="y", color="#E2E2E2", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    if len(found.shares) <= _NAMED_SHARES:
        axes.legend(
            fontsize=8.5,
            frameon=False,
            ncols=_NAMED_SHARES,
            loc="lower left",
            bbox_to_anchor=(0, 1),
            borderaxespad=0.2,
        )


def likely(each: ClassScore) -> str:
    """The probability of a class in words, or its score where it has none."""
    return f"{each.score:.3g}" if each.probability is None else f"{100 * each.probability:.1f} %"


def draw_scores(axes: Axes, scores: Sequence[ClassScore]) -> None:
    """The classes that got most, best above, with score and probability."""
    shown = scores[:_SHOWN_CLASSES]
    shares = [each.probability for each in shown]
    lengths = [
        each.score if share is None else 100 * share for each, share in zip(shown, shares, strict=True)
    ]
    axes.barh(range(len(shown)), lengths, height=0.7, color=palette.FORWARD)
    axes.set_yticks(range(len(shown)), [shortened(each.name, 15) for each in shown])
    axes.set_ylim(len(shown) - 0.4, -0.6)
    if None in shares:
        axes.set_xlabel("score", fontsize=9)
        axes.margins(x=0.15)
        axes.axvline(0, color=palette.INK, linewidth=0.8)
    else:
        axes.set_xlim(0, 118)
        axes.set_xticks(range(0, 101, 20))
        axes.set_xlabel("probability (softmax of the scores), %", fontsize=9)
    axes.tick_params(labelsize=8.5)
    axes.grid(visible=True, axis="x", color="#E2E2E2", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for place, each in enumerate(shown):
        text = f" {likely(each)}" + ("" if each.probability is None else f"  (score {each.score:.3g})")
        axes.text(max(lengths[place], 0), place, text, fontsize=8, va="center", color=palette.INK)
