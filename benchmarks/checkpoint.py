"""A checkpoint of full AlexNet with momentum: seconds to write and to read, and memory beyond the training's.

    python benchmarks/checkpoint.py [EXPERIMENT] [FOLDER]

The experiment (default: alexnet-2x-gtx580) is placed and its parameters are given initial values; then a
checkpoint is written, synced, and put back, as ``--resume`` does. The peak of memory is the system's
(VmHWM of /proc/self/status, set back before each), so this needs Linux.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import dataflow
from dataflow.data.batches import open_batches
from dataflow.session import place_experiment
from dataflow.training.checkpoint import Checkpoint, identity_of, load_checkpoint, save_checkpoint
from dataflow.training.loop import Position
from dataflow.training.recording import record
from dataflow.training.state import put_state, state_of
from dataflow.values.executor import Executor

ROUNDS = 3


def memory_bytes(name: str) -> int:
    """A size of this process, such as VmRSS or VmHWM."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) * 1024


def measured(work: Callable[[], None]) -> tuple[float, int]:
    """Seconds, and by how many bytes memory grew at most meanwhile."""
    Path("/proc/self/clear_refs").write_text("5")
    before = memory_bytes("VmRSS")
    began = perf_counter()
    work()
    return perf_counter() - began, memory_bytes("VmHWM") - before


def main(name: str, folder: Path) -> None:
    """Prints seconds and bytes of each round."""
    import backends

    experiment = dataflow.load(name)
    placed = place_experiment(experiment)
    recording = record(placed)
    executor = Executor(placed, backends.get("numpy"), open_batches(experiment))
    executor.begins([(shard, 0) for shard in recording.there])
    state = state_of(executor, recording.there, 0)
    position = Position(step=0, state=state)
    checkpoint = Checkpoint(identity_of(experiment, "benchmark"), position, 1, {})
    file = folder / "checkpoint.npz"

    def write() -> None:
        save_checkpoint(checkpoint, file)

    def read() -> None:
        found = load_checkpoint(file).position.state
        assert found is not None
        put_state(executor, recording.there, 0, found)

    for _ in range(ROUNDS):
        for what, work in (("written", write), ("read", read)):
            seconds, grown = measured(work)
            print(
                f"{name}: {file.stat().st_size / 1e6:.0f} MB {what} in {seconds:.2f} s, "
                f"memory grew by {grown / 1e6:.0f} MB"
            )


if __name__ == "__main__":
    named = sys.argv[1] if len(sys.argv) > 1 else "alexnet-2x-gtx580"
    with tempfile.TemporaryDirectory(dir=sys.argv[2] if len(sys.argv) > 2 else ".") as made:
        main(named, Path(made))
