"""``dataflow weights`` as a user meets it: from a training, from a file, and from nothing learned yet."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tests.test_command_line import called

SMALL = """\
kind: experiment
name: small
network:
  name: small
  input: [1, 8, 8]
  classes: 10
  state_dict: {fc1: hidden, fc2: head}
  layers:
    fc1: {op: fully_connected, channels: 16, initial: {weight_deviation: he}}
    relu1: {op: relu}
    fc2: {op: fully_connected, channels: classes, initial: {weight_deviation: he}}
    loss: {op: softmax_cross_entropy}
hardware: gtx580
training: {batch: 64, learning_rate: 0.05, pixels: unit}
"""


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("small.yaml").write_text(SMALL)


def test_a_training_s_weights_in_three_steps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Trained, written as PyTorch calls them, and back under our own names: all as in the checkpoint."""
    called(monkeypatch, "train", "small.yaml", "--epochs", "1", "--no-limits")
    capsys.readouterr()
    assert called(monkeypatch, "weights", "small.yaml", "--to", "w.safetensors", "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    assert {each["name"]: each["shape"] for each in printed["tensors"]} == {
        "hidden.weight": [16, 64],
        "hidden.bias": [16],
        "head.weight": [10, 16],
        "head.bias": [10],
    }
    assert printed["source"] == str(Path("results/small-train/checkpoint-seed0.npz"))
    assert printed["bytes"] == 4 * (16 * 64 + 16 + 160 + 10)
    assert called(monkeypatch, "weights", "small.yaml", "--from", "w.safetensors", "--to", "own.npz") == 0
    shown = capsys.readouterr().out
    assert "small: 4 tensors" in shown
    assert "fc1.weight" in shown
    assert "Weights written to own.npz" in shown
    called(monkeypatch, "weights", "small.yaml", "--to", "direct.npz")
    with np.load("own.npz") as own, np.load("direct.npz") as direct:
        assert set(own) == set(direct) == {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}
        for name in own:
            np.testing.assert_array_equal(own[name], direct[name])


def test_initial_weights_of_a_network_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two seeds give other weights, one seed the same."""
    for seed, file in (("1", "a.npz"), ("1", "b.npz"), ("2", "c.npz")):
        assert called(monkeypatch, "weights", "tiny-lenet", "--initial", "--seed", seed, "--to", file) == 0
    assert Path("a.npz").read_bytes() == Path("b.npz").read_bytes() != Path("c.npz").read_bytes()


@pytest.mark.parametrize(
    ("options", "fault"),
    [
        (("--initial", "--from", "w.npz"), "--initial and --from exclude each other; leave one out"),
        (("--seed", "1"), "--seed is of initial values; give it with --initial"),
    ],
)
def test_options_that_make_no_sense(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: tuple[str, ...],
    fault: str,
) -> None:
    """They are refused before anything is read."""
    assert called(monkeypatch, "weights", "small.yaml", "--to", "w.npz", *options) == 2
    assert fault in capsys.readouterr().err


def test_a_network_alone_has_no_training(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its weights come from a file, or are those that a training would begin with."""
    assert called(monkeypatch, "weights", "tiny-lenet", "--to", "w.npz") == 2
    assert "tiny-lenet is a network, which nobody trains by itself; name an exp" in capsys.readouterr().err
