"""Which checkpoints a training writes, and what to say of those that it goes on from."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from dataflow.errors import OptionError
from dataflow.session.simulating import versions
from dataflow.training.checkpoint import Checkpoint


def checkpoint_file(folder: Path, seed: int, against: str | None = None) -> Path:
    """Where a seed's checkpoint is, or that of the training which it is compared with."""
    way = "" if against is None else f"-{against}"
    return folder / f"checkpoint-seed{seed}{way}.npz"


def check_kept(weights: str | None, folder: Path, seeds: tuple[int, ...], against: str | None) -> None:
    """Raises OptionError when the weights to begin with are in a file that the training writes to."""
    if weights is None:
        return
    written = [checkpoint_file(folder, seed, way) for seed in seeds for way in dict.fromkeys((None, against))]
    if Path(weights).resolve() in [file.resolve() for file in written]:
        raise OptionError(
            f"--weights {weights}: this training writes its own checkpoint to that file, so that the weights "
            "would be lost; choose another folder (--out), or go on with --resume and without --weights"
        )


def notes_on_resuming(found: Checkpoint | None, file: Path) -> Iterator[str]:
    """What the user should know of the checkpoint that a training goes on from; None where there is none."""
    if found is None:
        yield f"no checkpoint {str(file)!r} to resume: begun anew"
        return
    yield f"resumed from {str(file)!r} at step {found.position.step:,}"
    now = versions()
    changed = [
        f"{name} {was} then, {now.get(name)} now"
        for name, was in found.versions.items()
        if now.get(name) != was
    ]
    if changed:
        yield (
            f"{file.name} was written with other versions ({'; '.join(changed)}): "
            "the rest may differ from an unbroken training in its last bits"
        )
