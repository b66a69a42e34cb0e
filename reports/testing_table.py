"""A test of a trained network as tables: how often it is right, and what it takes for what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from dataflow.testing.confusion import ClassErrors, Pair, most_confused
from dataflow.testing.evaluation import Evaluation
from dataflow.testing.interval import wilson_interval
from dataflow.training.ranking import TOP
from reports import units
from reports.grid import Grid, Row

if TYPE_CHECKING:
    from rich.console import RenderableType

MATRIX = 20
"""Up to so many classes have room for all of a matrix in a table."""

_CONSOLE_MATRIX, _CONSOLE_CLASSES, _CONSOLE_PAIRS = 12, 12, 8


def show_evaluation(evaluation: Evaluation) -> RenderableType:
    """What a person wants to know of a test first, for ``rich.print``."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    small = len(evaluation.shown(_CONSOLE_MATRIX)) <= _CONSOLE_MATRIX
    grids = [
        errors(evaluation),
        matrix(evaluation) if small else pairs(evaluation, _CONSOLE_PAIRS),
        classes(evaluation, _CONSOLE_CLASSES),
    ]
    return Group(
        Text.assemble((evaluation.experiment.name, "bold"), f"  {setting(evaluation)}"),
        Padding(Text("\n".join(sentences(evaluation))), (1, 0)),
        *(Padding(grid.rich(), (0, 0, 1, 0)) for grid in grids if grid.rows),
        *(Text(f"note: {note}", style="yellow") for note in evaluation.notes),
    )


def setting(evaluation: Evaluation) -> str:
    """Network, format and backend in a line."""
    experiment = evaluation.experiment
    return f"{experiment.network.name}, {experiment.training.dtype}, backend {evaluation.backend}"


def sentences(evaluation: Evaluation) -> list[str]:
    """What was tested with what."""
    count, part = evaluation.predictions.count, evaluation.part
    trained = f" ({evaluation.trained})" if evaluation.trained else ""
    return [
        f"weights: {evaluation.weights}{trained}",
        f"data: {evaluation.data}; {count:,} examples of part '{part}', {crops(evaluation)}",
    ]


def crops(evaluation: Evaluation) -> str:
    """Which crops of a picture the network was shown."""
    shown = evaluation.predictions.crops
    if shown == 1:
        return "one central crop of each"
    what = "softmax" if evaluation.likely == "probability" else "scores"
    return f"{what} averaged over {shown} crops of each (corners, centre, and their mirrors)"


def errors(evaluation: Evaluation) -> Grid:
    """Top-1 and top-5 error with their intervals, and the loss."""
    score = evaluation.score
    rows = [("top-1 error", *_share_row(score.wrong, score.count))]
    if score.wrong_top5 is not None:
        rows.append(("top-5 error", *_share_row(score.wrong_top5, score.count)))
    rows.append(("loss", units.number(score.loss), "", ""))
    return Grid(
        "Errors",
        ("", "share", "wrong", "95 % interval"),
        tuple(rows),
        note=f"top-{TOP}: not among the five likeliest; of equal scores the first class ranks first; "
        "interval: Wilson's, for other examples of the same kind, not for other seeds",
    )


def _share_row(wrong: int, count: int) -> Row:
    low, high = wilson_interval(wrong, count)
    return percent(wrong / count), f"{wrong:,} of {count:,}", f"{100 * low:.2f} to {percent(high)}"


def percent(share: float | None) -> str:
    """Such as ``12.34 %``."""
    return "-" if share is None else f"{100 * share:.2f} %"


def matrix(evaluation: Evaluation) -> Grid:
    """All of the confusion matrix, for few classes; what nothing was taken for is a dot."""
    labels = evaluation.shown(MATRIX)
    names = [evaluation.classes[label] for label in labels]
    counts = evaluation.confusion[np.ix_(labels, labels)]
    rows = tuple(
        (name, *("." if n == 0 else f"{n:,}" for n in row))
        for name, row in zip(names, counts.tolist(), strict=True)
    )
    return Grid(
        "Confusion matrix",
        ("class", *names),
        rows,
        note="rows: the class of the examples; columns: what they were taken for",
    )


def pairs(evaluation: Evaluation, most: int) -> Grid:
    """What is most often taken for what."""
    names = evaluation.classes
    rows = tuple(
        (names[pair.label], names[pair.taken_for], f"{pair.count:,}", percent(pair.share))
        for pair in most_confused(evaluation.confusion, most)
    )
    return Grid(
        "Most confused",
        ("class", "taken for", "times", "share of the class"),
        rows,
        left=("taken for",),
        note="the most frequent first",
    )


def classes(evaluation: Evaluation, most: int | None = None) -> Grid:
    """How each class fared, in the order of the classes; where not all may be shown, the worst first.

    Classes without examples are left out.
    """
    found = [each for each in evaluation.by_class if each.count]
    note = "taken for it: examples of whatever class that were"
    if most is not None and len(found) > most:
        found.sort(key=lambda each: (-(each.error or 0.0), each.label))
        note = f"the worst first; {note}"
    top5 = evaluation.score.wrong_top5 is not None
    columns = ("class", "examples", "error", *(("top-5 error",) if top5 else ()), "most often taken for")
    rows = tuple(_class_row(evaluation, each) for each in found)
    grid = Grid("Classes", (*columns, "taken for it"), rows, left=("most often taken for",), note=note)
    return grid if most is None else grid.first(most)


def _class_row(evaluation: Evaluation, each: ClassErrors) -> Row:
    top5 = () if each.wrong_top5 is None else (percent(each.wrong_top5 / each.count),)
    mistake = mistaken(evaluation, each.mistake)
    return (
        evaluation.classes[each.label],
        f"{each.count:,}",
        percent(each.error),
        *top5,
        mistake,
        str(each.claimed),
    )


def mistaken(evaluation: Evaluation, mistake: Pair | None) -> str:
    """Such as ``8 (3 times)``."""
    if mistake is None:
        return "-"
    times = "once" if mistake.count == 1 else f"{mistake.count:,} times"
    return f"{evaluation.classes[mistake.taken_for]} ({times})"
