"""Checkpoints: whole or not there, of this training or refused."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dataflow.errors import CheckpointError, OptionError
from dataflow.training.checkpoint import (
    Checkpoint,
    identity_of,
    load_checkpoint,
    save_checkpoint,
)
from dataflow.training.folder import begun, training_folder
from dataflow.training.loop import Position, train
from tests.training.positions import CHECKPOINT, IDENTITY, POSITION, same_state
from tests.training.worlds import Session, without_wall_time, world

ROOT = Path(__file__).parent.parent.parent


def names(folder: Path) -> list[str]:
    """What is in a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    """Every number comes back bit for bit, and nothing else is left in the folder."""
    file = tmp_path / "checkpoint.npz"
    save_checkpoint(CHECKPOINT, file)
    found = load_checkpoint(file)
    assert (found.identity, found.steps, found.versions) == (IDENTITY, 8, {"numpy": "2"})
    assert replace(found.position, state=None) == replace(POSITION, state=None)
    assert POSITION.state is not None
    assert found.position.state is not None
    for name, array in POSITION.state.items():
        assert found.position.state[name].dtype == array.dtype
        assert np.array_equal(found.position.state[name], array)
    assert names(tmp_path) == ["checkpoint.npz"]


def test_numpy_reads_it(tmp_path: Path) -> None:
    """A checkpoint is an ordinary .npz file."""
    save_checkpoint(CHECKPOINT, tmp_path / "c.npz")
    with np.load(tmp_path / "c.npz") as archive:
        assert set(archive.files) == {"about", "state/conv1.weight", "state/fc2.bias"}


def test_resuming_from_a_file_is_as_never_having_stopped(tmp_path: Path) -> None:
    """A training that went through a file within an epoch ends with the same bits."""
    made = world("model")
    file = tmp_path / "checkpoint.npz"
    half = train(Session(made, epochs=3, stop_at=6).loop, Position())
    save_checkpoint(Checkpoint(identity_of(made, "stripes"), half, 12, {}), file)
    rest = train(Session(made, epochs=3).loop, load_checkpoint(file).position)
    whole = train(Session(made, epochs=3).loop, Position())
    assert without_wall_time(rest) == without_wall_time(whole)
    assert rest.state is not None
    assert whole.state is not None
    assert all(np.array_equal(rest.state[name], whole.state[name]) for name in whole.state)


