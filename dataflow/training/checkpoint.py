"""Checkpoints: a position of a training in one file, from which it can be gone on, bit for bit.

A file is written aside, synced and renamed: whatever happens, the last one that was whole stays.
"""

from __future__ import annotations

import json
import os
import secrets
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from dataflow.errors import CheckpointError
from dataflow.experiment import Experiment
from dataflow.training.curve import CurvePoint
from dataflow.training.loop import Position

FORMAT = "dataflow-checkpoint-1"
_ABOUT, _STATE = "about", "state/"
_TEMPORARY = ".tmp"

Identity = Mapping[str, str]
"""What a training is, field by field: two of equal identity take the same steps."""


@dataclass(frozen=True)
class Checkpoint:
    """A position, of which training it is, and the versions of what computed it.

    steps: how many the training was to have; it is over when its position is there.
    """

    identity: Identity
    position: Position
    steps: int
    versions: Mapping[str, str]


def identity_of(experiment: Experiment, data: str) -> Identity:
    """What decides about the values of a training's steps; how many epochs it has does not."""
    training = {
        name: str(value)
        for name, value in asdict(experiment.training).items()
        if name not in ("steps", "epochs", "images_per_epoch")
    }
    return {
        "experiment": experiment.name,
        "seed": training.pop("seed"),
        "data": data,
        "backend": experiment.backend,
        **{f"training.{name}": value for name, value in sorted(training.items())},
        "network": f"{experiment.network.name} {_digest(experiment.network)}",
        "hardware": f"{experiment.hardware.name} {_digest(experiment.hardware)}",
        "plan": _digest(experiment.plan),
    }


def _digest(product: object) -> str:
    return sha256(repr(product).encode()).hexdigest()[:12]


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Writes a checkpoint, whole or not at all, and for good. Raises CheckpointError when it cannot be."""
    position = checkpoint.position
    about = {
        "format": FORMAT,
        "identity": dict(checkpoint.identity),
        "versions": dict(checkpoint.versions),
        "steps": checkpoint.steps,
        "step": position.step,
        "points": [asdict(point) for point in position.points],
        "loss_sum": position.loss_sum,
        "accuracy_sum": position.accuracy_sum,
        "simulated_ps": position.simulated_ps,
        "wall_s": position.wall_s,
        "read": position.read,
        "missed": position.missed,
    }
    arrays = {f"{_STATE}{name}": array for name, array in (position.state or {}).items()}
    arrays[_ABOUT] = np.frombuffer(json.dumps(about).encode(), dtype=np.uint8)
    fresh = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{_TEMPORARY}")
    try:
        with fresh.open("wb") as file:
            _write(file, arrays)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        raise CheckpointError(
            f"checkpoint {str(path)!r}: cannot be written: {error.strerror or error}; "
            "make room or choose another folder (--out)"
        ) from error
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def _write(file: Any, arrays: Mapping[str, np.ndarray[Any, Any]]) -> None:
    """As ``numpy.savez`` does, but of any names."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, np.ascontiguousarray(array), allow_pickle=False)


def _sync_folder(folder: Path) -> None:
    """Makes a rename durable, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def remove_unfinished(path: Path) -> None:
    """Removes what writers of a checkpoint left that were killed meanwhile."""
    for left in path.parent.glob(f".{path.name}.*{_TEMPORARY}"):
        left.unlink(missing_ok=True)


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint. Raises CheckpointError when it is none or broken."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            about = json.loads(bytes(archive[_ABOUT]))
            state = {
                name.removeprefix(_STATE): archive[name] for name in archive.files if name.startswith(_STATE)
            }
        if about["format"] != FORMAT:
            raise CheckpointError(
                f"checkpoint {str(path)!r}: is of format {about['format']!r}, but only {FORMAT!r} is read; "
                "train anew in another folder (--out)"
            )
        position = Position(
            step=about["step"],
            state=state,
            points=tuple(CurvePoint(**point) for point in about["points"]),
            loss_sum=about["loss_sum"],
            accuracy_sum=about["accuracy_sum"],
            simulated_ps=about["simulated_ps"],
            wall_s=about["wall_s"],
            read=about["read"],
            missed=about["missed"],
        )
        return Checkpoint(about["identity"], position, about["steps"], about["versions"])
    except FileNotFoundError:
        raise
    except (OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"checkpoint {str(path)!r}: is broken or no checkpoint of a training ({error}); "
            "remove it to train anew"
        ) from None


def check_same(checkpoint: Checkpoint, identity: Identity, path: Path) -> None:
    """Raises CheckpointError when a checkpoint is of another training, naming what differs first."""
    was = checkpoint.identity
    for name in dict.fromkeys((*identity, *was)):
        if was.get(name) != identity.get(name):
            raise CheckpointError(
                f"checkpoint {str(path)!r} is of another training: its {name} is {was.get(name)}, "
                f"here it is {identity.get(name)}; resume with what it was begun with, or train anew in "
                "another folder (--out)"
            )
