"""Processes that do a task side by side, ahead of time, and end with who started them."""

from __future__ import annotations

import os
import subprocess
import sys
import weakref
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from dataflow.data.worker import receive, send
from dataflow.errors import DataError

if sys.platform == "linux":
    from fcntl import F_SETPIPE_SZ, fcntl

Request = TypeVar("Request")
Answer = TypeVar("Answer")

_PIPE_BYTES = 2**20
"""Of what may wait for being read; as much as Linux grants anyone. An example has 600 kB."""

_SERVE = "from dataflow.data.worker import serve; serve()"


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class _Worker:
    """A process that does a task, which it is told with the first request."""

    def __init__(self, task: object) -> None:
        self.task: object = task
        here = os.pathsep.join(str(Path(place).absolute()) for place in sys.path)
        # A group of its own, so that Ctrl-C does not reach it.
        self.process = subprocess.Popen(  # noqa: S603 - this Python, with the program above
            [sys.executable, "-P", "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": here, "OPENBLAS_NUM_THREADS": "1"},
            process_group=0,
        )
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.requests, self.answers = self.process.stdin, self.process.stdout
        if sys.platform == "linux":
            with suppress(OSError):  # Whoever has many pipes already gets smaller ones.
                fcntl(self.answers, F_SETPIPE_SZ, _PIPE_BYTES)

    def ask(self, request: object) -> object:
        """The answer to a request. Raises EOFError or OSError when the process has ended."""
        if self.task is not None:
            send(self.requests, self.task)
            self.task = None
        send(self.requests, request)
        return receive(self.answers)

    def kill(self) -> None:
        """Ends the process and waits until it has."""
        self.process.kill()
        self.process.wait()

    def close(self) -> None:
        """Closes the pipes of a process that has ended; what it had not read is lost."""
        with suppress(BrokenPipeError):
            self.requests.close()
        self.answers.close()


class Workers(Generic[Request, Answer]):
    """Does a task on requests: in ``count`` processes, started when first needed, or here if that is 0.

    task: a function that can be pickled, whose answer depends on the request alone.
    """

    def __init__(self, task: Callable[[Request], Answer], count: int) -> None:
        self.task = task
        self.count = count
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._threads: ThreadPoolExecutor | None = None
        self._end: Callable[[], object] = lambda: None

    def begin(self, request: Request) -> Callable[[], Answer]:
        """Has a request served; what is returned waits for the answer, or raises the task's DataError.

        Without processes it is served only then. Raises DataError when a process has ended meanwhile.
        """
        if self.count == 0:
            return partial(self.task, request)
        if self._threads is None:
            self._threads = self._start()
        served: Future[Answer] = self._threads.submit(_ask, self._idle, request)
        return served.result

    def close(self) -> None:
        """Ends the processes; requests that are under way are lost."""
        self._end()
        self._threads = None

    def _start(self) -> ThreadPoolExecutor:
        threads = ThreadPoolExecutor(self.count, "reading")
        workers: list[_Worker] = []
        self._idle = SimpleQueue()
        # Whoever forgets to close them ends them too: with this object, or with the program.
        self._end = weakref.finalize(self, _end, workers, threads)
        for _ in range(self.count):
            workers.append(_Worker(self.task))
            self._idle.put(workers[-1])
        return threads


def _ask(idle: SimpleQueue[_Worker], request: object) -> Any:
    """Has an idle process serve a request."""
    worker = idle.get()
    try:
        answer = worker.ask(request)
    except (EOFError, OSError):
        raise DataError(
            f"a process that reads images (number {worker.process.pid}) ended before it was done; "
            "--workers 0 reads them without"
        ) from None
    finally:
        idle.put(worker)
    if isinstance(answer, DataError):
        raise answer
    return answer


def _end(workers: list[_Worker], threads: ThreadPoolExecutor) -> None:
    for worker in workers:
        worker.kill()
    threads.shutdown(cancel_futures=True)
    for worker in workers:
        worker.close()
