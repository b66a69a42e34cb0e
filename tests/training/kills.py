"""Trainings that are killed again and again, by a process that forks them and tells what came of it.

    python -m tests.training.kills KILLS SEED FOLDER

Every other kill comes at a random instant of the training's time, the others within the writing of a
checkpoint: at a random one of all calls and returns of functions there, such as before or after a sync.
What is killed is resumed, until it is over, and then compared with the training that nobody killed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter, sleep
from types import FrameType
from typing import Any

import numpy as np

from dataflow.errors import InterruptedTrainingError
from dataflow.training.cadence import Cadence
from dataflow.training.checkpoint import Checkpoint, identity_of, load_checkpoint, save_checkpoint
from dataflow.training.folder import begun, training_folder
from dataflow.training.loop import Position, train
from tests.training.worlds import Session, without_wall_time, world

EPOCHS, STEPS = 5, 20
WORLDS = (("model", 3), ("data", 4))
"""Plans and seeds, by turns."""

Save = Callable[[Checkpoint, Path], None]


@dataclass(frozen=True)
class Unbroken:
    """A training that nobody killed. events: the calls and returns within the writing of a checkpoint."""

    session: Session
    end: Position
    state: dict[str, np.ndarray[Any, Any]]
    wall_s: float
    events: int


def run(session: Session, folder: Path, save: Save) -> Position:
    """Begins a training or goes on with it, with a checkpoint after every second step."""
    loop = session.loop
    identity = identity_of(loop.experiment, loop.data.description)
    with training_folder(folder):
        file = folder / "checkpoint.npz"
        found = begun(file, identity, STEPS, resume=True)
        kept = replace(
            loop,
            save_every=Cadence(2, "steps"),
            save=lambda position: save(Checkpoint(identity, position, STEPS, {}), file),
        )
        end = train(kept, Position() if found is None else found.position)
        if end.step < STEPS:
            raise InterruptedTrainingError(f"stopped after step {end.step}")
        return end


class Profiled:
    """Writes checkpoints and counts the calls and returns meanwhile; at one of them the process is killed.

    which: the checkpoint, None for none. at: the event.
    """

    def __init__(self, which: int | None, at: int) -> None:
        self.which = which
        self.at = at
        self.events = 0

    def save(self, checkpoint: Checkpoint, file: Path) -> None:
        """As ``save_checkpoint``."""
        if self.which is not None:
            self.which -= 1
        self.events = 0
        sys.setprofile(self._see)
        save_checkpoint(checkpoint, file)
        sys.setprofile(None)

    def _see(self, _frame: FrameType, _event: str, _argument: object) -> None:
        self.events += 1
        if self.which == -1 and self.events == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def unbroken(plan: str, seed: int, folder: Path) -> Unbroken:
    """Trains once without a kill."""
    session = Session(world(plan, seed=seed), EPOCHS)
    profiled = Profiled(None, 0)
    began = perf_counter()
    end = run(session, folder, profiled.save)
    wall_s = perf_counter() - began
    assert end.state is not None
    state = {name: array.copy() for name, array in end.state.items()}
    (folder / "checkpoint.npz").unlink()
    return Unbroken(session, without_wall_time(end), state, wall_s, profiled.events)


def forked(whole: Unbroken, folder: Path, profiled: Profiled, after_s: float | None) -> bool:
    """One process that trains, killed after some time if it does not kill itself; whether it was."""
    child = os.fork()
    if child == 0:
        run(whole.session, folder, profiled.save)
        os._exit(0)
    if after_s is not None:
        sleep(after_s)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit("a training failed")
    return os.WIFSIGNALED(status)


def same(whole: Unbroken, file: Path) -> bool:
    """Whether a training's last checkpoint is that of the unbroken one, bit for bit."""
    end = load_checkpoint(file).position
    return (
        end.state is not None
        and without_wall_time(end) == whole.end
        and list(end.state) == list(whole.state)
        and all(end.state[name].tobytes() == array.tobytes() for name, array in whole.state.items())
    )


def killed_until_over(whole: Unbroken, folder: Path, draws: random.Random) -> Iterator[str]:
    """What each kill left: an unfinished file (``write``), no checkpoint (``begin``), or one (``step``)."""
    file = folder / "checkpoint.npz"
    while True:
        if draws.random() < 0.5:
            profiled, after_s = Profiled(None, 0), draws.uniform(0, whole.wall_s)
        else:
            profiled, after_s = Profiled(draws.randrange(4), draws.randint(1, whole.events)), None
        if not forked(whole, folder, profiled, after_s):
            return
        begun_anew = not file.exists()
        if not begun_anew:
            assert all(np.isfinite(array).all() for array in load_checkpoint(file).position.state.values())
        left = [path for path in folder.iterdir() if path != file]
        yield "write" if left else "begin" if begun_anew else "step"


def main(kills: int, seed: int, folder: Path) -> None:
    """Writes, as JSON, how many kills left what, how many trainings ended, and how many as they should."""
    draws = random.Random(seed)
    wholes = [unbroken(plan, number, folder) for plan, number in WORLDS]
    hit = {"write": 0, "begin": 0, "step": 0}
    trainings = right = 0
    while sum(hit.values()) < kills:
        whole = wholes[trainings % len(wholes)]
        for what in killed_until_over(whole, folder, draws):
            hit[what] += 1
        trainings += 1
        file = folder / "checkpoint.npz"
        right += same(whole, file) and list(folder.iterdir()) == [file]
        file.unlink()
    sys.stdout.write(json.dumps({"kills": sum(hit.values()), **hit, "trainings": trainings, "right": right}))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
