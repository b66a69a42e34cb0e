"""study.md: a study for a person who wants to check it."""

from __future__ import annotations

from dataflow.studies.outcome import Outcome
from dataflow.studies.study import Variant
from reports import study_table, study_words
from reports.grid import Grid


def study_markdown(outcome: Outcome) -> str:
    """The text of study.md."""
    study = outcome.study
    notes = study_words.notes(outcome)
    told = "Every point is in `study.csv`, and with all else in `study.json`."
    sections = (
        f"# {study.name}",
        f"{study.description}\n\n{study_words.setting(outcome)}.".strip(),
        "![The variants](study.png)",
        *(_section(grid) for grid in study_table.study_grids(outcome)),
        _section(_variants(study.variants)),
        "## Notes\n\n" + "\n".join(f"- {note}" for note in notes) if notes else "",
        told,
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _variants(variants: tuple[Variant, ...]) -> Grid:
    rows = tuple(
        (
            variant.name,
            variant.description,
            variant.experiment.network.name,
            variant.experiment.hardware.name,
            ", ".join(f"`{each.path}={each.value}`" for each in variant.settings) or "-",
        )
        for variant in variants
    )
    columns = ("variant", "what", "network", "hardware", "set")
    return Grid("The variants", columns, rows, left=columns)


def _section(grid: Grid) -> str:
    note = f"\n\n{grid.note[0].upper()}{grid.note[1:]}." if grid.note else ""
    return f"## {grid.title}\n\n{grid.markdown()}{note}"
