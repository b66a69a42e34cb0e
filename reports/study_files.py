"""Writing what ``dataflow study`` found: all of its files or none."""

from __future__ import annotations

from pathlib import Path

from dataflow.studies.outcome import Outcome
from reports.folder import json_text, write_files, write_text

FILES = ("study.md", "study.json", "study.csv", "study.png")
"""What a study's folder holds besides those of its trainings."""


def write_study(outcome: Outcome, folder: str | Path) -> tuple[Path, ...]:
    """Writes FILES into a folder, as ``reports.write`` does. Raises ReportError when it cannot be written."""
    from reports.study_document import study_csv, study_json
    from reports.study_page import study_markdown
    from reports.study_picture import study_png

    writers = {
        "study.md": lambda path: write_text(path, study_markdown(outcome)),
        "study.json": lambda path: write_text(path, json_text(study_json(outcome), indent=2)),
        "study.csv": lambda path: write_text(path, study_csv(outcome)),
        "study.png": lambda path: study_png(outcome, path),
    }
    return write_files(writers, Path(folder))
