"""test.md: a test of a trained network for a person who wants to check it."""

from __future__ import annotations

from dataflow.testing.evaluation import Evaluation
from reports import testing_table
from reports.grid import Grid

_CLASSES, _PAIRS = 1_000, 50

_ELSEWHERE = (
    "What the network said of each example is in `predictions.csv`; `confusion.csv` has the whole matrix, "
    "`classes.csv` every class, and `test.json` all but the examples."
)


def evaluation_markdown(evaluation: Evaluation) -> str:
    """The text of test.md."""
    experiment = evaluation.experiment
    small = len(evaluation.shown(testing_table.MATRIX)) <= testing_table.MATRIX
    about = f"{experiment.description}\n\n" if experiment.description else ""
    notes = "\n".join(f"- {note}" for note in evaluation.notes)
    sections = (
        f"# Test of {experiment.name}",
        f"{about}{testing_table.setting(evaluation)}.",
        "\n".join(f"- {sentence}" for sentence in testing_table.sentences(evaluation)),
        _section(testing_table.errors(evaluation)),
        "![Confusion matrix](confusion.png)",
        _section(testing_table.matrix(evaluation)) if small else "",
        _section(testing_table.pairs(evaluation, _PAIRS)),
        _section(testing_table.classes(evaluation, _CLASSES)),
        f"## Notes\n\n{notes}" if notes else "",
        _ELSEWHERE,
    )
    return "\n\n".join(section for section in sections if section) + "\n"


def _section(grid: Grid) -> str:
    if not grid.rows:
        return ""
    return f"## {grid.title}\n\n{grid.markdown()}\n\n{grid.note[0].upper()}{grid.note[1:]}."
