"""Files written whole or not at all: beside their place, synced and renamed."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

TEMPORARY = ".tmp"
"""What the names of files end in that are not yet whole."""


def fresh_beside(path: Path, ending: str = TEMPORARY) -> Path:
    """A hidden name in the folder of a file, which no other writer has and a rename makes the file's own."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}{ending}")


def remove_unfinished(path: Path, *, alone: bool = False) -> None:
    """Removes what writers of a file left beside it that were killed meanwhile.

    alone: whether nobody else can be writing it now, so that whatever is there has been left.
    """
    for left in path.parent.glob(f".{path.name}.*{TEMPORARY}"):
        writer = left.name.removeprefix(f".{path.name}.").partition("-")[0]
        if alone or (writer.isdecimal() and not _runs(int(writer))):
            with suppress(OSError):
                left.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    """Whether there is such a process, so far as the system says."""
    if sys.platform == "win32":  # asking would end it
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # another user's
        return True
    return True


def may_be_written(folder: Path) -> bool:
    """Whether files can be made in a folder."""
    return os.access(folder, os.W_OK | os.X_OK)


@contextmanager
def written_aside(path: Path) -> Iterator[BinaryIO]:
    """A file that takes its place when all has been written; after any error what was there stays.

    Raises OSError when it cannot be written.
    """
    fresh = fresh_beside(path)
    try:
        with fresh.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        sync_folder(path.parent)
    finally:
        with suppress(OSError):
            fresh.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Makes a rename durable, where the system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
