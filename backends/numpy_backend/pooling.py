"""Max, average and global pooling, a few images at a time so that the windows stay in cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

import numpy as np

from backends.numpy_backend.layout import Scratch, channels_last, features_last, few_images
from dataflow.backend import Array
from dataflow.ops import AveragePooling, GlobalPooling, MaxPooling
from dataflow.ops.pooling import Pooling


def max_forward(
    op: MaxPooling, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills output = the largest element of each window; padding is -inf."""
    images, outputs = channels_last(reads["input"]), channels_last(writes["output"])
    padded, inside = _padded(op, scratch, "padded", images.dtype, -np.inf)
    windows = list(_window_elements(op, padded))
    for some in few_images(op.batch, padded[0].nbytes):
        count, output = some.stop - some.start, outputs[some]
        inside[:count] = images[some]
        output[...] = windows[0][:count]
        for elements in windows[1:]:
            np.maximum(output, elements[:count], out=output)


def max_input_gradient(
    op: MaxPooling, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills input.grad: it gets each output's gradient at the first element of its window that equals it."""
    images, outputs = channels_last(reads["input"]), channels_last(reads["output"])
    gradients, targets = channels_last(reads["output.grad"]), channels_last(writes["input.grad"])
    padded, inside = _padded(op, scratch, "padded", images.dtype, -np.inf)
    total, total_inside = _padded(op, scratch, "total", images.dtype, 0)
    pairs = list(zip(_window_elements(op, padded), _window_elements(op, total), strict=True))
    for some in few_images(op.batch, padded[0].nbytes):
        count, output = some.stop - some.start, outputs[some]
        inside[:count] = images[some]
        total.fill(0)
        rest = scratch.array("rest", output.shape, images.dtype)
        given = scratch.array("given", output.shape, images.dtype)
        rest[...] = gradients[some]
        for elements, reached in pairs:
            # What is given to an element is taken from the rest, so that later equals get nothing.
            np.multiply(rest, elements[:count] == output, out=given)
            np.subtract(rest, given, out=rest)
            np.add(reached[:count], given, out=reached[:count])
        targets[some] = total_inside[:count]


def average_forward(
    op: AveragePooling, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills output = the sum of each window / (kernel height * kernel width); padding is 0."""
    images, outputs = channels_last(reads["input"]), channels_last(writes["output"])
    padded, inside = _padded(op, scratch, "padded", images.dtype, 0)
    windows = list(_window_elements(op, padded))
    for some in few_images(op.batch, padded[0].nbytes):
        count, output = some.stop - some.start, outputs[some]
        inside[:count] = images[some]
        output[...] = windows[0][:count]
        for elements in windows[1:]:
            np.add(output, elements[:count], out=output)
        np.divide(output, op.kernel[0] * op.kernel[1], out=output)


def average_input_gradient(
    op: AveragePooling, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills input.grad: a window's every element gets output.grad / (kernel height * kernel width)."""
    gradients, targets = channels_last(reads["output.grad"]), channels_last(writes["input.grad"])
    total, inside = _padded(op, scratch, "total", gradients.dtype, 0)
    windows = list(_window_elements(op, total))
    for some in few_images(op.batch, total[0].nbytes):
        count, gradient = some.stop - some.start, gradients[some]
        total.fill(0)
        share = scratch.array("given", gradient.shape, gradients.dtype)
        np.divide(gradient, op.kernel[0] * op.kernel[1], out=share)
        for reached in windows:
            np.add(reached[:count], share, out=reached[:count])
        targets[some] = inside[:count]


def _padded(
    op: Pooling, scratch: Scratch, name: str, dtype: np.dtype[np.generic], value: float
) -> tuple[Array, Array]:
    """A few images (image, row, column, channel) of ``value``, padding around, and the view inside."""
    (top, bottom), (left, right) = op.padding
    shape = (op.in_height + top + bottom, op.in_width + left + right, op.channels)
    few = next(few_images(op.batch, prod(shape) * dtype.itemsize))
    padded = scratch.array(name, (few.stop, *shape), dtype)
    padded.fill(value)
    return padded, padded[:, top : top + op.in_height, left : left + op.in_width]


def _window_elements(op: Pooling, padded: Array) -> Iterator[Array]:
    """For each kernel element, in row-major order, its view (image, output row, output column, channel)."""
    down, along = op.stride
    for u in range(op.kernel[0]):
        for v in range(op.kernel[1]):
            yield padded[:, u : u + down * op.height : down, v : v + along * op.width : along]


def global_forward(
    op: GlobalPooling, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills output = the sum of each channel's positions held / count."""
    images, outputs = features_last(reads["input"]), writes["output"]
    ones = scratch.array("ones", (prod(images.shape[1:-1]),), images.dtype)
    ones.fill(1)
    for image, output in zip(images, outputs, strict=True):
        np.divide(ones @ image.reshape(ones.size, -1), op.count, out=output)


def global_input_gradient(
    op: GlobalPooling, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills input.grad = output.grad / count at every position."""
    target = features_last(writes["input.grad"])
    share = reads["output.grad"] / op.count
    np.copyto(target, share.reshape(share.shape[0], *(1 for _ in op.shape[2:]), share.shape[1]))
