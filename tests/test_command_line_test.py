"""``dataflow test`` as a user meets it: errors, files, and what it refuses."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import topologies
from dataflow.session import TrainingOptions, train_experiment
from dataflow.testing.interval import wilson_interval
from dataflow.training.curve import CurvePoint
from dataflow.training.evaluation import Evaluator
from tests.test_command_line import called
from tests.test_command_line_train import SMALL

FILES = {"test.md", "test.json", "predictions.csv", "confusion.csv", "confusion.png", "classes.csv"}

COLOURS = """\
kind: experiment
name: colours
network:
  name: colours
  input: [3, 8, 8]
  classes: 2
  layers:
    fc: {op: fully_connected, channels: classes}
    loss: {op: softmax_cross_entropy}
hardware: gtx580
training: {batch: 4, augmentation: {shorter_side: 12}}
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command runs beside a perceptron for digits and one layer for coloured pictures."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)
    Path("colours.yaml").write_text(COLOURS)


def small_weights(**others: Any) -> str:
    """A file of random weights of the perceptron, with other arrays in the place of some."""
    random = np.random.default_rng(1)
    arrays = {
        "fc1.weight": random.normal(size=(16, 1, 8, 8)),
        "fc1.bias": np.zeros(16),
        "fc2.weight": random.normal(size=(10, 16)),
        "fc2.bias": np.zeros(10),
    }
    np.savez("weights.npz", **{**arrays, **{name.replace("_", "."): array for name, array in others.items()}})
    return "weights.npz"


def rows_of(file: Path) -> list[dict[str, str]]:
    """The lines of a CSV file by its header."""
    return list(csv.DictReader(file.read_text().splitlines()))


def trained_for_an_epoch() -> CurvePoint:
    """Trains the perceptron, whose checkpoint stays; what its last test came to."""
    options = TrainingOptions(epochs=1, limits=False)
    folder = Path("results/small-train")
    trained = train_experiment(topologies.load("small.yaml"), options, folder, lambda _: None, lambda: False)
    return trained.curves[0].last


