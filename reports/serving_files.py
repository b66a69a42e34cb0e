"""Writing what ``dataflow load`` found: all of its files or none."""

from __future__ import annotations

from pathlib import Path

from dataflow.serving.load_curve import LoadCurve
from reports.folder import json_text, write_files, write_text

FILES = ("load.json", "load.csv", "load.png")
"""What a folder of a load curve holds."""


def write_load_curve(curve: LoadCurve, folder: str | Path) -> tuple[Path, ...]:
    """Writes FILES into a folder, as ``reports.write`` does. Raises ReportError when it cannot be written."""
    from reports.serving_picture import load_curve_png
    from reports.serving_table import load_curve_csv, load_curve_json

    writers = {
        "load.json": lambda path: write_text(path, json_text(load_curve_json(curve), indent=2)),
        "load.csv": lambda path: write_text(path, load_curve_csv(curve)),
        "load.png": lambda path: load_curve_png(curve, path),
    }
    return write_files(writers, Path(folder))
