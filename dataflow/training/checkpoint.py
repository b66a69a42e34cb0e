"""Checkpoints: a position of a training in one file, from which it can be gone on, bit for bit.

A file is written aside, synced and renamed: whatever happens, the last one that was whole stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from dataflow.errors import CheckpointError
from dataflow.experiment import Experiment
from dataflow.training.archive import FileState, broken, read_about, write_archive
from dataflow.training.curve import CurvePoint
from dataflow.training.loop import Position
from dataflow.training.state import State

FORMAT = "dataflow-checkpoint-2"

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
    """Writes a checkpoint, whole or not at all, and for good: as ``write_archive``."""
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
    write_archive(path, about, position.state or {})


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint, but for the tensors of its state, which are read when they are asked for.

    Raises CheckpointError when it is none or broken, and FileNotFoundError when there is none.
    """
    about = _about(path)
    state = FileState(path, about)
    try:
        return _checkpoint(about, state)
    except (ValueError, KeyError, TypeError) as error:
        raise broken(path, error) from None


def read_state(path: Path) -> FileState:
    """The parameters and velocities of a checkpoint, each read when it is asked for; errors as above."""
    return FileState(path, _about(path))


def _about(path: Path) -> Mapping[str, Any]:
    """What a checkpoint says of itself."""
    about = read_about(path)
    if about.get("format") != FORMAT:
        raise CheckpointError(
            f"checkpoint {str(path)!r}: is of format {about.get('format')!r}, but only {FORMAT!r} is read; "
            "train anew in another folder (--out)"
        )
    return about


def _checkpoint(about: Mapping[str, Any], state: State) -> Checkpoint:
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


def check_same(checkpoint: Checkpoint, identity: Identity, path: Path) -> None:
    """Raises CheckpointError when a checkpoint is of another training, naming what differs first."""
    was = checkpoint.identity
    for name in dict.fromkeys((*identity, *was)):
        its, ours = was.get(name, "none"), identity.get(name, "none")
        if its != ours:
            raise CheckpointError(
                f"checkpoint {str(path)!r} is of another training: its {name} is {its}, "
                f"here it is {ours}; resume with what it was begun with, or train anew in "
                "another folder (--out)"
            )
