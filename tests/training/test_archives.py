"""The file of a checkpoint: read tensor by tensor, and refused when it is not as it was written."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataflow.errors import CheckpointError
from dataflow.training.archive import FileState, is_archive
from dataflow.training.checkpoint import load_checkpoint, read_state, save_checkpoint
from dataflow.training.held import Held
from tests.training.positions import CHECKPOINT, POSITION, same_state


def test_a_state_is_read_tensor_by_tensor(tmp_path: Path) -> None:
    """Without the rest, from the file that was opened; one that takes its place is not mixed with it."""
    file = tmp_path / "c.npz"
    save_checkpoint(CHECKPOINT, file)
    state = read_state(file)
    assert list(state) == ["conv1.weight", "fc2.bias"]
    assert isinstance(state, FileState)
    assert (state.layout("fc2.bias").shape, np.dtype(state.layout("fc2.bias").dtype)) == ((1,), np.float32)
    assert np.array_equal(state["fc2.bias"], np.array([1 / 3], dtype=np.float32))
    with pytest.raises(KeyError, match="fc3"):
        state["fc3.bias"]
    save_checkpoint(replace(CHECKPOINT, steps=9), file)
    with pytest.raises(CheckpointError, match="another file has taken its place"):
        state["conv1.weight"]


def test_what_is_a_checkpoint(tmp_path: Path) -> None:
    """Other archives are none, and neither is what is no archive."""
    save_checkpoint(CHECKPOINT, tmp_path / "c.npz")
    np.savez(tmp_path / "weights.npz", conv1=np.zeros(3))
    (tmp_path / "text.npz").write_text("text")
    found = [is_archive(tmp_path / f"{name}.npz") for name in ("c", "weights", "text", "missing")]
    assert found == [True, False, False, False]


def test_any_byte_may_be_wrong(tmp_path: Path) -> None:
    """Whichever byte is another one, the file is refused, or says the same as before."""
    file = tmp_path / "c.npz"
    save_checkpoint(CHECKPOINT, file)
    content = file.read_bytes()
    refused = 0
    for at in range(0, len(content), 5):
        file.write_bytes(content[:at] + bytes([content[at] ^ (1 << at % 8)]) + content[at + 1 :])
        try:
            found = load_checkpoint(file).position
            assert same_state(found, POSITION)
        except CheckpointError:
            refused += 1
        else:
            assert replace(found, state=None) == replace(POSITION, state=None)
    assert refused > len(content) / 5 / 2


def test_it_may_end_anywhere(tmp_path: Path) -> None:
    """A file that was cut is refused, wherever."""
    file = tmp_path / "c.npz"
    save_checkpoint(CHECKPOINT, file)
    content = file.read_bytes()
    for length in range(0, len(content), 11):
        file.write_bytes(content[:length])
        with pytest.raises(CheckpointError, match="is broken or no checkpoint"):
            load_checkpoint(file)


def test_a_tensor_of_another_shape_is_not_put(tmp_path: Path) -> None:
    """A file whose tensors do not fit the training is refused, not spread."""
    save_checkpoint(CHECKPOINT, tmp_path / "c.npz")
    state = read_state(tmp_path / "c.npz")
    assert isinstance(state, FileState)
    with pytest.raises(CheckpointError, match=r"conv1.weight is of another shape or type"):
        state.read_into("conv1.weight", Held.of(np.zeros((3, 2))))
    with pytest.raises(CheckpointError, match="fc3"):
        state.read_into("fc3.weight", Held.of(np.zeros((3, 2))))


@pytest.mark.parametrize("damage", ["cut", "flipped", "text", "empty", "other"])
def test_a_broken_file(tmp_path: Path, damage: str) -> None:
    """Whatever is wrong with it, the message names it."""
    file = tmp_path / "c.npz"
    save_checkpoint(CHECKPOINT, file)
    content = bytearray(file.read_bytes())
    if damage == "cut":
        file.write_bytes(content[: len(content) // 2])
    elif damage == "flipped":
        at = content.index(b"format") + 3
        content[at] ^= 1
        file.write_bytes(content)
    elif damage == "text":
        file.write_text("no checkpoint")
    elif damage == "empty":
        file.write_bytes(b"")
    else:
        np.savez(file, weights=np.zeros(3))
    with pytest.raises(
        CheckpointError, match=r"c.npz': is broken or no checkpoint of a training .*remove it"
    ):
        load_checkpoint(file)
