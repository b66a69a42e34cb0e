"""``dataflow train`` as a user meets it: curves, files, checkpoints, and what it refuses."""

from __future__ import annotations

import csv
import json
import os
import re
from math import sqrt
from pathlib import Path
from statistics import stdev
from typing import Any

import numpy as np
import pytest

from dataflow.recipe import Schedule
from dataflow.training.schedule import learning_rate
from tests.test_command_line import called

SMALL = """\
kind: experiment
name: small
network:
  name: small
  input: [1, 8, 8]
  classes: 10
  layers:
    fc1: {op: fully_connected, channels: 16, initial: {weight_deviation: he}}
    relu1: {op: relu}
    fc2: {op: fully_connected, channels: classes, initial: {weight_deviation: he}}
    loss: {op: softmax_cross_entropy}
hardware: gtx580
training: {batch: 64, learning_rate: 0.05, pixels: unit}
"""
TRAIN = ("train", "small.yaml", "--no-limits")
CURVES = {"training.md", "training.json", "curve.csv", "curve.png"}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command runs beside a small experiment of a perceptron that reads digits."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)


def document(folder: str) -> dict[str, Any]:
    """What training.json says, without what depends on how fast this machine is."""
    found: dict[str, Any] = json.loads(Path(folder, "training.json").read_text())
    for curve in found["curves"]:
        for point in curve["points"]:
            del point["wall_s"]
    return found


def state(folder: str, name: str = "checkpoint-seed0.npz") -> dict[str, Any]:
    """The tensors of a checkpoint."""
    with np.load(Path(folder, name)) as archive:
        return {each: archive[each] for each in archive.files if each != "about"}