def test_the_last_good_one_survives_a_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a disk is full nothing of the new checkpoint is there, and all of the old one."""
    file = tmp_path / "checkpoint.npz"
    save_checkpoint(CHECKPOINT, file)

    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        CheckpointError, match="cannot be written: No space left on device; make room or choose"
    ):
        save_checkpoint(replace(CHECKPOINT, steps=9), file)
    assert load_checkpoint(file).steps == 8
    assert names(tmp_path) == ["checkpoint.npz"]


def test_it_is_synced_before_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file reaches the disk before its name does, and then the name."""
    done: list[str] = []
    sync, rename = os.fsync, Path.replace

    def synced(handle: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "file")
        sync(handle)

    def renamed(path: Path, target: Path) -> Path:
        done.append("rename")
        return rename(path, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", renamed)
    save_checkpoint(CHECKPOINT, tmp_path / "c.npz")
    assert done == ["file", "rename", "folder"]


def test_leftovers_of_killed_writers_are_removed(tmp_path: Path) -> None:
    """And nothing else."""
    for name in (".c.npz.17-abcd.tmp", ".other.npz.17-abcd.tmp", "c.npz.txt"):
        (tmp_path / name).write_text("half")
    assert begun(tmp_path / "c.npz", IDENTITY, 8, resume=True) is None
    assert names(tmp_path) == [".other.npz.17-abcd.tmp", "c.npz.txt"]


@pytest.mark.parametrize("at", ["write", "rename"])
def test_a_file_that_may_not_grow(tmp_path: Path, at: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the system refuses within a tensor, or at the rename, the old one stays and nothing else."""
    resource = pytest.importorskip("resource")
    file = tmp_path / "checkpoint.npz"
    save_checkpoint(CHECKPOINT, file)
    large = replace(CHECKPOINT, position=replace(POSITION, state={"w": np.ones(1 << 16)}))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    if at == "write":
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 17, hard))
    else:
        monkeypatch.setattr(Path, "replace", _refused)
    try:
        with pytest.raises(
            CheckpointError, match=r"cannot be written: (File too large|Not permitted); make room"
        ):
            save_checkpoint(large, file)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert same_state(load_checkpoint(file).position, POSITION)
    assert names(tmp_path) == ["checkpoint.npz"]


def _refused(_from: Path, _to: Path) -> None:
    raise PermissionError(1, "Not permitted")


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    """What stands in the way is named."""
    (tmp_path / "file").write_text("")
    with pytest.raises(CheckpointError, match=r"c.npz': cannot be written: Not a directory; make room or"):
        save_checkpoint(CHECKPOINT, tmp_path / "file" / "c.npz")


def test_a_folder_that_may_not_be_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused before the first step, not after an epoch."""
    monkeypatch.setattr(os, "access", lambda _path, _mode: False)
    with (
        pytest.raises(CheckpointError, match="may not be written to, so no checkpoints can be kept; choose"),
        training_folder(tmp_path),
    ):
        pass


def test_a_checkpoint_of_an_older_format(tmp_path: Path) -> None:
    """It is refused as what it is."""
    about = np.frombuffer(json.dumps({"format": "dataflow-checkpoint-1"}).encode(), np.uint8)
    np.savez(tmp_path / "c.npz", about=about)
    with pytest.raises(
        CheckpointError,
        match="is of format 'dataflow-checkpoint-1', but only 'dataflow-checkpoint-2' is read",
    ):
        load_checkpoint(tmp_path / "c.npz")


def test_a_checkpoint_of_another_training(tmp_path: Path) -> None:
    """What differs first is named, with both values."""
    file = tmp_path / "c.npz"
    save_checkpoint(CHECKPOINT, file)
    with pytest.raises(
        CheckpointError, match="is of another training: its seed is 3, here it is 4; resume with"
    ):
        begun(file, identity_of(world(seed=4), "stripes"), 8, resume=True)
    with pytest.raises(CheckpointError, match=r"its training.batch is 4, here it is 8"):
        begun(file, identity_of(world(batch=8), "stripes"), 8, resume=True)
    with pytest.raises(CheckpointError, match="its data is stripes, here it is noise"):
        begun(file, identity_of(world(), "noise"), 8, resume=True)
    with pytest.raises(CheckpointError, match=r"its plan is .*, here it is"):
        begun(file, {**IDENTITY, "plan": "other"}, 8, resume=True)
    with pytest.raises(CheckpointError, match=r"its weights is none, here it is w.npz"):
        begun(file, {**IDENTITY, "weights": "w.npz"}, 8, resume=True)
    assert begun(file, IDENTITY, 8, resume=True) is not None


def test_a_training_is_the_same_under_other_hash_seeds() -> None:
    """Its identity does not depend on the order of sets, on a machine of banks either."""
    script = (
        "import topologies; from dataflow.training.checkpoint import identity_of; "
        "print(identity_of(topologies.load('digits-cnn-agilio'), 'digits'))"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(found) == 1
    assert "agilio-cx" in found.pop()


def test_more_epochs_are_no_other_training() -> None:
    """Who resumes may ask for more."""
    made = world()
    longer = replace(made, training=replace(made.training, epochs=3, steps=7))
    assert identity_of(longer, "stripes") == IDENTITY


def test_an_unfinished_training_is_not_overwritten(tmp_path: Path) -> None:
    """One that is not over has to be resumed or removed; one that is makes room."""
    file = tmp_path / "c.npz"
    save_checkpoint(CHECKPOINT, file)
    with pytest.raises(
        CheckpointError, match=r"not over \(step 5 of 8\); go on with it \(--resume\), remove"
    ):
        begun(file, IDENTITY, 8, resume=False)
    save_checkpoint(replace(CHECKPOINT, steps=4), file)
    assert begun(file, IDENTITY, 8, resume=False) is None
    with pytest.raises(
        OptionError, match="has come to step 5, but the training is to have 4; ask for more epochs"
    ):
        begun(file, IDENTITY, 4, resume=True)


def test_one_training_at_a_time(tmp_path: Path) -> None:
    """A folder in which a training is under way is refused to others, and free again afterwards."""
    folder = tmp_path / "results" / "run"
    with (
        training_folder(folder),
        pytest.raises(CheckpointError, match="run': another training is under way in it; wait for its end"),
        training_folder(folder),
    ):
        pass
    with training_folder(folder) as free:
        assert free.is_dir()
