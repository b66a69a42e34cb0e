"""Features: the activations of one layer for many images, batch by batch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from dataflow.backend import Array
from dataflow.data.batches import Batch
from dataflow.errors import ReportError
from dataflow.training.data_set import Part

Activations = Callable[[Batch], Array]
"""The activations of a layer for a batch of the size that the network is bound to: batch first."""


@dataclass(frozen=True)
class FeatureFile:
    """Features in a .npy file: float32 or float64 (image, feature), read as they are needed."""

    path: Path

    @property
    def values(self) -> Array:
        """All of them, mapped from the file."""
        values: Array = np.load(self.path, mmap_mode="r", allow_pickle=False)
        return values


def batches_of(pictures: Part, activations: Activations, batch: int) -> Iterator[Array]:
    """The activations of all images in their order, each flattened: (images of a batch, features).

    The last batch is filled up with its own images, which are left out again.
    """
    numbers = np.arange(pictures.count)
    begun = (pictures.begin(numbers[start : start + batch]) for start in range(0, pictures.count, batch))
    waiting: Callable[[], Batch] | None = next(begun)
    while waiting is not None:
        examples = waiting()
        waiting = next(begun, None)  # read while these are computed
        new = len(examples.labels)
        filled = np.arange(batch) % new
        whole = examples if new == batch else Batch(examples.images[filled], examples.labels[filled])
        yield activations(whole)[:new].reshape(new, -1)


def write_features(
    pictures: Part,
    activations: Activations,
    batch: int,
    path: Path,
    tell: Callable[[int, int], None] | None = None,
) -> FeatureFile:
    """Writes the activations of all images to a .npy file, of which one batch is in memory at a time.

    tell: is told how many images are done, and how many there are. Raises ReportError when the file cannot
    be written.
    """
    done = 0
    with _written(path) as write:
        for values in batches_of(pictures, activations, batch):
            if done == 0:
                write(_header(values.dtype, (pictures.count, values.shape[1])))
            write(np.ascontiguousarray(values).data)
            done += len(values)
            if tell is not None:
                tell(done, pictures.count)
    return FeatureFile(path)


@contextmanager
def _written(path: Path) -> Iterator[Callable[[bytes | memoryview], None]]:
    """A file that is open for writing, and where what cannot be written is a ReportError.

    A mapped file would end the process where there is no room left.
    """

    def fault(error: OSError) -> ReportError:
        return ReportError(
            f"features {str(path)!r}: cannot be written: {error.strerror or error}; "
            "make room or choose another folder (--out)"
        )

    try:
        file = path.open("wb")
    except OSError as error:
        raise fault(error) from error

    def write(data: bytes | memoryview) -> None:
        try:
            file.write(data)
            file.flush()
        except OSError as error:
            raise fault(error) from error

    try:
        yield write
        try:
            os.fsync(file.fileno())
        except OSError as error:
            raise fault(error) from error
    finally:
        with suppress(OSError):  # of what has been told already
            file.close()


def _header(dtype: np.dtype[np.generic], shape: tuple[int, int]) -> bytes:
    """How a .npy file of such an array begins."""
    begin = BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(begin, described)
    return begin.getvalue()