def test_what_was_trained_is_tested(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last test of a training, done again from its checkpoint; all files say the same."""
    last = trained_for_an_epoch()
    assert called(monkeypatch, "test", "small.yaml") == 0
    told = capsys.readouterr().out
    folder = Path("results/small-test")
    assert {path.name for path in folder.iterdir()} == FILES
    found = json.loads((folder / "test.json").read_text())
    assert 1 - found["top1"]["error"] == pytest.approx(last.test_accuracy)
    assert found["top5"]["error"] == last.test_top5_error
    assert found["loss"] == pytest.approx(last.test_loss, rel=1e-6)
    assert found["weights"] == "results/small-train/checkpoint-seed0.npz"
    assert (found["crops"], found["data"]["part"], found["data"]["count"]) == (1, "test", 450)
    wrong = found["top1"]["wrong"]
    assert (found["top1"]["low"], found["top1"]["high"]) == pytest.approx(wilson_interval(wrong, 450))
    assert f"{wrong} of 450" in told
    assert "weights: results/small-train/checkpoint-seed0.npz (seed 0, step 21 of 21)" in told
    page = (folder / "test.md").read_text()
    assert f"| top-1 error | {100 * wrong / 450:.2f} % | {wrong} of 450 |" in page
    assert (folder / "confusion.png").read_bytes().startswith(b"\x89PNG")
    assert found["notes"] == []


def test_what_was_trained_with_is_told_where_it_is_other(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A checkpoint knows its data set and its pixels."""
    trained_for_an_epoch()
    other = ("--images", "noise", "--set", "training.pixels=standardized", "--json")
    assert called(monkeypatch, "test", "small.yaml", *other) == 0
    assert json.loads(capsys.readouterr().out)["notes"] == [
        (
            "the weights are of a training with another data set: scikit-learn's handwritten digits there, "
            "Gaussian noise here"
        ),
        "the weights are of a training with another scaling of pixels: unit there, standardized here",
    ]


def test_the_files_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each example's answers add up to the matrix, the table of classes and the errors."""
    assert called(monkeypatch, "test", "small.yaml", "--weights", small_weights(), "--out", "out") == 0
    found = json.loads(Path("out/test.json").read_text())
    said = rows_of(Path("out/predictions.csv"))
    assert [row["example"] for row in said[:2]] == ["digit 0", "digit 1"]
    matrix = np.zeros((10, 10), dtype=int)
    np.add.at(matrix, ([int(row["class"]) for row in said], [int(row["taken_for1"]) for row in said]), 1)
    written = [list(row.values()) for row in rows_of(Path("out/confusion.csv"))]
    assert [row[0] for row in written] == [str(digit) for digit in range(10)]
    assert np.array_equal(np.array([row[1:] for row in written], dtype=int), matrix)
    assert found["top1"]["wrong"] == 450 - np.trace(matrix)
    top5 = sum(row["class"] not in [row[f"taken_for{rank}"] for rank in range(1, 6)] for row in said)
    assert found["top5"]["wrong"] == top5
    likely = np.array([[float(row[f"probability{rank}"]) for rank in range(1, 6)] for row in said])
    assert np.all(np.diff(likely, axis=1) <= 0)
    assert np.all(likely.sum(axis=1) <= 1 + 1e-5)
    assert found["loss"] == pytest.approx(np.mean([float(row["loss"]) for row in said]), rel=1e-4)
    classes = rows_of(Path("out/classes.csv"))
    assert [int(row["wrong"]) for row in classes] == (matrix.sum(axis=1) - np.diag(matrix)).tolist()
    assert [int(row["claimed"]) for row in classes] == matrix.sum(axis=0).tolist()


def test_other_parts(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What was trained on, what is held out for the learning rate; ten crops of digits are one."""
    weights = ("--weights", small_weights(), "--json")
    assert called(monkeypatch, "test", "small.yaml", *weights, "--part", "train", "--crops", "10") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["data"]["count"], found["crops"]) == (1347, 1)
    assert found["notes"] == ["there is 1 crop of each example, not 10: the network reads too much of it"]
    held = ("--part", "validation", "--set", "training.schedule={}")
    assert called(monkeypatch, "test", "small.yaml", *weights, *held) == 0
    assert 120 < json.loads(capsys.readouterr().out)["data"]["count"] < 150


def folder_of_colours() -> None:
    """Red and blue pictures, for training and for the test."""
    for part, count in (("train", 4), ("test", 3)):
        for name, colour in (("blue", (0, 0, 200)), ("red", (200, 0, 0))):
            folder = Path("colours", part, name)
            folder.mkdir(parents=True)
            for number in range(count):
                Image.new("RGB", (12, 12), colour).save(folder / f"{number}.png")


@pytest.mark.parametrize("crops", ["1", "10"])
def test_a_folder_of_pictures(monkeypatch: pytest.MonkeyPatch, crops: str) -> None:
    """A layer that adds up red and blue tells them apart, by any crops; files name the examples."""
    folder_of_colours()
    weight = np.zeros((2, 3, 8, 8))
    weight[0, 2] = weight[1, 0] = 0.01
    np.savez("weights.npz", **{"fc.weight": weight, "fc.bias": np.zeros(2)})
    chosen = ("--images", "colours", "--weights", "weights.npz", "--workers", "0", "--crops", crops)
    assert called(monkeypatch, "test", "colours.yaml", *chosen, "--out", "out") == 0
    found = json.loads(Path("out/test.json").read_text())
    assert (found["top1"]["wrong"], found["top5"], found["crops"]) == (0, None, int(crops))
    said = rows_of(Path("out/predictions.csv"))
    names = [f"test/{colour}/{number}.png" for colour in ("blue", "red") for number in range(3)]
    assert [row["example"] for row in said] == names
    assert [row["taken_for1"] for row in said] == ["blue"] * 3 + ["red"] * 3
    assert list(said[0]) == [
        *("example", "class", "loss"),
        *("taken_for1", "probability1", "taken_for2", "probability2"),
    ]


@pytest.mark.parametrize(
    ("chosen", "told"),
    [
        ((), "there is no checkpoint in 'results/small-train'; train it first"),
        (("--weights", "none.npz"), "weights 'none.npz': there is no such file"),
        (("--weights", "weights.npz", "--backend", "null"), "computes no values, so nothing can be tested"),
        (
            ("--weights", "weights.npz", "--set", "mode=inference"),
            "is of mode 'inference', in which nothing is learned; use --set mode=training",
        ),
        (
            ("--weights", "weights.npz", "--part", "validation"),
            "part 'validation': scikit-learn's handwritten digits have none, for no learning rate",
        ),
        (("--weights", "weights.npz", "--images", "nowhere"), "--images nowhere: is not a folder"),
    ],
)
def test_what_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], chosen: tuple[str, ...], told: str
) -> None:
    """One clear sentence, exit code 2, and nothing written."""
    small_weights()
    assert called(monkeypatch, "test", "small.yaml", *chosen) == 2
    said = capsys.readouterr().err
    assert told in said
    assert "Traceback" not in said
    assert not Path("results").exists()


def test_weights_of_another_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tensor is named with both shapes."""
    file = small_weights(fc2_weight=np.zeros((10, 12)))
    assert called(monkeypatch, "test", "small.yaml", "--weights", file) == 2
    said = capsys.readouterr().err
    assert "'fc2.weight'" in said
    assert "(10, 12)" in said
    assert "(10, 16)" in said


def test_scores_that_are_not_finite(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first such example is named; nothing is written."""
    file = small_weights(fc2_bias=np.full(10, 3e38), fc2_weight=np.full((10, 16), 3e38))
    assert called(monkeypatch, "test", "small.yaml", "--weights", file) == 2
    assert "its scores of 'digit 0' are not finite; the weights have diverged" in capsys.readouterr().err
    assert not Path("results").exists()


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends at once with exit code 130, and no file is left."""

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Evaluator, "forward", interrupted)
    assert called(monkeypatch, "test", "small.yaml", "--weights", small_weights()) == 130
    assert "interrupted; no file is left half-written" in capsys.readouterr().err
    assert not Path("results").exists()


def test_labels_beyond_the_classes_of_the_network(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten digits are too many for four answers."""
    file = small_weights(fc2_weight=np.zeros((4, 16)), fc2_bias=np.zeros(4))
    chosen = ("--weights", file, "--images", "digits", "--set", "network.classes=4")
    assert called(monkeypatch, "test", "small.yaml", *chosen) == 2
    assert "digits are of 10 classes, but network 'small' tells 4 apart" in capsys.readouterr().err
    assert not Path("results").exists()


def test_a_part_without_examples(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Of classes of one picture each nothing can be held out for the test."""
    for name in ("blue", "red"):
        Path("few", name).mkdir(parents=True)
        Image.new("RGB", (12, 12)).save(Path("few", name, "0.png"))
    np.savez("weights.npz", **{"fc.weight": np.zeros((2, 3, 8, 8)), "fc.bias": np.zeros(2)})
    chosen = ("--images", "few", "--weights", "weights.npz", "--workers", "0", "--batch", "2")
    assert called(monkeypatch, "test", "colours.yaml", *chosen) == 2
    assert "network 'colours' cannot be tested: there are no examples for it" in capsys.readouterr().err
    assert not Path("results").exists()
    trained = ("train", "colours.yaml", "--epochs", "1", *chosen[:2], *chosen[4:], "--no-limits")
    assert called(monkeypatch, *trained) == 2
    assert "network 'colours' cannot be tested: there are no examples for it" in capsys.readouterr().err
    assert called(monkeypatch, "test", "colours.yaml", *chosen, "--part", "train") == 0
