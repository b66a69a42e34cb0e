"""Writing what ``dataflow kernels`` found, and saying it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from dataflow.features.kernels import Kernels
from dataflow.features.shares import Share
from reports.document import Json
from reports.folder import json_text, write_files, write_text

if TYPE_CHECKING:
    from rich.console import RenderableType


def write_kernels(kernels: Kernels, folder: str | Path) -> tuple[Path, ...]:
    """Writes kernels.png and kernels.json; returns the files' paths. Raises ReportError when it cannot."""
    from reports.kernels_picture import draw_kernels

    writers = {
        "kernels.png": lambda path: draw_kernels(kernels, path),
        "kernels.json": lambda path: write_text(path, json_text(kernels_json(kernels), indent=2)),
    }
    return write_files(writers, Path(folder))


def show_kernels(kernels: Kernels) -> RenderableType:
    """How many kernels there are, and who computes with which, for ``rich.print``."""
    from rich.text import Text

    from reports.kernels_layout import title_of

    count, channels, height, width = kernels.weights.shape
    first = f"  {count} kernels of layer {kernels.layer!r}: {channels} x {height} x {width}"
    lines = [first, f"weights of {kernels.source}"]
    lines += [title_of(share, kernels.shares, "kernels") for share in kernels.shares]
    return Text.assemble((kernels.experiment, "bold"), "\n".join(lines))


def kernels_json(kernels: Kernels) -> Json:
    """What the kernels are of, who computes with which, and how large their weights are."""
    largest = np.abs(kernels.weights).reshape(len(kernels.weights), -1).max(axis=1)
    return {
        "experiment": kernels.experiment,
        "layer": kernels.layer,
        "weights": kernels.source,
        "shape": list(kernels.weights.shape),
        "sets": sets_json(kernels.shares),
        "largest_magnitude": [float(value) for value in largest],
    }


def sets_json(shares: tuple[Share, ...]) -> list[Json]:
    """Who computes which channels; ``stop`` is the first that is not among them."""
    return [
        {"processors": list(share.processors), "start": share.channels[0], "stop": share.channels[1]}
        for share in shares
    ]
