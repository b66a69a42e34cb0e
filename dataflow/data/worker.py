"""A process of its own that does one task for as long as its parent lives, and how the two talk.

Messages are pickled; the numbers of arrays follow them as they are.
"""

from __future__ import annotations

import os
import pickle
import signal
import struct
import warnings
from typing import IO, Any

from dataflow.errors import DataError

_LENGTH = struct.Struct("<Q")


def send(stream: IO[bytes], message: object) -> None:
    """Writes a message. Raises OSError when nobody reads any more."""
    buffers: list[pickle.PickleBuffer] = []
    head = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    parts = [memoryview(head), *(buffer.raw() for buffer in buffers)]
    stream.write(_LENGTH.pack(len(parts)))
    for part in parts:
        stream.write(_LENGTH.pack(part.nbytes))
        stream.write(part)
    stream.flush()


def receive(stream: IO[bytes]) -> Any:
    """Reads a message. Raises EOFError when whoever writes is no more."""
    (count,) = _LENGTH.unpack(_exactly(stream, _LENGTH.size))
    head, *buffers = (
        _exactly(stream, _LENGTH.unpack(_exactly(stream, _LENGTH.size))[0]) for _ in range(count)
    )
    # Both ends are this program: nobody else can write to the pipe.
    return pickle.loads(head, buffers=buffers)  # noqa: S301


def _exactly(stream: IO[bytes], size: int) -> bytearray:
    buffer = bytearray(size)
    if stream.readinto(buffer) < size:  # type: ignore[attr-defined]
        raise EOFError
    return buffer


def serve() -> None:
    """Does what is asked on standard input and answers on standard output, until there is nobody to ask.

    The first message is the task, a function; each one after it is what to call that with. Answers
    are its result, or the DataError it raised.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    with os.fdopen(os.dup(0), "rb") as asked, os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # What libraries print must not come between answers.
        try:
            task = receive(asked)
            while True:
                request = receive(asked)
                try:
                    answer = task(request)
                except DataError as error:
                    answer = error
                send(answers, answer)
        except (EOFError, BrokenPipeError):
            # The parent has ended, or wants no more. What was not flushed cannot be.
            os._exit(0)
