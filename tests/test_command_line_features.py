"""``dataflow features``, ``kernels`` and ``activations`` as a user meets them: files, numbers, refusals."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import topologies
from dataflow.features import extraction
from dataflow.session.weights import write_initial_weights
from tests.features.made import paint
from tests.test_command_line import called

SMALL = """\
kind: experiment
name: small
network:
  name: small
  input: [3, 12, 12]
  classes: 2
  layers:
    conv1: {op: convolution, channels: 6, kernel: 5, initial: {weight_deviation: he}}
    relu1: {op: relu}
    pool1: {op: max_pooling, kernel: 2, stride: 2}
    conv2: {op: convolution, channels: 4, kernel: 3, groups: 2, initial: {weight_deviation: he}}
    fc3: {op: fully_connected, channels: 10, initial: {weight_deviation: he}}
    relu3: {op: relu}
    drop3: {op: dropout, rate: 0.5}
    fc4: {op: fully_connected, channels: classes, initial: {weight_deviation: he}}
    loss: {op: softmax_cross_entropy}
hardware: gtx580x2
plan:
  mesh: {model: 2}
  layers:
    "*": {shard: {channel: model}}
    fc4: {on: gpu0}
    loss: {on: gpu0}
training: {batch: 4}
"""
WITH = ("--weights", "w.npz", "--workers", "0")
GIVEN = ("small.yaml", *WITH)
COLOURS = {"sky": (30, 60, 220), "grass": (30, 200, 40)}


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command runs beside an experiment, its initial weights and a folder of nine images.

    Two of sky are the same; every image of a class is a little lighter than the one before.
    """
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)
    write_initial_weights(topologies.load("small.yaml"), "w.npz")
    for name, colour in COLOURS.items():
        for number in range(4):
            red, green, blue = colour
            paint(Path("seen", name, f"{number}.png"), (red + 9 * number, green, blue), (30, 20 + number))
    paint(Path("seen", "sky", "copy.png"), COLOURS["sky"], (40, 40))


def found_in(folder: str) -> dict[str, Any]:
    """What features.json says."""
    found: dict[str, Any] = json.loads(Path(folder, "features.json").read_text())
    return found


def test_features(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nine images, ten numbers each; the copy is nearest at distance 0; output and files agree."""
    chosen = ("--images", "seen", "--queries", "copy.png", "--queries", "grass/2.png", "--neighbours", "3")
    assert called(monkeypatch, "features", *GIVEN, *chosen) == 0
    told = capsys.readouterr().out
    assert "small  features of 9 images: 10 numbers each, the output of layer 'relu3'" in told
    assert "the 9 images in seen; weights of w.npz" in told
    assert "pixels are read less the mean colour of these images" in told
    folder = Path("results", "small-features")
    assert {path.name for path in folder.iterdir()} == {
        *("features.npy", "index.csv", "features.json", "neighbours.csv", "neighbours.png")
    }
    values = np.load(folder / "features.npy")
    rows = list(csv.DictReader((folder / "index.csv").read_text().splitlines()))
    assert (values.shape, values.dtype, values.min() >= 0) == ((9, 10), np.float32, True)
    assert [row["file"] for row in rows][3:6] == ["grass/3.png", "sky/0.png", "sky/1.png"]
    assert [row["label"] for row in rows] == ["grass"] * 4 + ["sky"] * 5
    near = list(csv.DictReader((folder / "neighbours.csv").read_text().splitlines()))
    assert [near[0][key] for key in ("query", "query_label", "rank", "neighbour", "distance")] == [
        *("sky/copy.png", "sky", "1", "sky/0.png", "0.0")
    ]
    assert [row["query"] for row in near] == ["sky/copy.png"] * 3 + ["grass/2.png"] * 3
    place = {row["file"]: index for index, row in enumerate(rows)}
    for row in near:
        apart = values[place[row["query"]]].astype(np.float64) - values[place[row["neighbour"]]]
        assert float(row["distance"]) == pytest.approx(np.sqrt((apart**2).sum()), rel=1e-12, abs=1e-12)
    document = found_in(str(folder))
    assert document["neighbours"][0]["nearest"][0] == {"file": "sky/0.png", "label": "sky", "distance": 0.0}
    assert (document["layer"], document["weights"], document["images"]["count"]) == ("relu3", "w.npz", 9)
    assert (folder / "neighbours.png").read_bytes().startswith(b"\x89PNG")
    assert [path.name for path in Path("results").iterdir()] == ["small-features"]


def test_npy_and_parquet_hold_the_same(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers, files and classes; a class that nobody knows is null; nothing else stays beside them."""
    from pyarrow.parquet import read_table

    paint(Path("seen", "grey.png"), (90, 90, 90))
    both = ("features", *GIVEN, "--images", "seen", "--layer", "pool1", "--queries", "0", "--json")
    assert called(monkeypatch, *both, "--to", "f.npy", "--out", "one") == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["layer"], said["shape"], said["features"]) == ("pool1", [6, 4, 4], 96)
    assert called(monkeypatch, *both, "--to", "f.parquet", "--out", "one") == 0
    values, table = np.load("f.npy"), read_table("f.parquet")
    assert table.column_names == ["file", "label", "features"]
    assert np.array_equal(np.array(table["features"].to_pylist(), dtype=np.float32), values)
    rows = list(csv.DictReader(Path("f.csv").read_text().splitlines()))
    assert table["file"].to_pylist() == [row["file"] for row in rows]
    assert table["label"].to_pylist() == [row["label"] or None for row in rows]
    assert table["label"].to_pylist()[4] is None
    assert table.schema.metadata[b"layer"] == b"pool1"
    assert {path.name for path in Path("one").iterdir()} == {"index.csv", "features.json"}
    assert {path.name for path in Path().iterdir() if path.name.startswith(".")} == set()


