"""The trainings of a study: one after the other, or several at a time in processes of their own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from dataflow.errors import DataflowError, InterruptedTrainingError, StudyError
from dataflow.experiment import Experiment
from dataflow.session.options import Progress
from dataflow.session.training import TrainingOptions, train_experiment
from dataflow.training.curve import Curve
from dataflow.training.loop import Moment
from dataflow.training.trained import Examples

_ASK_EVERY_S = 0.2
_STOP = ".stop"
"""A file in the study's folder: while it is there, trainings in other processes stop at their next step."""

_THREADS = "OPENBLAS_NUM_THREADS"


@dataclass(frozen=True)
class StudyTask:
    """One training of a study: a variant from one seed, in a folder of its own."""

    variant: str
    experiment: Experiment
    epochs: int
    options: TrainingOptions
    folder: Path


@dataclass(frozen=True)
class StudyRun:
    """What a study keeps of one training."""

    curve: Curve
    steps_per_epoch: int
    examples: Examples
    notes: tuple[str, ...]


def run_in_turn(tasks: Sequence[StudyTask], tell: Progress, stop: Callable[[], bool]) -> list[StudyRun]:
    """One after the other in this process. Raises StudyError; InterruptedTrainingError when asked to stop."""
    found: list[StudyRun] = []
    total = sum(task.epochs for task in tasks)
    for done, task in enumerate(tasks):
        before = done * task.epochs

        def told(moment: Moment, before: int = before) -> None:
            tell("training, epochs", before + moment.epoch - 1, total)

        try:
            found.append(_run(task, told, stop))
        except InterruptedTrainingError:
            raise _interrupted(len(found), len(tasks)) from None
    return found


def run_at_once(
    tasks: Sequence[StudyTask], jobs: int, folder: Path, tell: Progress, stop: Callable[[], bool]
) -> list[StudyRun]:
    """So many at a time, each in a process of its own with one thread.

    Raises as ``run_in_turn`` does, and StudyError when such a process is killed; the others stop at their
    next step.
    """
    total = sum(task.epochs for task in tasks)
    flag = folder / _STOP
    folder.mkdir(parents=True, exist_ok=True)
    flag.unlink(missing_ok=True)
    running: dict[Future[StudyRun], StudyTask] = {}
    with _one_thread_each(), ThreadPoolExecutor(jobs) as pool:
        try:
            running |= {pool.submit(_run_apart, task, flag): task for task in tasks}
            pending = set(running)
            while pending and not stop():
                over, pending = wait(pending, _ASK_EVERY_S)
                if any(future.exception() is not None for future in over):
                    break
                tell("training, epochs", total - sum(running[each].epochs for each in pending), total)
        finally:
            flag.touch()
            pool.shutdown(wait=True, cancel_futures=True)
            flag.unlink()
    return _gathered(list(running))


def _gathered(futures: Sequence[Future[StudyRun]]) -> list[StudyRun]:
    """The results in order. Raises what the first training that failed raised, or that some were stopped."""
    ended = [future for future in futures if not future.cancelled()]
    for future in ended:
        fault = future.exception()
        if fault is not None and not isinstance(fault, InterruptedTrainingError):
            raise fault
    done = [future for future in ended if future.exception() is None]
    if len(done) < len(futures):
        raise _interrupted(len(done), len(futures))
    return [future.result() for future in futures]


def _run_apart(task: StudyTask, flag: Path) -> StudyRun:
    """One training in a process that does nothing else, so that it is known whose training a kill ended."""
    with ProcessPoolExecutor(1, get_context("spawn"), _ignore_interrupts) as process:
        try:
            return process.submit(_run_until, task, flag).result()
        except BrokenProcessPool:
            raise StudyError(
                f"variant {task.variant!r}, seed {task.options.seeds[0]}: its process was killed, "
                "as happens when memory runs out; go on with fewer --jobs and --resume"
            ) from None


def _run_until(task: StudyTask, flag: Path) -> StudyRun:
    return _run(task, lambda _: None, flag.exists)


def _run(task: StudyTask, tell: Callable[[Moment], None], stop: Callable[[], bool]) -> StudyRun:
    """One training; of what goes wrong a StudyError, which travels between processes."""
    try:
        trained = train_experiment(task.experiment, task.options, task.folder, tell, stop)
    except InterruptedTrainingError:
        raise
    except DataflowError as fault:
        raise StudyError(f"variant {task.variant!r}: {fault}") from None
    return StudyRun(
        trained.curves[0], trained.steps // trained.epochs, trained.examples, tuple(trained.notes)
    )


def _interrupted(done: int, total: int) -> InterruptedTrainingError:
    return InterruptedTrainingError(
        f"interrupted after {done} of {total} trainings; the same command with --resume goes on from there"
    )


def _ignore_interrupts() -> None:
    """Ctrl-C reaches every process of a terminal; the one that was asked tells the others by the file."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """Has processes that are started meanwhile compute with one thread, unless the user chose otherwise."""
    if _THREADS in os.environ:
        yield
        return
    os.environ[_THREADS] = "1"
    try:
        yield
    finally:
        del os.environ[_THREADS]
