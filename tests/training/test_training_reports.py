"""What a training's tables, files and picture show, against the training itself."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

import topologies
from dataflow.override import Override
from dataflow.session import TrainingOptions, train_experiment
from dataflow.training.intervals import mean_interval
from dataflow.training.step_losses import LossDifference, StepLosses, losses_beside
from dataflow.training.trained import Comparison, Trained
from reports.training_document import curve_csv, training_json
from reports.training_picture import training_figure
from reports.training_table import curve, mean_and_interval, results, sentences


@cache
def trained() -> Trained:
    """Four epochs of digits from two seeds; an epoch that is not better by half divides the rate."""
    settings = {"training.schedule": "{patience: 1, at_most: 2, improvement: 0.4}", "training.batch": "64"}
    experiment = topologies.load("mlp-digits-gtx580", [Override(*each) for each in settings.items()])
    options = TrainingOptions(epochs=4, seeds=(3, 5), limits=False)
    with TemporaryDirectory() as folder:
        return train_experiment(experiment, options, folder, lambda _: None, lambda: False)


def test_the_rows_of_the_results() -> None:
    """A row for each seed, their mean, and the half width of its interval."""
    made = trained()
    errors = [point.last.test_error for point in made.curves]
    top5 = [point.last.test_top5_error or 0.0 for point in made.curves]
    grid = results(made)
    rows = {row[0]: row for row in grid.rows}
    assert list(rows) == ["3", "5", "mean", "±"]
    column = 4
    assert rows["3"][column] == f"{100 * errors[0]:.1f} %"
    interval = mean_interval(errors)
    assert rows["mean"][column : column + 2] == (
        f"{100 * interval.mean:.1f} %",
        f"{100 * mean_interval(top5).mean:.1f} %",
    )
    assert interval.half_width is not None
    assert rows["±"][column] == f"{100 * interval.half_width:.1f} %"
    assert grid.columns[column : column + 2] == ("error", "top-5")


def test_the_curve_says_by_what_rates() -> None:
    """Validation errors and learning rates have columns where there is a schedule."""
    grid = curve(trained(), 12)
    assert grid.columns[7:9] == ("validation", "rate")
    points = trained().curves[0].points
    assert [row[8] for row in grid.rows] == ["-", *(f"{point.learning_rate:g}" for point in points[1:])]


def test_sentences() -> None:
    """What was held out, when the rate was divided, and the error with its interval."""
    made = trained()
    text = "\n".join(sentences(made))
    assert f"images to learn from, {made.examples.validation} to decide by, 450 for the test" in text
    one, other = (", ".join(map(str, each.drops)) for each in made.curves)
    assert "at most 2 times: seed 3 after epoch" in text
    assert one in text
    assert other in text


def test_json_and_csv_have_errors_and_rates() -> None:
    """Accuracies stay beside them."""
    made = trained()
    found = training_json(made)
    assert found["schedule"]["at_most"] == 2
    assert found["conventions"]["weight_decay"] == "inside"
    errors = [each.last.test_error for each in made.curves]
    assert found["test_error"]["mean"] == pytest.approx(sum(errors) / 2)
    assert found["test_accuracy"]["mean"] == pytest.approx(1 - sum(errors) / 2)
    rows = list(csv.DictReader(curve_csv(made).splitlines()))
    points = [point for each in made.curves for point in each.points]
    for row, point in zip(rows, points, strict=True):
        assert float(row["test_error"]) == point.test_error
        assert float(row["validation_error"]) == point.validation_error
        assert row["learning_rate"] == ("" if point.learning_rate is None else str(point.learning_rate))


def labels(made: Trained) -> Iterator[list[str]]:
    """What the legend of each half of the picture names."""
    for axes in training_figure(made).axes[:2]:
        yield axes.get_legend_handles_labels()[1]


def test_the_picture() -> None:
    """Loss and error; validation where there is one; bands of several seeds; a line for each division."""
    made = trained()
    loss, error = labels(made)
    assert loss == ["training (mean of an epoch)", "test", "learning rate divided"]
    assert error == ["training (mean of an epoch)", "validation", "test", "learning rate divided"]
    left, right = training_figure(made).axes[:2]
    assert (len(left.collections), len(right.collections)) == (2, 3)
    drops = {epoch for each in made.curves for epoch in each.drops}
    assert len([line for line in right.lines if line.get_linewidth() == 1]) == len(drops) > 0
    one = replace(made, curves=made.curves[:1])
    assert not training_figure(one).axes[0].collections
    assert "95 %" not in mean_and_interval([0.5])


def test_losses_beside_a_reference(tmp_path: Path) -> None:
    """Of the steps that both have, the largest relative difference and its step; in the first hundred too."""
    own = dict.fromkeys(range(1, 151), 1.0) | {30: 1.01, 120: 1.2}
    reference = dict.fromkeys(range(11, 200), 1.0)
    losses = losses_beside(7, own, reference)
    assert (losses.steps[0], losses.steps[-1], len(losses.steps)) == (11, 150, 140)
    assert losses.largest() == LossDifference(pytest.approx(0.2), 120)
    assert losses.largest(100) == LossDifference(pytest.approx(0.01), 30)
    assert losses.largest(5) is None
    made = replace(trained(), against=Comparison("torch", (), (losses,)))
    text = "\n".join(sentences(made))
    assert (
        "losses of 140 steps beside PyTorch in float32 (seed 7): apart by at most 2.0e-01 of the loss" in text
    )
    assert "in the first 100 steps by 1.0e-02, at step 30" in text
    against = training_json(made)["against"]
    assert against["test_accuracy"] is None
    assert against["losses"][0]["largest"] == {"relative": pytest.approx(0.2), "step": 120}


def test_losses_that_are_no_numbers() -> None:
    """A difference from zero, or of what is not finite, is infinite; equal losses do not differ."""
    assert StepLosses(0, (1,), (0.5,), (0.0,)).largest() == LossDifference(float("inf"), 1)
    assert StepLosses(0, (1,), (float("nan"),), (0.5,)).largest() == LossDifference(float("inf"), 1)
    assert StepLosses(0, (1, 2), (0.0, 0.5), (0.0, 0.5)).largest() == LossDifference(0.0, 1)
