"""The file of a state: a .npz with a description in JSON, written whole or not at all, read tensor by tensor.

Every entry has a CRC-32, which is checked as it is read. Tensors lie in the file as they do in memory; the
description says in which order their axes are.
"""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from math import prod
from pathlib import Path
from typing import IO, Any, BinaryIO

import numpy as np

from dataflow.aside import written_aside
from dataflow.backend import Array
from dataflow.errors import CheckpointError
from dataflow.training.held import Held
from dataflow.training.state import State, held_of

ABOUT = "about"
_STATE, _SUFFIX, _TENSORS = "state/", ".npy", "tensors"

_HEADER, _MAGIC = struct.Struct("<8sH"), b"\x93NUMPY\x01\x00"
"""What a .npy file begins with: magic and version, and the length of a description."""

_READ_BYTES = 1 << 20

About = Mapping[str, Any]
"""What a file says of itself, fit for JSON."""


@dataclass(frozen=True)
class Layout:
    """How a tensor lies in a file. shape: of the tensor. axes: in the file, from slowest to fastest."""

    shape: tuple[int, ...]
    axes: tuple[int, ...]
    dtype: str

    @classmethod
    def of(cls, held: Held) -> Layout:
        """A tensor as it lies in memory."""
        return cls(held.shape, held.axes, held.dtype.str)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Layout:
        """What JSON says. Raises ValueError, TypeError or KeyError when it is no layout."""
        read = cls(tuple(map(int, given["shape"])), tuple(map(int, given["axes"])), given["dtype"])
        if np.dtype(read.dtype).hasobject or sorted(read.axes) != list(range(len(read.shape))):
            raise ValueError("a tensor has other axes")
        return read

    @property
    def stored(self) -> tuple[int, ...]:
        """The shape in the file."""
        return tuple(self.shape[axis] for axis in self.axes)

    @property
    def size_bytes(self) -> int:
        """Of all values."""
        return prod(self.shape) * np.dtype(self.dtype).itemsize


def write_archive(path: Path, about: About, state: State) -> None:
    """Writes a state, whole or not at all, and for good: aside, synced and renamed.

    Memory is needed for one strip of a tensor that lies in pieces. Raises CheckpointError when it
    cannot be written; what was there before is there then.
    """
    try:
        with written_aside(path) as file:
            _write(file, about, state)
    except OSError as error:
        raise CheckpointError(
            f"checkpoint {str(path)!r}: cannot be written: {error.strerror or error}; "
            "make room or choose another folder (--out)"
        ) from error


def _write(file: BinaryIO, about: About, state: State) -> None:
    layouts: dict[str, Any] = {}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for name in state:
            held = held_of(state, name)
            layout = Layout.of(held)
            layouts[name] = asdict(layout)
            _write_entry(archive, f"{_STATE}{name}", layout.stored, held.dtype, held.strips())
        text = np.frombuffer(json.dumps({**about, _TENSORS: layouts}).encode(), np.uint8)
        _write_entry(archive, ABOUT, text.shape, text.dtype, iter([text]))


def _write_entry(
    archive: zipfile.ZipFile, name: str, shape: tuple[int, ...], dtype: np.dtype[Any], strips: Iterator[Array]
) -> None:
    described = {"shape": shape, "fortran_order": False, "descr": np.lib.format.dtype_to_descr(dtype)}
    with archive.open(zipfile.ZipInfo(f"{name}{_SUFFIX}"), "w", force_zip64=True) as entry:
        np.lib.format.write_array_header_1_0(entry, described)
        for strip in strips:
            entry.write(_bytes_of(strip))


def _bytes_of(array: Array) -> memoryview:
    """The bytes of a contiguous array, not copied."""
    return array.reshape(-1).view(np.uint8).data


def read_about(path: Path) -> dict[str, Any]:
    """What a file says of itself. Raises CheckpointError when it is broken or of no such kind."""
    with _reading(path), zipfile.ZipFile(path) as archive, _entry(archive, ABOUT) as (entry, size):
        text = np.empty(size, np.uint8)
        _fill(entry, text)
        about = json.loads(text.tobytes())
        if not isinstance(about, dict):
            raise ValueError("its description is none")
        return about


