"""packets.png: packet rates against cores, predicted as lines and measured as dots."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dataflow.packets import PacketPrediction
from reports import palette

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 120
_COLOURS = (
    palette.FORWARD,
    palette.GRADIENT,
    palette.UPDATE,
    palette.EXCHANGE,
    palette.LOSS,
    palette.KINDS["mask"],
    palette.KINDS["parameter"],
    palette.INK,
    palette.FAINT,
)


def packets_png(prediction: PacketPrediction, path: str | Path) -> None:
    """Draws the rates. Raises OSError when the file cannot be written."""
    packets_figure(prediction).savefig(path, format="png", dpi=_DPI)


def packets_figure(prediction: PacketPrediction) -> Figure:
    """The picture: a line for each program, a dot for each measurement; engines' limits are dashed."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.5, 5.4), dpi=_DPI, layout="constrained", facecolor="white")
    axes = figure.subplots()
    for index, name in enumerate(needs.program.name for needs in prediction.needs):
        colour = _COLOURS[index % len(_COLOURS)]
        mine = [rate for rate in prediction.rates if rate.program == name]
        bend = [rate for rate in prediction.bends if rate.program == name]
        line = sorted((*mine, *bend), key=lambda rate: rate.cores)
        axes.plot(
            [rate.cores for rate in line],
            [rate.packets_per_s / 1e6 for rate in line],
            color=colour,
            linewidth=1.4,
            label=name,
        )
        dots = [(rate.cores, rate.measured / 1e6) for rate in mine if rate.measured is not None]
        axes.scatter([x for x, _ in dots], [y for _, y in dots], s=26, color=colour, zorder=3)
    limit = prediction.experiment.port.operations_per_s / 1e6
    axes.axhline(limit, color=palette.FAINT, linewidth=1, linestyle="--")
    axes.annotate("port", (0, limit), (4, 4), textcoords="offset points", fontsize=8, color=palette.FAINT)
    axes.set_xlim(left=0)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("cores", fontsize=9)
    axes.set_ylabel("million packets/s", fontsize=9)
    axes.tick_params(labelsize=9)
    axes.grid(visible=True, color="#E2E2E2", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    axes.legend(fontsize=9, frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    title = f"{prediction.experiment.name}:  lines predicted, dots measured"
    figure.suptitle(title, fontsize=12, x=0.01, ha="left")
    return figure