def test_train(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """A perceptron learns digits; output, files and curve say the same."""
    assert called(monkeypatch, *TRAIN, "--epochs", "4") == 0
    told = capsys.readouterr().out
    assert (
        "4 epochs of 21 steps on scikit-learn's handwritten digits: 1,347 images to learn from, 450" in told
    )
    assert "timing of a step simulated once (" in told
    assert "us), reused for 84 steps" in told
    assert re.search(r"one inference: [0-9.]+ us *\n", told)
    folder = Path("results", "small-train")
    written = {path.name for path in folder.iterdir()}
    assert written >= {*CURVES, "report.md", "report.json", "trace.json", "checkpoint-seed0.npz"}
    found = document(str(folder))
    assert (found["epochs"], found["steps"], found["data"]["dropped"]) == (4, 84, 3)
    one = found["inference"]
    assert (one["count"], one["drawn"], one["p50_s"]) == (1, False, one["p99_s"])
    points = found["curves"][0]["points"]
    assert [point["epoch"] for point in points] == [0, 1, 2, 3, 4]
    assert [point["simulated_s"] for point in points] == pytest.approx(
        [21 * n * found["timing"]["step_time_s"] for n in range(5)]
    )
    assert found["test_accuracy"]["mean"] == points[-1]["test_accuracy"] > 0.85
    rows = list(csv.DictReader((folder / "curve.csv").read_text().splitlines()))
    assert [float(row["test_loss"]) for row in rows] == [point["test_loss"] for point in points]
    assert rows[0]["train_loss"] == ""
    assert (folder / "curve.png").read_bytes().startswith(b"\x89PNG")
    page = (folder / "training.md").read_text()
    assert "timing of a step simulated once" in page
    assert f"{100 * points[-1]['test_error']:.1f} %" in page
    assert points[-1]["test_error"] == pytest.approx(1 - points[-1]["test_accuracy"])
    assert 0 < points[-1]["test_top5_error"] < points[-1]["test_error"]
    assert [point["learning_rate"] for point in points] == [None, *[0.05] * 4]
    assert "dataflow test small.yaml --weights results/small-train/checkpoint-seed0.npz\n" in told


def test_what_is_trained_on_and_learned_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kernels of a first convolution are drawn; the advice on testing names images and settings."""
    chosen = ("--batch", "450", "--set", "training.learning_rate=0.01", "--images", "digits", "--no-limits")
    assert called(monkeypatch, "train", "digits-cnn-agilio", *chosen, "--epochs", "1", "--out", "k") == 0
    assert Path("k", "kernels.png").read_bytes().startswith(b"\x89PNG")
    said = capsys.readouterr().out
    assert "kernels.png" in said
    weights = "--weights k/checkpoint-seed0.npz --images digits --set training.learning_rate=0.01\n"
    assert f"dataflow test digits-cnn-agilio {weights}" in said


def test_a_plan_for_training_alone_has_no_latency_of_one_inference(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A plan that names gradients alone does not do without them: a note says so, and training goes on."""
    banks = ("--set", "plan.banks={'*.grad': emem}", "--batch", "450", "--no-limits")
    assert called(monkeypatch, "train", "mlp-digits-agilio", "--epochs", "1", *banks, "--out", "out") == 0
    assert "note: no latency of one inference: plan for hardware 'agilio-cx'" in capsys.readouterr().out
    assert document("out")["inference"] is None
    (note,) = document("out")["notes"]
    assert "banks are given for '*.grad', which no tensor there is called" in note


def test_seeds_against_another_format(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each seed is a training of its own; means, ranges and differences are shown."""
    chosen = (*TRAIN, "--epochs", "2", "--seeds", "0..1,5", "--against", "float64", "--out", "s", "--json")
    assert called(monkeypatch, *chosen) == 0
    found = json.loads(capsys.readouterr().out)
    own = [curve["points"][-1]["test_accuracy"] for curve in found["curves"]]
    assert [curve["seed"] for curve in found["curves"]] == [0, 1, 5]
    assert len({tuple(point["test_loss"] for point in curve["points"]) for curve in found["curves"]}) == 3
    assert found["test_accuracy"] == {
        "mean": pytest.approx(sum(own) / 3),
        "min": min(own),
        "max": max(own),
        "seeds": 3,
        "half_width": pytest.approx(4.302652729911275 * stdev(own) / sqrt(3)),  # t of 2 degrees of freedom
    }
    against = found["against"]
    assert (against["dtype"], [curve["dtype"] for curve in against["curves"]]) == ("float64", ["float64"] * 3)
    for curve, other in zip(found["curves"], against["curves"], strict=True):
        losses = [[point["test_loss"] for point in each["points"]] for each in (curve, other)]
        assert losses[0] == pytest.approx(losses[1], rel=1e-3)
    assert against["difference"] == pytest.approx(
        found["test_accuracy"]["mean"] - against["test_accuracy"]["mean"]
    )
    assert called(monkeypatch, *chosen[:-1], "--resume") == 0
    assert "mean" in capsys.readouterr().out


def test_another_way_has_the_same_losses(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two towers and one processor, step by step; what was taken before resuming is not compared."""
    split = "{mesh: {data: 2}, layers: {'*': {shard: {batch: data}}}}"
    chosen = (*TRAIN, "--set", "hardware=gtx580x2", "--set", f"plan={split}", "--batch", "336")
    chosen = (*chosen, "--against", "one-processor", "--out", "a")
    assert called(monkeypatch, *chosen, "--epochs", "1") == 0
    found = document("a")["against"]
    (losses,) = found["losses"]
    assert (found["name"], found["dtype"], losses["steps"]) == ("one-processor", "float32", 4)
    assert 0 <= losses["largest"]["relative"] < 1e-5
    assert "losses of 4 steps beside one processor in float32" in Path("a", "training.md").read_text()
    assert called(monkeypatch, *chosen, "--epochs", "2", "--resume") == 0
    assert "the losses of 4 of 8 steps are not compared" in capsys.readouterr().out
    assert document("a")["against"]["losses"][0]["steps"] == 4


def test_weights_to_begin_with(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The first test is that of the checkpoint; resuming without them is refused."""
    assert called(monkeypatch, *TRAIN, "--epochs", "2", "--out", "a") == 0
    begin = (*TRAIN, "--weights", "a/checkpoint-seed0.npz", "--out", "b")
    assert called(monkeypatch, *begin, "--epochs", "1") == 0
    first, last = (document(each)["curves"][0]["points"] for each in "ba")
    assert first[0]["test_loss"] == last[-1]["test_loss"]
    assert first[1]["train_loss"] < last[1]["train_loss"]
    assert called(monkeypatch, *TRAIN, "--out", "b", "--epochs", "2", "--resume") == 2
    assert "is of another training: its weights is " in capsys.readouterr().err


def test_a_schedule(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The rate falls when the validation error has stopped, as output, curve and files say."""
    chosen = (*TRAIN, "--set", "training.schedule={patience: 1, at_most: 2, improvement: 0.01}")
    assert called(monkeypatch, *chosen, "--epochs", "12", "--out", "whole") == 0
    told = capsys.readouterr().out
    found = document("whole")
    assert found["data"]["validation"] > 0
    points = found["curves"][0]["points"]
    errors = [point["validation_error"] for point in points[1:]]
    schedule = Schedule(patience=1, at_most=2, improvement=0.01)
    rates = [learning_rate(0.05, schedule, errors[:epoch]) for epoch in range(12)]
    assert [point["learning_rate"] for point in points[1:]] == rates
    assert rates[-1] == pytest.approx(0.05 / 100)
    drops = [epoch for epoch in range(1, 12) if rates[epoch] != rates[epoch - 1]]
    assert f"learning rate divided by 10, at most 2 times: after epochs {drops[0]}, {drops[1]}" in told
    rows = list(csv.DictReader(Path("whole", "curve.csv").read_text().splitlines()))
    assert [float(row["validation_error"]) for row in rows[1:]] == errors


def test_epochs_of_the_experiment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are those of ``training.epochs``, and the output says so."""
    assert called(monkeypatch, *TRAIN, "--set", "training.epochs=2", "--out", "e", "--json") == 0
    captured = capsys.readouterr()
    assert "2 epochs, as training.epochs says; --epochs for others" in captured.err
    assert re.search(
        r"seed 0, float32: epoch 2/2, .* images/s, simulated .* left, loss .*, error ", captured.err
    )
    assert json.loads(captured.out)["epochs"] == 2


def test_a_race_is_simulated_step_by_step(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Values depend on timing; two runs are the same all the same."""
    chosen = ("train", "digits-cnn-race-dropout", "--epochs", "1", "--batch", "450", "--no-limits")
    for folder in ("one", "other"):
        assert called(monkeypatch, *chosen, "--out", folder) == 0
    told = capsys.readouterr().out
    assert "every one of 2 steps simulated, for values depend on timing" in told
    assert "of what forward tasks read had not been stored at their signal" in told
    assert " of 200, latencies drawn within their published ranges" in told
    one = document("one")["inference"]
    assert (one["count"], one["drawn"]) == (200, True)
    assert one["p50_s"] < one["p99_s"]
    assert "- one inference: p50 " in Path("one", "training.md").read_text()
    assert document("one")["curves"] == document("other")["curves"]
    assert document("one")["curves"][0]["missing"] > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--epochs", "0"), "Invalid value for '--epochs': 0 is not in the range x>=1"),
        (("--epochs", "-1"), "Invalid value for '--epochs': -1 is not in the range"),
        (("--epochs", "1", "--checkpoint-every", "0"), "Invalid value for '--checkpoint-every'"),
        (("--epochs", "1", "--checkpoint-every", "5 hours"), "write 2 epochs, 500 steps or 10 minutes"),
        (("--epochs", "1", "--weights", "none.npz"), "none.npz"),
        (
            ("--epochs", "1", "--set", "training.conventions=caffe"),
            "training.conventions: must be 'paper', 'pytorch' or a mapping, got 'caffe'",
        ),
        (("--epochs", "1", "--seeds", "a"), "'a' is no list of seeds, such as 0,2,5 or 0..3"),
        (("--epochs", "1", "--seeds", "3..1"), "'3..1': the second seed must be the first or up to 999 more"),
        (("--epochs", "1", "--seeds", "1,0..2"), "'1,0..2' has a seed twice"),
        (("--epochs", "1", "--seeds", "1", "--seed", "2"), "--seed and --seeds exclude each other"),
        (
            ("--epochs", "1", "--set", "mode=inference"),
            "'small' is of mode 'inference', in which nothing is lea",
        ),
        (("--epochs", "1", "--backend", "null"), "backend 'null' computes no values, so nothing is learned"),
        (
            ("--epochs", "1", "--images", "cats"),
            "--images cats: is not a folder; give one with a sub-folder for each class, or name a data set",
        ),
        (("--epochs", "1", "--batch", "2000"), "1,347 images for training, fewer than one batch of 2,000"),
        (("--epochs", "1", "--against", "q8.8"), "'q8.8' is not one of 'float32', 'float64'"),
        (("--epochs", "1", "--out", ""), "--out: the folder's name is empty"),
        (("--epochs", "1", "--out", "small.yaml"), "is a file, but a report is a folder of files"),
    ],
)
def test_what_cannot_be(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    """One line says which value breaks which rule, the exit code is 2, and nothing is written."""
    assert called(monkeypatch, *TRAIN, *arguments) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["small.yaml"]


def test_an_unknown_experiment(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It is named, with those there are."""
    assert called(monkeypatch, "train", "smal", "--epochs", "1") == 2
    assert "no experiment is called 'smal'" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is refused before anything is computed."""
    Path("locked").mkdir()
    allowed = os.access
    monkeypatch.setattr(os, "access", lambda place, mode: not mode & os.W_OK and allowed(place, mode))
    assert called(monkeypatch, *TRAIN, "--epochs", "1", "--out", "locked") == 2
    assert "may not be written to" in capsys.readouterr().err


def test_a_learning_rate_that_is_too_large(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not finite ends the training with the tensor's name; the checkpoint before it stays."""
    large = ("--set", "training.learning_rate=1e30")
    assert called(monkeypatch, *TRAIN, "--epochs", "1", "--out", "l", *large) == 2
    assert "is the first that is not finite" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc")
def test_a_folder_that_cannot_be_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where even root may write nothing: who, which rule, and what to do."""
    assert called(monkeypatch, *TRAIN, "--epochs", "1", "--out", "/proc/x") == 2
    assert "dataflow: folder '/proc/x': cannot be made: " in capsys.readouterr().err
