"""A backend that follows a run's choices where rounding decides, and else computes as another."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from dataflow.backend import Array, Backend, Site
from dataflow.ops import MaxPooling, Op, Pass, Phase, Relu
from dataflow.region import Region
from dataflow.verification.choices import near

Seen = Callable[[str], Array | None]
"""Gives the run's whole value of a tensor, by its name in the run; None of one that was not shown."""

_TOGETHER_BYTES = 1 << 22
"""Windows of as many images as this are looked at together, or of one."""

_Places = tuple[NDArray[np.int64], ...]
"""An index array for each axis."""


class Following:
    """Computes with a backend; ReLU and max pooling take the side that a run has taken, where both are right.

    A ReLU's output that the run has on the other side becomes 0, or as little more as a number can be; the
    gradient of a max pooling's output goes to the element that was the run's largest. Both only where the
    values between which is chosen are ``near``: no other value is changed.

    seen: the run's values of the step under way: of ReLU outputs, their sign does, and of max pooling
    inputs. within: as of ``reach``. tasks: those that may follow, by name; others, such as finite
    differences of a loss, go their own way.
    """

    def __init__(self, backend: Backend, seen: Seen, within: float, tasks: Collection[str]) -> None:
        self.backend = backend
        self.seen = seen
        self.within = within
        self.tasks = tasks
        self.name = backend.name
        self.dtypes = backend.dtypes
        self.computes = backend.computes

    def supports(self, dtype: str) -> bool:
        """Whether the backend computes in a format."""
        return self.backend.supports(dtype)

    def empty(self, labels: Sequence[str], shape: Sequence[int], dtype: np.dtype[Any]) -> Array:
        """An uninitialised array of the backend's."""
        return self.backend.empty(labels, shape, dtype)

    def release(self, array: Array) -> None:
        """Gives an array back to the backend."""
        self.backend.release(array)

    def fill(self, array: Array, values: Array | float, dtype: str, tensor: str) -> None:
        """As the backend."""
        self.backend.fill(array, values, dtype, tensor)

    def compute(
        self, op: Op, direction: Pass, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site
    ) -> None:
        """As the backend, then where the run chose otherwise and rounding decides as the run."""
        self.backend.compute(op, direction, reads, writes, site)
        if site.task not in self.tasks:
            return
        if isinstance(op, Relu) and direction.phase is Phase.FORWARD:
            self._take_sides(reads, writes, site)
        elif isinstance(op, MaxPooling) and direction.phase is Phase.GRADIENT:
            self._move_gradients(op, reads, writes, site)

    def accumulate(
        self, total: Array, addends: Sequence[tuple[tuple[slice, ...], Array]], site: Site
    ) -> None:
        """As the backend."""
        self.backend.accumulate(total, addends, site)

    def _seen(self, site: Site, operand: str) -> Array | None:
        """What the run has where an operand of a task is."""
        whole = self.seen(f"{site.tensors[operand]}@{site.step}")
        if whole is None:
            return None
        return whole[site.regions[operand].slices_within(Region.whole(site.shapes[operand]))]

    def _take_sides(self, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site) -> None:
        """Has ReLU's output be positive, or not, where the run's is, if the input is as near to 0."""
        seen, x, output = self._seen(site, "output"), reads["input"], writes["output"]
        if seen is None:
            return
        positive = seen > 0
        other = np.nonzero(positive != (output > 0))
        if other[0].size:
            followed = near(np.abs(x[other]), x, self.within)
            places = tuple(axis[followed] for axis in other)
            output[places] = np.where(positive[places], np.finfo(output.dtype).tiny, 0)

    def _move_gradients(
        self, op: MaxPooling, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site
    ) -> None:
        """Has an output's gradient reach the run's largest of the window, if the window's own is as near."""
        seen, x, target = self._seen(site, "input"), reads["input"], writes["input.grad"]
        if seen is None:
            return
        for some in _images_together(op, x):
            own, runs = _largest(op, x[some]), _largest(op, seen[some])
            windows = np.nonzero(own != runs)
            if not windows[0].size:
                continue
            at, to = (_elements(op, windows, places[windows], some.start) for places in (own, runs))
            followed = near(x[at] - x[to], x, self.within)
            moved = reads["output.grad"][some][windows][followed]
            # An element may be the largest of several windows that overlap.
            np.subtract.at(target, tuple(axis[followed] for axis in at), moved)
            np.add.at(target, tuple(axis[followed] for axis in to), moved)


def _images_together(op: MaxPooling, x: Array) -> Iterator[slice]:
    image = op.channels * op.height * op.width * prod(op.kernel) * x.itemsize
    step = max(1, _TOGETHER_BYTES // image)
    for start in range(0, op.batch, step):
        yield slice(start, min(start + step, op.batch))


def _largest(op: MaxPooling, images: Array) -> NDArray[np.int64]:
    """Of each window (image, channel, row, column) the first of its largest elements, in row-major order."""
    padded = np.pad(images, ((0, 0), (0, 0), *op.padding), constant_values=-np.inf)
    windows = sliding_window_view(padded, op.kernel, axis=(2, 3))[:, :, :: op.stride[0], :: op.stride[1]]
    windows = windows[:, :, : op.height, : op.width]
    return np.asarray(windows.reshape(*windows.shape[:4], -1).argmax(axis=-1))


def _elements(op: MaxPooling, windows: _Places, places: NDArray[np.int64], first: int) -> _Places:
    """Where in the input an element of each window is. first: the image that windows count from."""
    image, channel, row, column = windows
    down, along = np.divmod(places, op.kernel[1])
    (top, _), (left, _) = op.padding
    return image + first, channel, row * op.stride[0] + down - top, column * op.stride[1] + along - left