def test_parquet_without_its_library(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What to install is said before anything is computed."""
    for name in [name for name in sys.modules if name.startswith("pyarrow")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert called(monkeypatch, "features", *GIVEN, "--images", "seen", "--to", "f.parquet") == 2
    assert 'pip install "dataflow-simulator[parquet]", or name a .npy file' in capsys.readouterr().err
    assert not Path("results").exists()


def test_features_of_a_data_set_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five queries spread over the part, six neighbours each, without any option; shapes have names."""
    assert called(monkeypatch, "features", *GIVEN, "--images", "shapes", "--out", "s") == 0
    found = found_in("s")
    assert [row["file"] for row in found["neighbours"]] == [f"shape {n}" for n in range(2000, 2500, 100)]
    assert {len(row["nearest"]) for row in found["neighbours"]} == {6}
    assert found["same_class"]["nearest"] == 30
    assert found["neighbours"][0]["label"] == "red disc"


@pytest.mark.parametrize(("images", "rows", "columns"), [(("0.png", "1.png"), 2, 1), (("0.png",), 0, 0)])
def test_fewer_images_than_are_usually_shown(
    monkeypatch: pytest.MonkeyPatch, images: tuple[str, ...], rows: int, columns: int
) -> None:
    """Where nobody asks for so many, as many as there are; of one image features alone."""
    for name in images:
        paint(Path("few", name), (9, 9, 9))
    assert called(monkeypatch, "features", *GIVEN, "--images", "few", "--out", "f") == 0
    found = found_in("f")
    assert [len(row["nearest"]) for row in found["neighbours"]] == [columns] * rows
    assert Path("f", "neighbours.png").exists() == bool(rows)
    assert np.load(Path("f", "features.npy")).shape == (len(images), 10)


def test_kernels(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Six kernels of conv1, three of each GPU, from the file that is named."""
    assert called(monkeypatch, "kernels", "small.yaml", "--weights", "w.npz") == 0
    told = capsys.readouterr().out
    assert "6 kernels of layer 'conv1': 3 x 5 x 5" in told
    assert "gpu0: kernels 0 to 2\ngpu1: kernels 3 to 5" in told
    folder = Path("results", "small-kernels")
    assert {path.name for path in folder.iterdir()} == {"kernels.png", "kernels.json"}
    found = json.loads((folder / "kernels.json").read_text())
    assert found["sets"] == [
        {"processors": ["gpu0"], "start": 0, "stop": 3},
        {"processors": ["gpu1"], "start": 3, "stop": 6},
    ]
    with np.load("w.npz") as weights:
        largest = np.abs(weights["conv1.weight"]).max(axis=(1, 2, 3))
    assert found["largest_magnitude"] == pytest.approx(largest.tolist())


@pytest.mark.parametrize(("layer", "shape"), [("conv1", [6, 8, 8]), ("relu3", [10]), ("fc4", [2])])
def test_activations(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], layer: str, shape: list[int]
) -> None:
    """Of maps, of a vector, of the scores: the layer's shape, and what the image is taken for."""
    chosen = ("--images", "seen", "--index", "5", "--trained-on", "seen", "--layer", layer, "--json")
    assert called(monkeypatch, "activations", *GIVEN, *chosen) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["shape"], found["image"]) == (shape, {"name": "sky/1.png", "label": "sky"})
    assert sum(score["probability"] for score in found["scores"]) == pytest.approx(1)
    assert {score["class"] for score in found["scores"]} == set(COLOURS)
    assert found["minimum"] <= found["mean"] <= found["maximum"]
    assert found["sets"][0]["processors"] == ["gpu0"]
    folder = Path("results", "small-activations")
    assert {path.name for path in folder.iterdir()} == {"activations.png", "activations.json"}


def test_one_image_and_what_it_is_taken_for(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A single file: its activations are those of the same file in its folder, less the same mean."""
    chosen = ("--trained-on", "seen", "--layer", "fc4", "--out", "a", "--json")
    assert called(monkeypatch, "activations", *GIVEN, "--image", "seen/sky/1.png", *chosen) == 0
    alone = json.loads(capsys.readouterr().out)
    assert called(monkeypatch, "activations", *GIVEN, "--images", "seen", "--index", "5", *chosen) == 0
    assert json.loads(capsys.readouterr().out)["scores"] == alone["scores"]
    assert called(monkeypatch, "activations", *GIVEN, "--image", "seen/sky/1.png", "--layer", "fc4") == 0
    assert "Taken for" in capsys.readouterr().out


F, K, A = ("features", *GIVEN), ("kernels", "small.yaml", "--weights", "w.npz"), ("activations", *GIVEN)
SEEN = ("--images", "seen")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            (*F, *SEEN, "--layer", "relu33"),
            "--layer relu33: network 'small' has no such layer; did you mean 'rel",
        ),
        ((*F, *SEEN, "--layer", "loss"), "--layer loss: is the loss, which has no activations"),
        ((*F, *SEEN, "--neighbours", "9"), "--neighbours 9: each of the images has 8 others beside it"),
        ((*F, *SEEN, "--neighbours", "0"), "Invalid value for '--neighbours': 0 is not in the range x>=1"),
        ((*F, *SEEN, "--queries", "10"), "--queries 10: there are 9 images; ask for fewer"),
        (
            (*F, *SEEN, "--queries", "x.png"),
            "--queries x.png: is none of the images; these are called 'grass/0",
        ),
        (
            (*F, *SEEN, "--to", "f.csv"),
            "--to f.csv: features are .npy or .parquet; name the file accordingly",
        ),
        ((*F, *SEEN, "--to", "no/f.npy"), "--to no/f.npy: its folder 'no' does not exist; make it first"),
        ((*F, "--images", "nowhere"), "images 'nowhere': there is no such folder or file"),
        ((*F, *SEEN, "--backend", "null"), "backend 'null' computes no values, so there are no activations"),
        ((*F, *SEEN, "--out", ""), "--out: the folder's name is empty"),
        (
            ("features", "small.yaml", *SEEN),
            "there is no checkpoint in 'results/small-train'; train it first",
        ),
        ((*K, "--layer", "relu1"), "--layer relu1: has no kernels; the first that learns is 'conv1'"),
        ((*K, "--layer", "conv2"), "--layer conv2: its kernels have 3 channels of 'pool1', but"),
        ((*K, "--layer", "conv3"), "did you mean 'conv2'?"),
        (("kernels", "small.yaml", "--weights", "x.npz"), "weights 'x.npz': there is no such file"),
        ((*A, *SEEN, "--index", "9"), "--index 9: the 9 images in seen, are numbered from 0 to 8"),
        ((*A, *SEEN, "--image", "seen/sky/0.png"), "--image is one file; leave out --images and --index"),
        ((*A, "--image", "small.yaml"), "small.yaml is not an image"),
        ((*A, *SEEN, "--layer", "drop4"), "did you mean 'drop3'?"),
    ],
)
def test_what_cannot_be(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    """One line says which value breaks which rule, the exit code is 2, and nothing is written."""
    assert called(monkeypatch, *arguments) == 2
    assert message in capsys.readouterr().err
    assert {path.name for path in Path().iterdir()} == {"small.yaml", "w.npz", "seen"}


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """It ends at once, with the exit code of shells; what was computed aside is gone."""
    begun: list[str] = []

    def interrupted(*_: object) -> bytes:
        begun.extend(path.name for path in Path("results").iterdir())
        raise KeyboardInterrupt

    monkeypatch.setattr(extraction, "_header", interrupted)
    assert called(monkeypatch, "features", *GIVEN, *SEEN) == 130
    assert "interrupted; no file is left half-written" in capsys.readouterr().err
    assert [name[:16] for name in begun] == [".small-features."]
    assert not Path("results").exists()


def test_what_killed_calls_left_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of processes that are over; what one writes that still runs stays."""
    over = subprocess.Popen([sys.executable, "-c", ""])
    over.wait()
    Path("results").mkdir()
    left, running = (Path("results", f".small-features.{pid}-ab.tmp") for pid in (over.pid, os.getpid()))
    left.write_text("half")
    running.write_text("half")
    assert called(monkeypatch, "features", *GIVEN, *SEEN) == 0
    assert {path.name for path in Path("results").iterdir()} == {"small-features", running.name}
