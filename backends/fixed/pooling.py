"""Max and average pooling."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from backends.fixed.functions import constant
from backends.fixed.products import Factor, integers
from backends.fixed.rounding import Rounder, format_named
from dataflow.backend import Array, Site
from dataflow.ops import AveragePooling, MaxPooling
from dataflow.ops.pooling import Pooling


def max_forward(
    op: MaxPooling, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills output = the largest element of each window."""
    largest = _largest(op, _padded(op, reads["input"], -np.inf))
    rounder.move(site, "input", "output", writes["output"], largest)


def max_input_gradient(
    op: MaxPooling, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills input.grad: it gets each output's gradient at the first largest element of its window."""
    rest = reads["output.grad"].copy()
    total = np.zeros(_padded_shape(op))
    padded = _padded(op, reads["input"], -np.inf)
    # What was rounded to a narrower format may equal no element any more.
    rounded = site.dtypes["output"] != site.dtypes["input"]
    largest = _largest(op, padded) if rounded else reads["output"]
    for elements, reached in zip(_elements(op, padded), _elements(op, total), strict=True):
        given = rest * (elements == largest)
        rest -= given
        np.add(reached, given, out=reached)
    rounder.put(site, "input.grad", writes["input.grad"], _inside(op, total))


def _largest(op: MaxPooling, padded: Array) -> Array:
    first, *others = _elements(op, padded)
    largest = first.copy()
    for elements in others:
        np.maximum(largest, elements, out=largest)
    return largest


def average_forward(
    op: AveragePooling, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills output = the sum of each window times 1 / (kernel height * kernel width), a constant."""
    first, *others = _elements(op, _padded(op, reads["input"], 0.0))
    total = first.copy()
    for elements in others:
        total += elements
    exact, fraction = _divided(total, "input", op, site)
    rounder.put(site, "output", writes["output"], exact, fraction)


def average_input_gradient(
    op: AveragePooling, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills input.grad: a window's every element gets output.grad / (kernel height * kernel width).

    That share is rounded to the format of output.grad before shares are added, so that who adds them
    makes no difference.
    """
    exact, fraction = _divided(reads["output.grad"].copy(), "output.grad", op, site)
    share = rounder.rounded_like(site, "output.grad", exact, fraction)
    total = np.zeros(_padded_shape(op))
    for reached in _elements(op, total):
        np.add(reached, share, out=reached)
    rounder.put(site, "input.grad", writes["input.grad"], _inside(op, total))


def _divided(total: Array, source: str, op: Pooling, site: Site) -> tuple[Array, int | None]:
    """Sums of numbers in an operand's format over the elements of a window: a shift, or the reciprocal."""
    count = op.kernel[0] * op.kernel[1]
    by = constant(1 / count)
    if by.is_shift:
        return total / count, None
    own = format_named(site.dtypes[source])
    return integers(Factor(total, own)) * by.factor, own.fraction_bits + by.fraction


def _padded_shape(op: Pooling) -> tuple[int, int, int, int]:
    (top, bottom), (left, right) = op.padding
    return op.batch, op.channels, op.in_height + top + bottom, op.in_width + left + right


def _padded(op: Pooling, images: Array, value: float) -> Array:
    """Images with ``value`` around them."""
    shape = _padded_shape(op)
    if shape == images.shape:
        return images
    padded = np.full(shape, value)
    _inside(op, padded)[...] = images
    return padded


def _inside(op: Pooling, padded: Array) -> Array:
    (top, _), (left, _) = op.padding
    return padded[:, :, top : top + op.in_height, left : left + op.in_width]


def _elements(op: Pooling, padded: Array) -> Iterator[Array]:
    """For each kernel element, in row-major order, its view (image, channel, output row, output column)."""
    down, along = op.stride
    for u in range(op.kernel[0]):
        for v in range(op.kernel[1]):
            yield padded[:, :, u : u + down * op.height : down, v : v + along * op.width : along]
