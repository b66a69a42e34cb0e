"""Reports of a test, of few classes and of many: tables, CSV and picture."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from dataflow.testing.evaluation import Evaluation
from dataflow.testing.predictions import Predictions
from reports import evaluation_json, write_evaluation
from reports.testing_document import confusion_csv, predictions_csv
from reports.testing_page import evaluation_markdown
from reports.testing_picture import confusion_figure, pooled
from reports.testing_table import classes, errors, matrix, pairs
from tests.engine.worlds import experiment, fc, machine, network


def evaluation(
    taken: list[int], labels: list[int], names: tuple[str, ...] = ("cat", "dog", "owl")
) -> Evaluation:
    """A test in which examples of some classes were taken for others."""
    count, told = len(labels), len(names)
    others = [[taken[row], *(other for other in range(told) if other != taken[row])] for row in range(count)]
    ranks = min(5, told)
    return Evaluation(
        experiment=experiment(network({"fc": fc(told)}, classes=told), machine(1), batch=2),
        backend="numpy",
        data="pictures",
        part="test",
        weights="weights.npz",
        trained="",
        classes=names,
        likely="probability",
        predictions=Predictions(
            names=tuple(f"a, {index}.png" for index in range(count)),
            labels=np.array(labels, dtype=np.int32),
            best=np.array(others)[:, :ranks],
            likely=np.tile(np.linspace(0.5, 0.1, ranks), (count, 1)),
            losses=np.ones(count),
            classes=told,
        ),
    )


FEW = evaluation([0, 1, 1, 1, 2, 0], [0, 0, 0, 1, 2, 2])


def test_tables_of_few_classes() -> None:
    """By hand: one of three cats is right; Wilson's interval of 3 of 6 is symmetric about a half."""
    assert errors(FEW).rows == (
        ("top-1 error", "50.00 %", "3 of 6", "18.76 to 81.24 %"),
        ("loss", "1.000", "", ""),
    )
    assert matrix(FEW).rows == (("cat", "1", "2", "."), ("dog", ".", "1", "."), ("owl", "1", ".", "1"))
    assert pairs(FEW, 9).rows == (("cat", "dog", "2", "66.67 %"), ("owl", "cat", "1", "50.00 %"))
    assert classes(FEW).rows == (
        ("cat", "3", "66.67 %", "dog (2 times)", "2"),
        ("dog", "1", "0.00 %", "-", "3"),
        ("owl", "2", "50.00 %", "cat (once)", "1"),
    )
    worst = classes(FEW, 1)
    assert [row[0] for row in worst.rows] == ["cat", "... 2 more"]
    assert worst.note.startswith("the worst first")


def test_files_of_few_classes() -> None:
    """Names with commas survive; JSON and page say what the tables do."""
    rows = list(csv.reader(predictions_csv(FEW).splitlines()))
    assert rows[0] == [
        *("example", "class", "loss", "taken_for1", "probability1"),
        *("taken_for2", "probability2", "taken_for3", "probability3"),
    ]
    assert rows[2] == ["a, 1.png", "cat", "1", "dog", "0.5", "cat", "0.3", "owl", "0.1"]
    assert confusion_csv(FEW) == "class,cat,dog,owl\ncat,1,2,0\ndog,0,1,0\nowl,1,0,1\n"
    found = evaluation_json(FEW)
    assert found["top1"]["error"] == 0.5
    assert found["top5"] is None
    assert found["classes"][0]["taken_for"] == "dog"
    page = evaluation_markdown(FEW)
    assert "## Confusion matrix" in page
    assert "| cat | dog | 2 | 66.67 % |" in page


@pytest.fixture(scope="module")
def many() -> Evaluation:
    """A thousand classes with two examples each, of which every seventh class has one taken for the next."""
    labels = [label for label in range(1000) for _ in range(2)]
    taken = [label + (index % 14 == 1) for index, label in enumerate(labels)]
    return evaluation(taken, labels, tuple(f"n{label:08d}" for label in range(1000)))


def test_many_classes(many: Evaluation) -> None:
    """No matrix in the page, but pairs and the worst classes; in the picture numbers in place of names."""
    assert many.score.wrong == 143
    page = evaluation_markdown(many)
    assert "## Confusion matrix" not in page
    assert "| n00000000 | n00000001 | 1 | 50.00 % |" in page
    axes = confusion_figure(many).axes[0]
    assert axes.get_xlabel() == "taken for class, by number (blue: rightly)"
    assert [label.get_text() for label in axes.get_xticklabels()][:3] == ["0", "100", "200"]
    assert axes.get_title(loc="left") == "a cell: the largest share of 4 x 4 classes"


def test_no_mistake_vanishes_where_classes_share_cells() -> None:
    """A cell shows the largest share of its block; 7 classes in 3 cells begin at 0, 2 and 4."""
    shares = np.zeros((7, 7))
    shares[0, 6], shares[1, 5], shares[3, 3] = 0.25, 0.5, 1.0
    assert pooled(shares, 3).tolist() == [[0, 0, 0.5], [0, 1.0, 0], [0, 0, 0]]
    assert np.array_equal(pooled(shares, 7), shares)


def test_classes_that_were_not_met_have_no_room() -> None:
    """Two of a thousand classes: the matrix and the picture are of these, and the CSV file of all."""
    two = evaluation([3, 8, 8], [3, 3, 8], tuple(map(str, range(1000))))
    assert matrix(two).rows == (("3", "1", "1"), ("8", ".", "1"))
    assert [label.get_text() for label in confusion_figure(two).axes[0].get_xticklabels()] == ["3", "8"]
    assert len(confusion_csv(two).splitlines()) == 1001


def test_a_test_without_mistakes() -> None:
    """There is a picture, and nothing in the table of pairs."""
    right = evaluation([0, 1, 2], [0, 1, 2])
    assert pairs(right, 5).rows == ()
    assert "Most confused" not in evaluation_markdown(right)
    assert "nothing: all are right" in [text.get_text() for text in confusion_figure(right).axes[1].texts]


def test_the_same_test_writes_the_same_files(tmp_path: Path) -> None:
    """Byte for byte."""
    first, second = (write_evaluation(FEW, tmp_path / name) for name in ("a", "b"))
    assert [path.name for path in first] == [path.name for path in second]
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes()
