"""Files of tensors, read one tensor at a time: .npz, .safetensors, PyTorch's .pt and .pth, checkpoints."""

from __future__ import annotations

import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import IO, Any

import numpy as np

from dataflow.backend import Array
from dataflow.errors import BackendError, WeightsError
from dataflow.training.archive import FileState, is_archive
from dataflow.training.checkpoint import read_state

_OF_PYTORCH = (".pt", ".pth")
SUFFIXES = (".npz", ".safetensors", *_OF_PYTORCH)
"""The kinds of file; those of PyTorch are two names for one kind."""

_VELOCITY = ".velocity"
_PARALLEL = "module."
"""Before the names of a model that PyTorch has trained on several GPUs."""


@dataclass(frozen=True)
class Stored:
    """A tensor in a file. read: its values, as long as the file is open.

    shape, dtype: as in the file. ``bfloat16`` is read as float32.
    """

    shape: tuple[int, ...]
    dtype: str
    read: Callable[[], Array]


@contextmanager
def open_stored(path: Path) -> Iterator[Mapping[str, Stored]]:
    """The tensors in a file by their names, in the file's order; velocities of a checkpoint are left out.

    Raises WeightsError for a file that is not there, is of no kind that is read, or is broken, and
    BackendError when it takes PyTorch to read it and there is none.
    """
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise WeightsError(
            f"weights {str(path)!r}: files of weights end in {', '.join(SUFFIXES)}; rename or convert it"
        )
    if not path.is_file():
        raise WeightsError(f"weights {str(path)!r}: there is no such file")
    with ExitStack() as stack:
        with _naming(path):
            found = _READERS[suffix](path, stack)
        yield {name: _naming_reads(path, stored) for name, stored in found.items()}


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Has what is wrong with a file end in a WeightsError that names it."""
    from safetensors import SafetensorError

    try:
        yield
    except (
        *(OSError, EOFError, ValueError, TypeError, LookupError, AttributeError, ArithmeticError),
        *(AssertionError, RuntimeError, UnpicklingError, SafetensorError, zipfile.BadZipFile, zlib.error),
    ) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0].split(". ")[0]
        raise WeightsError(f"weights {str(path)!r}: {_broken(path, first)}") from None


def _broken(path: Path, fault: str) -> str:
    if path.suffix.lower() in _OF_PYTORCH:
        return f"is broken or holds more than tensors ({fault}); of a model save its state_dict()"
    return f"is broken or of another kind than its name says ({fault}); write it anew"


def _naming_reads(path: Path, stored: Stored) -> Stored:
    def read() -> Array:
        with _naming(path):
            return stored.read()

    return Stored(stored.shape, stored.dtype, read)


def _npz(path: Path, stack: ExitStack) -> dict[str, Stored]:
    if is_archive(path):
        state = read_state(path)
        names = [name for name in state if not name.endswith(_VELOCITY)]
        return {name: _of_checkpoint(state, name) for name in names}
    archive = stack.enter_context(zipfile.ZipFile(path))
    found: dict[str, Stored] = {}
    for info in archive.infolist():
        with archive.open(info) as entry:
            shape, dtype = _header(entry)
        found[info.filename.removesuffix(".npy")] = Stored(shape, dtype, _entry_reader(archive, info))
    return found


def _of_checkpoint(state: FileState, name: str) -> Stored:
    layout = state.layout(name)
    return Stored(layout.shape, np.dtype(layout.dtype).name, lambda: state[name])


def _header(entry: IO[bytes]) -> tuple[tuple[int, ...], str]:
    """Shape and type of the array that an entry holds."""
    version = np.lib.format.read_magic(entry)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(entry)
    return shape, dtype.name


def _entry_reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], Array]:
    def read() -> Array:
        with archive.open(info) as entry:
            array: Array = np.lib.format.read_array(entry, allow_pickle=False)
            return array

    return read


_SAFETENSORS_TYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "I64": "int64",
}
"""What NumPy calls them; whatever else there is no weights are made of."""


def _safetensors(path: Path, stack: ExitStack) -> dict[str, Stored]:
    """The library maps the file and checks its header; values are copied when they are read."""
    from safetensors import safe_open

    file = stack.enter_context(safe_open(path, framework="numpy"))
    found: dict[str, Stored] = {}
    for name in file.keys():  # noqa: SIM118 - it is no mapping
        part = file.get_slice(name)
        dtype = _SAFETENSORS_TYPES.get(part.get_dtype(), part.get_dtype())
        read = _bfloat16_reader(path, name) if dtype == "bfloat16" else _tensor_reader(file, name)
        found[name] = Stored(tuple(part.get_shape()), dtype, read)
    return found


def _tensor_reader(file: Any, name: str) -> Callable[[], Array]:
    def read() -> Array:
        array: Array = file.get_tensor(name)
        return array

    return read


def _bfloat16_reader(path: Path, name: str) -> Callable[[], Array]:
    """Reads what NumPy has no type for: the upper halves of float32 numbers."""

    def read() -> Array:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            about = json.loads(file.read(length))[name]
            start, end = about["data_offsets"]
            file.seek(8 + length + start)
            halves = np.frombuffer(file.read(end - start), "<u2")
        array: Array = (halves.astype(np.uint32) << 16).view(np.float32).reshape(about["shape"])
        return array

    return read


def _torch(path: Path, _stack: ExitStack) -> dict[str, Stored]:
    """A state dict; or what holds one as ``state_dict``, as PyTorch's example trainings save it."""
    torch = torch_for(path)
    held = torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    if isinstance(held, Mapping) and isinstance(held.get("state_dict"), Mapping):
        held = held["state_dict"]
    if not isinstance(held, Mapping) or not all(isinstance(each, torch.Tensor) for each in held.values()):
        raise ValueError("it is no mapping of names to tensors")
    names = [str(name) for name in held]
    common = _PARALLEL if names and all(name.startswith(_PARALLEL) for name in names) else ""
    return {
        str(name).removeprefix(common): Stored(
            tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."), _torch_reader(torch, tensor)
        )
        for name, tensor in held.items()
    }


def _torch_reader(torch: Any, tensor: Any) -> Callable[[], Array]:
    def read() -> Array:
        plain = tensor.detach()
        array: Array = (plain.float() if plain.dtype is torch.bfloat16 else plain).numpy()
        return array

    return read


def torch_for(path: Path) -> Any:
    """PyTorch's module. Raises BackendError when it is not there; path: the file that it is needed for."""
    try:
        import torch
    except ImportError:
        raise BackendError(
            f"weights {str(path)!r}: files of PyTorch need PyTorch, which is not installed; "
            "install dataflow-simulator[torch], or use .safetensors or .npz"
        ) from None
    return torch


_READERS: Mapping[str, Callable[[Path, ExitStack], dict[str, Stored]]] = {
    ".npz": _npz,
    ".safetensors": _safetensors,
    ".pt": _torch,
    ".pth": _torch,
}
