"""Local response normalisation: window sums over channels as sums of shifted arrays.

A few rows at a time are laid out with zeros between the groups of channels, so that one
flat shifted addition sums the neighbours of every channel of every position at once and
never crosses a group. (Differences of cumulative sums would lose accuracy.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from backends.numpy_backend.layout import Scratch, channels_last
from dataflow.backend import Array
from dataflow.ops import LocalResponseNormalization

PART_ELEMENTS = 1 << 16
"""Elements of the rows handled at a time: half a dozen such arrays stay in a core's cache."""


@dataclass(frozen=True)
class _Span:
    """Where one group's channels are: in the arrays, and in a row laid out with gaps.

    held, made: channels of the input and of the output. held_place, made_place: where
    their window sums stand in a row.
    """

    held: slice
    made: slice
    held_place: slice
    made_place: slice


class _Gaps:
    """The layout of positions with ``size // 2`` zeros after each group of channels."""

    def __init__(self, op: LocalResponseNormalization) -> None:
        self.size = op.size
        self.spans: list[_Span] = []
        self.width = 0
        for block in op.blocks:
            (first, last), (start, stop) = block.inputs, block.outputs
            centre = self.width + start + op.shift - first
            self.spans.append(
                _Span(
                    slice(first, last),
                    slice(start, stop),
                    slice(self.width, self.width + last - first),
                    slice(centre, centre + stop - start),
                )
            )
            self.width += last - first + op.size // 2

    def zeros(self, positions: int, dtype: np.dtype[np.generic], scratch: Scratch) -> Array:
        """Flat zeros for this many positions and the reach of the windows at both ends."""
        return scratch.zeros("gapped", (positions * self.width + self.size - 1,), dtype)

    def first(self, flat: Array, positions: int) -> Array:
        """The part of flat zeros that is for the first few positions."""
        return flat[: positions * self.width + self.size - 1]

    def rows(self, flat: Array, shape: tuple[int, ...]) -> Array:
        """View (..., width) of flat window sums."""
        return flat.reshape(*shape, self.width)

    def centres(self, flat: Array, shape: tuple[int, ...]) -> Array:
        """View (..., width) of flat zeros, of which element i is the centre of window sum i."""
        reach = self.size // 2
        return self.rows(flat[reach : flat.size - reach], shape)

    def window_sums(self, flat: Array, scratch: Scratch) -> Array:
        """The sum of the ``size`` elements around each, flat, without the reach at both ends."""
        sums = scratch.array("sums", (flat.size - self.size + 1,), flat.dtype)
        sums[...] = flat[: sums.size]
        for shift in range(1, self.size):
            np.add(sums, flat[shift : shift + sums.size], out=sums)
        return sums


def forward(
    op: LocalResponseNormalization,
    reads: Mapping[str, Array],
    writes: Mapping[str, Array],
    scratch: Scratch,
) -> None:
    """Fills scale = k + alpha * window sum of input ** 2, output = input / scale ** beta."""
    gaps = _Gaps(op)
    views = [channels_last(a) for a in (reads["input"], writes["output"], writes["scale"])]
    zeros = gaps.zeros(_part_positions(op), views[0].dtype, scratch)
    for image, output, scale in _parts(op, views):
        shape = image.shape[:-1]
        squares = gaps.first(zeros, prod(shape))
        places = gaps.centres(squares, shape)
        for span in gaps.spans:
            np.square(image[..., span.held], out=places[..., span.held_place])
        sums = gaps.window_sums(squares, scratch)
        sums *= op.alpha
        sums += op.k
        power = _power(op, sums, scratch)
        scales, powers = gaps.rows(sums, shape), gaps.rows(power, shape)
        for span in gaps.spans:
            centre = slice(span.made.start + op.shift, span.made.stop + op.shift)
            scale[..., span.made] = scales[..., span.made_place]
            np.divide(image[..., centre], powers[..., span.made_place], out=output[..., span.made])


def input_gradient(
    op: LocalResponseNormalization,
    reads: Mapping[str, Array],
    writes: Mapping[str, Array],
    scratch: Scratch,
) -> None:
    """Fills input.grad_j = output.grad_j / scale_j ** beta - 2 alpha beta input_j * window sum_j.

    The window sum is that of output.grad * input / scale ** (beta + 1) over the outputs
    near j; the first term is there only where j is the centre of an output.
    """
    gaps = _Gaps(op)
    arrays = (reads["output.grad"], reads["input"], reads["scale"], writes["input.grad"])
    views = [channels_last(a) for a in arrays]
    zeros = gaps.zeros(_part_positions(op), views[0].dtype, scratch)
    for gradient, image, scale, target in _parts(op, views):
        shape = image.shape[:-1]
        centre = slice(op.shift, op.shift + op.channels)
        direct = scratch.array("direct", scale.shape, scale.dtype)
        np.divide(gradient, _power(op, scale, scratch), out=direct)
        ratios = scratch.array("ratios", scale.shape, scale.dtype)
        np.divide(image[..., centre], scale, out=ratios)
        products = gaps.first(zeros, prod(shape))
        places = gaps.centres(products, shape)
        for span in gaps.spans:
            np.multiply(direct[..., span.made], ratios[..., span.made], out=places[..., span.made_place])
        sums = gaps.window_sums(products, scratch)
        sums *= -2 * op.alpha * op.beta
        rows = gaps.rows(sums, shape)
        for span in gaps.spans:
            np.multiply(image[..., span.held], rows[..., span.held_place], out=target[..., span.held])
        target[..., centre] += direct


def _parts(op: LocalResponseNormalization, views: list[Array]) -> Iterator[tuple[Array, ...]]:
    """Views (image, row, column, channel) of a few images at a time, or of a few rows of one."""
    images, rows = _part_extents(op)
    for first in range(0, op.batch, images):
        for start in range(0, op.height, rows):
            yield tuple(view[first : first + images, start : start + rows] for view in views)


def _part_extents(op: LocalResponseNormalization) -> tuple[int, int]:
    """How many images and rows at a time."""
    rows = max(1, PART_ELEMENTS // (op.width * op.in_channels))
    return max(1, rows // op.height), min(op.height, rows)


def _part_positions(op: LocalResponseNormalization) -> int:
    images, rows = _part_extents(op)
    return min(images, op.batch) * rows * op.width


def _power(op: LocalResponseNormalization, scale: Array, scratch: Scratch) -> Array:
    """The scale to the power beta; two square roots for the usual 0.75, several times faster than a power."""
    power = scratch.array("power", scale.shape, scale.dtype)
    if op.beta == 0.75:
        root = scratch.array("root", scale.shape, scale.dtype)
        np.sqrt(scale, out=power)
        np.sqrt(power, out=root)
        return np.multiply(power, root, out=power)
    return np.power(scale, op.beta, out=power)
