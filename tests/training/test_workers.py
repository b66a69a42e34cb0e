"""Processes that read ahead: the same bits whatever their number, and none outlives who started it."""

from __future__ import annotations

import gc
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from dataflow.data.batches import Batch
from dataflow.data.options import DataOptions
from dataflow.data.workers import Workers
from dataflow.errors import DataError
from dataflow.training.data_set import DataSet, Draws, open_data_set
from dataflow.training.order import ShuffledBatches
from tests.training.doubling import doubled
from tests.training.folders import classes_of, reading


def ended(pids: list[int]) -> bool:
    """Whether none of these processes is alive, within ten seconds."""
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{pid}").exists() and "Z" not in state(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def state(pid: int) -> str:
    """What the system says a process does; Z when it has ended and nobody has asked."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def children() -> list[int]:
    """The processes that this one has started and that are still there."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            if parent == os.getpid():
                found.append(int(entry.name))
    return found


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of 20 pictures."""
    return classes_of(tmp_path_factory.mktemp("images"), "a", "b", count=20)


def everything(data: DataSet) -> list[bytes]:
    """Two epochs of batches, a test and ten crops, of a data set that is closed then."""
    with closing(data):
        batches = ShuffledBatches(data.train, 8, 5, "pictures")
        shown = [batches.batch(step).images for step in range(2 * batches.steps)]
        chosen = np.arange(data.test.count)
        shown.append(data.test.read(chosen).images)
        shown += [crop.images for crop in data.test.ten_crops(chosen)]
        assert data.statistics is not None
        return [array.tobytes() for array in (*shown, data.statistics.mean, data.statistics.components)]


def test_the_same_bits_however_many_workers(root: Path, tmp_path: Path) -> None:
    """Survey, training, test and ten crops, in 0, 1, 2 and 3 processes."""
    made = reading(batch=8)
    found = [
        everything(
            open_data_set(made, DataOptions(str(root), cache=str(tmp_path / str(count)), workers=count))
        )
        for count in (0, 1, 2, 3)
    ]
    assert found[0] == found[1] == found[2] == found[3]


def test_answers_come_to_who_asked() -> None:
    """In whatever order they are done; faults are raised where they are waited for."""
    workers: Workers[int, int] = Workers(doubled, 2)
    begun = [workers.begin(number) for number in (*range(12), -1, 12)]
    assert [wait() for wait in begun[:12]] == [2 * number for number in range(12)]
    with pytest.raises(DataError, match="-1 is negative"):
        begun[12]()
    assert begun[13]() == 24
    workers.close()
    workers.close()


def test_without_processes_it_is_done_here() -> None:
    """When it is waited for, and no process is started."""
    before = children()
    assert Workers(doubled, 0).begin(4)() == 8
    assert children() == before


def test_a_process_that_ends_before_it_is_done() -> None:
    """Is an error that says how to do without."""
    workers: Workers[int, int] = Workers(doubled, 1)
    with pytest.raises(DataError, match=r"a process that reads images \(number \d+\) ended .* --workers 0"):
        workers.begin(13)()
    workers.close()


def test_closing_ends_the_processes() -> None:
    """So does forgetting the workers, even when something is under way."""
    for end in (lambda workers: workers.close(), lambda workers: None):
        before = set(children())
        workers: Workers[int, int] = Workers(doubled, 2)
        assert workers.begin(1)() == 2
        begun = workers.begin(2)
        started = set(children()) - before
        assert len(started) == 2
        end(workers)
        del workers, begun
        gc.collect()
        assert ended(list(started))


def parent(then: str, before: str = "") -> tuple[subprocess.Popen[str], list[int]]:
    """A program that starts two processes, and does something before and after it says their numbers."""
    program = (
        "import os, signal, subprocess, sys, time\n"
        "from pathlib import Path\n"
        "from dataflow.data.workers import Workers\n"
        f"workers = Workers(abs, 2)\n{before}"
        "assert [wait() for wait in [workers.begin(-n) for n in range(4)]] == [0, 1, 2, 3]\n"
        "print(Path(f'/proc/self/task/{os.getpid()}/children').read_text(), flush=True)\n" + then
    )
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        start_new_session=True,
    )
    assert process.stdout is not None
    return process, [int(word) for word in process.stdout.readline().split()]


@pytest.mark.parametrize(
    "then",
    ["", "os.kill(os.getpid(), signal.SIGKILL)\n", "sys.exit(workers.begin(-5) and 0)\n"],
    ids=["end", "SIGKILL", "under way"],
)
def test_processes_end_with_who_started_them(then: str) -> None:
    """However that ends, without a word on standard error."""
    process, started = parent(then)
    _, said = process.communicate(timeout=60)
    assert (len(started), said) == (2, "")
    assert process.returncode == (-signal.SIGKILL if "SIGKILL" in then else 0)
    assert ended(started)


def test_ctrl_c_does_not_reach_them() -> None:
    """Who started them decides what is done about it; here it asks once more."""
    asked = "signal.signal(signal.SIGINT, lambda *_: sys.exit(workers.begin(-7)()))\n"
    process, started = parent("time.sleep(60)\n", asked)
    for pid in (process.pid, *started):
        os.kill(pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (7, "")
    assert ended(started)


class Watched:
    """A part that notes what is begun and what is waited for."""

    def __init__(self) -> None:
        self.labels = np.arange(6, dtype=np.int32)
        self.log: list[str] = []

    @property
    def count(self) -> int:
        return len(self.labels)

    def begin(self, chosen: np.ndarray, draws: Draws | None = None) -> Callable[[], Batch]:
        assert draws is not None
        name = f"{draws.epoch}:{sorted(chosen.tolist())}"
        self.log.append(f"begin {name}")

        def wait() -> Batch:
            self.log.append(f"wait {name}")
            return Batch(np.zeros((len(chosen), 1, 1, 1), dtype=np.float32), self.labels[chosen])

        return wait


def test_batches_are_begun_ahead() -> None:
    """The two after the one that is asked for, each once, with the draws of their epoch."""
    part = Watched()
    batches = ShuffledBatches(part, 2, 0, "watched")  # type: ignore[arg-type]
    for step in range(3):
        batches.batch(step)
    begun = [line for line in part.log if line.startswith("begin")]
    assert [line.split()[0] for line in part.log] == [
        *["begin"] * 3,
        "wait",
        "begin",
        "wait",
        "begin",
        "wait",
    ]
    assert [line[6] for line in begun] == ["0", "0", "0", "1", "1"]
    waited = [line.removeprefix("wait ") for line in part.log if line.startswith("wait")]
    assert waited == [line.removeprefix("begin ") for line in begun[:3]]
