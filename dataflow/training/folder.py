"""The folder of a training: one at a time in it, and nobody's unfinished training lost."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dataflow.aside import may_be_written, remove_unfinished
from dataflow.errors import CheckpointError, OptionError
from dataflow.training.checkpoint import Checkpoint, Identity, check_same, load_checkpoint


@contextmanager
def training_folder(folder: Path) -> Iterator[Path]:
    """Makes the folder and keeps other trainings out of it. Raises CheckpointError when one is there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        raise CheckpointError(
            f"folder {str(folder)!r}: cannot be made: {fault.strerror}; choose another (--out)"
        ) from None
    if not may_be_written(folder):
        raise CheckpointError(
            f"folder {str(folder)!r}: may not be written to, so no checkpoints can be kept; "
            "choose another (--out)"
        )
    if sys.platform == "win32":  # no such locks
        yield folder
        return
    import fcntl

    handle = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CheckpointError(
                f"folder {str(folder)!r}: another training is under way in it; "
                "wait for its end or choose another folder (--out)"
            ) from None
        yield folder
    finally:
        os.close(handle)


def begun(path: Path, identity: Identity, steps: int, *, resume: bool) -> Checkpoint | None:
    """The checkpoint to go on from, None to begin.

    steps: how many are to be taken in all. Raises CheckpointError when what is there is broken or of
    another training, or when it is not over and nobody asked to go on with it.
    """
    remove_unfinished(path, alone=True)
    try:
        found = load_checkpoint(path)
    except FileNotFoundError:
        return None
    if not resume:
        if found.position.tested < found.steps:
            raise CheckpointError(
                f"checkpoint {str(path)!r}: is of a training that is not over (step {found.position.step:,} "
                f"of {found.steps:,}); go on with it (--resume), remove it, or choose another folder (--out)"
            )
        return None
    check_same(found, identity, path)
    if found.position.step > steps:
        raise OptionError(
            f"--resume: checkpoint {str(path)!r} has come to step {found.position.step:,}, but the training "
            f"is to have {steps:,}; ask for more epochs"
        )
    return found
