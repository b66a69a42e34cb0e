"""training.md: a training for a person who wants to check it."""

from __future__ import annotations

from dataflow.training.trained import Trained
from reports import training_table
from reports.grid import Grid

_EPOCHS = 1_000

_ELSEWHERE = (
    "All curves are in `curve.csv`, and with all else in `training.json`; "
    "`report.md` says where the time of a step goes."
)


def training_markdown(trained: Trained) -> str:
    """The text of training.md."""
    experiment = trained.result.experiment
    notes = [*trained.notes, *trained.result.warnings]
    sections = (
        f"# Training of {experiment.name}",
        f"{experiment.description}\n\n{training_table.setting(trained)}.",
        "\n".join(f"- {sentence}" for sentence in training_table.sentences(trained)),
        "![Learning curves](curve.png)",
        _section(training_table.results(trained)),
        _section(training_table.curve(trained, _EPOCHS)),
        "## Notes\n\n" + "\n".join(f"- {note}" for note in notes) if notes else "",
        _ELSEWHERE,
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _section(grid: Grid) -> str:
    return f"## {grid.title}\n\n{grid.markdown()}\n\n{grid.note[0].upper()}{grid.note[1:]}."
