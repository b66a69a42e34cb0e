"""Trainings on folders as a user meets them: ``--images``, ``--broken``, ``--cache``, ``--workers``."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from tests.test_command_line import called
from tests.training.folders import classes_of

SMALL = """\
kind: experiment
name: small
network:
  name: small
  input: [3, 7, 7]
  classes: 3
  layers:
    fc1: {op: fully_connected, channels: classes}
    loss: {op: softmax_cross_entropy}
hardware: gtx580
training: {batch: 8, learning_rate: 1.0e-5, schedule: {validation: 0.25}}
"""


def curve(folder: str) -> list[dict[str, str]]:
    """The rows of curve.csv without the time it took."""
    rows = csv.DictReader(Path(folder, "curve.csv").read_text().splitlines())
    return [{name: value for name, value in row.items() if name != "wall_s"} for row in rows]


def test_a_folder_of_images(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Broken ones are refused, or left out and counted; the curve is the same with and without processes."""
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)
    classes_of(Path("set"), "a", "b", count=12)
    Path("set/a/005.png").write_text("")
    asked = ("train", "small.yaml", "--no-limits", "--epochs", "2", "--images", "set", "--cache", "kept")
    assert called(monkeypatch, *asked) == 2
    assert "--images set: 1 image cannot be read; mend or remove them" in capsys.readouterr().err
    for workers in ("0", "1"):
        options = ("--broken", "skip", "--workers", workers, "--out", f"out{workers}")
        assert called(monkeypatch, *asked, *options) == 0
    said = capsys.readouterr().out
    for note in (
        "no test part: 2 images, a tenth of each class, are held out for the test",
        "6 images of the training part are held out for validation",
        "1 image of set cannot be read and is left out",
    ):
        assert note in said
    assert curve("out0") == curve("out1")
    assert [path.suffix for path in Path("kept").iterdir()] == [".npz"]
    assert sorted(path.name for path in Path("set").iterdir()) == ["a", "b"]
