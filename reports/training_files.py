"""Writing what ``dataflow train`` found: the curves, and the report of a step beside them."""

from __future__ import annotations

from pathlib import Path

from dataflow.training.trained import Trained
from reports.folder import Writer, json_text, write, write_files, write_text

FILES = ("training.md", "training.json", "curve.csv", "curve.png")
"""What a training's folder holds besides the report of a step, the checkpoints and kernels.png."""


def write_training(trained: Trained, folder: str | Path) -> tuple[Path, ...]:
    """Writes FILES, kernels.png where the first kernels are pictures, and the report of a step into a folder.

    Raises ReportError when it cannot be written.
    """
    from reports.kernels_picture import draw_kernels
    from reports.training_document import curve_csv, training_json
    from reports.training_page import training_markdown
    from reports.training_picture import training_png

    kernels = trained.kernels
    writers: dict[str, Writer] = {
        "training.md": lambda path: write_text(path, training_markdown(trained)),
        "training.json": lambda path: write_text(path, json_text(training_json(trained), indent=2)),
        "curve.csv": lambda path: write_text(path, curve_csv(trained)),
        "curve.png": lambda path: training_png(trained, path),
    }
    if kernels is not None:
        writers["kernels.png"] = lambda path: draw_kernels(kernels, path)
    return (*write_files(writers, Path(folder)), *write(trained.result, folder))
