"""Files of weights, each written whole or not at all; of .npz and .safetensors a tensor at a time."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from dataflow.aside import written_aside
from dataflow.backend import Array
from dataflow.errors import WeightsError
from dataflow.weights.stored import SUFFIXES, torch_for


@dataclass(frozen=True)
class Entry:
    """A tensor to be written. values: makes it, in C order or not, when its turn has come.

    dtype: of NumPy. source: the name of the weight that it is; empty for what is none.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    values: Callable[[], Array]
    source: str = ""

    @property
    def bytes(self) -> int:
        """Of all values."""
        return prod(self.shape) * self.dtype.itemsize

    def read(self) -> Array:
        """The values, in C order."""
        return np.ascontiguousarray(self.values()).reshape(self.shape)


def check_kind(path: Path) -> None:
    """Raises WeightsError when files of this name are of no kind that is written."""
    if path.suffix.lower() not in _WRITERS:
        raise WeightsError(
            f"weights {str(path)!r}: the name says what to write, by one of {', '.join(SUFFIXES)} at its end"
        )


def write_weights(path: Path, entries: list[Entry]) -> None:
    """Writes tensors as the kind of file that its name says.

    A file of PyTorch needs room for all values at once. Raises WeightsError when it cannot be
    written, BackendError when it takes PyTorch and there is none.
    """
    check_kind(path)
    try:
        with written_aside(path) as file:
            _WRITERS[path.suffix.lower()](path, file, entries)
    except OSError as error:
        raise WeightsError(
            f"weights {str(path)!r}: cannot be written: {error.strerror or error}; choose another place"
        ) from None


def _npz(_path: Path, file: BinaryIO, entries: list[Entry]) -> None:
    """As ``numpy.savez`` does."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for each in entries:
            with archive.open(zipfile.ZipInfo(f"{each.name}.npy"), "w", force_zip64=True) as entry:
                np.lib.format.write_array(entry, each.read(), allow_pickle=False)


_SAFETENSORS = {"float64": "F64", "float32": "F32", "float16": "F16", "int64": "I64"}


def _safetensors(_path: Path, file: BinaryIO, entries: list[Entry]) -> None:
    """The length of a header, the header in JSON, and the values one after the other, without a gap.

    What has the largest elements comes first, so that all are aligned
    (https://huggingface.co/docs/safetensors, "Format").
    """
    ordered = sorted(entries, key=lambda each: -each.dtype.itemsize)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    start = 0
    for each in ordered:
        stop = start + each.bytes
        dtype = _SAFETENSORS[each.dtype.name]
        header[each.name] = {"dtype": dtype, "shape": list(each.shape), "data_offsets": [start, stop]}
        start = stop
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    file.write(struct.pack("<Q", len(text)))
    file.write(text)
    for each in ordered:
        file.write(each.read().reshape(-1).view(np.uint8).data)


def _torch(path: Path, file: BinaryIO, entries: list[Entry]) -> None:
    torch = torch_for(path)
    torch.save({each.name: torch.from_numpy(_writable(each.read())) for each in entries}, file)


def _writable(array: Array) -> Array:
    """PyTorch has no arrays that are only read."""
    return array if array.flags.writeable else array.copy()


_WRITERS: Mapping[str, Callable[[Path, BinaryIO, list[Entry]], None]] = {
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".pt": _torch,
    ".pth": _torch,
}
