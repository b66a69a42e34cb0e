"""A test for programs: test.json, predictions.csv, confusion.csv and classes.csv."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from io import StringIO

from dataflow.testing.confusion import most_confused
from dataflow.testing.evaluation import Evaluation
from dataflow.testing.interval import wilson_interval
from reports.document import Json

_PAIRS = 20


def evaluation_json(evaluation: Evaluation) -> Json:
    """The test as a JSON object; docs/training.md says what is in it."""
    experiment, score = evaluation.experiment, evaluation.score
    names = evaluation.classes
    return {
        "version": "1",
        "experiment": experiment.name,
        "network": experiment.network.name,
        "dtype": experiment.training.dtype,
        "backend": evaluation.backend,
        "overrides": [{"path": each.path, "value": each.value} for each in experiment.overrides],
        "weights": evaluation.weights,
        "trained": evaluation.trained,
        "data": {"description": evaluation.data, "part": evaluation.part, "count": score.count},
        "crops": evaluation.predictions.crops,
        "loss": score.loss,
        "top1": _error(score.wrong, score.count),
        "top5": None if score.wrong_top5 is None else _error(score.wrong_top5, score.count),
        "classes": [
            {
                "name": names[each.label],
                "count": each.count,
                "wrong": each.wrong,
                "wrong_top5": each.wrong_top5,
                "taken_for": None if each.mistake is None else names[each.mistake.taken_for],
                "times": 0 if each.mistake is None else each.mistake.count,
                "claimed": each.claimed,
            }
            for each in evaluation.by_class
        ],
        "most_confused": [
            {
                "class": names[pair.label],
                "taken_for": names[pair.taken_for],
                "count": pair.count,
                "share": pair.share,
            }
            for pair in most_confused(evaluation.confusion, _PAIRS)
        ],
        "notes": list(evaluation.notes),
        "versions": dict(evaluation.versions),
    }


def _error(wrong: int, count: int) -> Json:
    low, high = wilson_interval(wrong, count)
    return {"error": wrong / count, "wrong": wrong, "low": low, "high": high}


def predictions_csv(evaluation: Evaluation) -> str:
    """A line for each example: name, class and loss, then the likeliest classes with how likely they are."""
    said, names = evaluation.predictions, evaluation.classes
    ranks = range(1, said.best.shape[1] + 1)
    answers = [column for rank in ranks for column in (f"taken_for{rank}", f"{evaluation.likely}{rank}")]
    rows = zip(said.names, said.labels, said.losses, said.best, said.likely, strict=True)
    return _csv(
        ("example", "class", "loss", *answers),
        (
            (
                *(name, names[label], f"{loss:.6g}"),
                *(
                    cell
                    for other, likely in zip(best, numbers, strict=True)
                    for cell in (names[other], f"{likely:.6g}")
                ),
            )
            for name, label, loss, best, numbers in rows
        ),
    )


def confusion_csv(evaluation: Evaluation) -> str:
    """The whole matrix: a line for each class of examples, a column for each class they were taken for."""
    rows = zip(evaluation.classes, evaluation.confusion.tolist(), strict=True)
    return _csv(("class", *evaluation.classes), ((name, *counts) for name, counts in rows))


def classes_csv(evaluation: Evaluation) -> str:
    """A line for each class: examples, errors, and what they were most often taken for."""
    names = evaluation.classes
    return _csv(
        ("class", "count", "wrong", "error", "wrong_top5", "taken_for", "times", "claimed"),
        (
            (
                *(names[each.label], each.count, each.wrong),
                *("" if each.error is None else f"{each.error:.6g}", each.wrong_top5),
                *("" if each.mistake is None else names[each.mistake.taken_for],),
                *(0 if each.mistake is None else each.mistake.count, each.claimed),
            )
            for each in evaluation.by_class
        ),
    )


def _csv(header: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue()
