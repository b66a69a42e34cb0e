"""Writing what ``dataflow scale`` found: all of its files or none."""

from __future__ import annotations

from pathlib import Path

from dataflow.scaling.curve import Scaling
from reports.folder import json_text, write_files, write_text

FILES = ("scaling.json", "scaling.csv", "scaling.png")
"""What a folder of scaling holds."""


def write_scaling(scaling: Scaling, folder: str | Path) -> tuple[Path, ...]:
    """Writes FILES into a folder, as ``reports.write`` does. Raises ReportError when it cannot be written."""
    from reports.scaling_picture import scaling_png
    from reports.scaling_table import scaling_csv, scaling_json

    writers = {
        "scaling.json": lambda path: write_text(path, json_text(scaling_json(scaling), indent=2)),
        "scaling.csv": lambda path: write_text(path, scaling_csv(scaling)),
        "scaling.png": lambda path: scaling_png(scaling, path),
    }
    return write_files(writers, Path(folder))