def is_archive(path: Path) -> bool:
    """Whether a file is one of these, broken or not, and no other .npz."""
    with suppress(OSError, zipfile.BadZipFile), zipfile.ZipFile(path) as archive:
        return f"{ABOUT}{_SUFFIX}" in archive.namelist()
    return False


class FileState(Mapping[str, Array]):
    """A state in a file, each tensor of which is read when it is asked for.

    about: what the file says of itself. Raises CheckpointError whenever what is read is not what was written,
    or when another file has taken its place.
    """

    def __init__(self, path: Path, about: About) -> None:
        self._path = path
        self._was = _identity(path)
        with _reading(path):
            self._layouts = {str(name): Layout.read(given) for name, given in about[_TENSORS].items()}

    def __iter__(self) -> Iterator[str]:
        return iter(self._layouts)

    def __len__(self) -> int:
        return len(self._layouts)

    def __getitem__(self, name: str) -> Array:
        layout = self._layouts[name]
        array = np.empty(layout.stored, layout.dtype)
        with self._open(name) as entry:
            _fill(entry, array)
        return array.transpose(np.argsort(layout.axes))

    def layout(self, name: str) -> Layout:
        """How a tensor lies in the file, of which nothing is read."""
        return self._layouts[name]

    def read_into(self, name: str, held: Held) -> None:
        """Fills a tensor, wherever its pieces lie."""
        with self._open(name) as entry:
            layout = self._layouts[name]
            if (held.shape, held.dtype) != (layout.shape, np.dtype(layout.dtype)):
                raise ValueError(f"{name} is of another shape or type")
            held.read(layout.axes, lambda strip: _fill(entry, strip))

    @contextmanager
    def _open(self, name: str) -> Iterator[IO[bytes]]:
        with _reading(self._path), zipfile.ZipFile(self._path) as archive:
            if _identity(self._path) != self._was:
                raise ValueError("another file has taken its place")
            with _entry(archive, f"{_STATE}{name}") as (entry, size):
                if size != self._layouts[name].size_bytes:
                    raise ValueError(f"{name} is of another size")
                yield entry


@contextmanager
def _entry(archive: zipfile.ZipFile, name: str) -> Iterator[tuple[IO[bytes], int]]:
    """An entry, read up to its values, with their bytes. What its header says is said elsewhere too."""
    info = archive.getinfo(f"{name}{_SUFFIX}")
    with archive.open(info) as entry:
        begins = entry.read(_HEADER.size)
        if len(begins) < _HEADER.size:
            raise EOFError("it ends too early")
        magic, length = _HEADER.unpack(begins)
        if magic != _MAGIC:
            raise ValueError(f"{name} is no array")
        entry.read(length)
        yield entry, info.file_size - _HEADER.size - length


def _fill(entry: IO[bytes], array: Array) -> None:
    """Reads the next bytes into a contiguous array; with the last of an entry its CRC-32 is checked."""
    room = _bytes_of(array)
    for start in range(0, len(room), _READ_BYTES):
        wanted = room[start : start + _READ_BYTES]
        got = entry.read(len(wanted))
        if len(got) < len(wanted):
            raise EOFError("it ends too early")
        wanted[:] = got


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Has whatever is wrong with a file end in a CheckpointError, but for its not being there."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (
        *(OSError, EOFError, ValueError, KeyError, TypeError, zipfile.BadZipFile),
        *(NotImplementedError, RuntimeError),  # what zipfile says of other compressions and of passwords
    ) as error:
        raise broken(path, error) from None


def broken(path: Path, fault: Exception) -> CheckpointError:
    """What is said of a file that is not as it was written."""
    return CheckpointError(
        f"checkpoint {str(path)!r}: is broken or no checkpoint of a training ({fault}); "
        "remove it to train anew"
    )


def _identity(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
