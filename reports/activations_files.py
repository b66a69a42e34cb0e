"""Writing what ``dataflow activations`` found, and saying it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dataflow.features.activation import ClassScore, LayerActivations
from reports.activations_bars import likely
from reports.document import Json
from reports.folder import json_text, write_files, write_text
from reports.grid import Grid
from reports.kernels_files import sets_json

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN = 5


def write_activations(found: LayerActivations, folder: str | Path) -> tuple[Path, ...]:
    """Writes activations.png and activations.json; returns the files' paths.

    Raises ReportError when they cannot be written.
    """
    from reports.activations_picture import draw_activations

    writers = {
        "activations.png": lambda path: draw_activations(found, path),
        "activations.json": lambda path: write_text(path, json_text(activations_json(found), indent=2)),
    }
    return write_files(writers, Path(folder))


def show_activations(found: LayerActivations) -> RenderableType:
    """What the image is taken for, and how the layer answers it, for ``rich.print``."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    shape = " x ".join(map(str, found.values.shape))
    first = f"  activations of layer {found.layer!r} ({shape}) for {found.shown.name}"
    numbers = (
        f"values from {found.values.min():.4g} to {found.values.max():.4g}, mean {found.values.mean():.4g}, "
        f"{100 * found.zeros:.0f} % of them 0"
    )
    rows = tuple((each.name, likely(each), f"{each.score:.4g}") for each in found.scores[:_SHOWN])
    label = f"; its class is {found.shown.label}" if found.shown.label else ""
    grid = Grid("Taken for", ("class", "likely", "score"), rows, note=f"likely: softmax of the scores{label}")
    return Group(
        Text.assemble((found.experiment, "bold"), f"{first}\nweights of {found.source}\n{numbers}"),
        Padding(grid.rich(), (1, 0, 0, 0)),
        *(Text(f"note: {note}", style="yellow") for note in found.notes),
    )


def activations_json(found: LayerActivations) -> Json:
    """All but the values themselves."""
    return {
        "experiment": found.experiment,
        "layer": found.layer,
        "op": found.kind,
        "weights": found.source,
        "image": {"name": found.shown.name, "label": found.shown.label or None},
        "shape": list(found.values.shape),
        "sets": sets_json(found.shares),
        "minimum": float(found.values.min()),
        "maximum": float(found.values.max()),
        "mean": float(found.values.mean()),
        "zero_share": found.zeros,
        "scores": [_score_json(each) for each in found.scores],
        "notes": list(found.notes),
    }


def _score_json(each: ClassScore) -> Json:
    return {"class": each.name, "score": each.score, "probability": each.probability}
