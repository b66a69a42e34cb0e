"""Writing what ``dataflow test`` found: all of its files or none."""

from __future__ import annotations

from pathlib import Path

from dataflow.testing.evaluation import Evaluation
from reports.folder import json_text, write_files, write_text

FILES = ("test.md", "test.json", "predictions.csv", "confusion.csv", "confusion.png", "classes.csv")
"""What a test's folder holds."""


def write_evaluation(evaluation: Evaluation, folder: str | Path) -> tuple[Path, ...]:
    """Writes FILES into a folder, as ``reports.write`` does. Raises ReportError when it cannot be written."""
    from reports.testing_document import classes_csv, confusion_csv, evaluation_json, predictions_csv
    from reports.testing_page import evaluation_markdown
    from reports.testing_picture import confusion_png

    writers = {
        "test.md": lambda path: write_text(path, evaluation_markdown(evaluation)),
        "test.json": lambda path: write_text(path, json_text(evaluation_json(evaluation), indent=2)),
        "predictions.csv": lambda path: write_text(path, predictions_csv(evaluation)),
        "confusion.csv": lambda path: write_text(path, confusion_csv(evaluation)),
        "confusion.png": lambda path: confusion_png(evaluation, path),
        "classes.csv": lambda path: write_text(path, classes_csv(evaluation)),
    }
    return write_files(writers, Path(folder))
