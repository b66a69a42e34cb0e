"""Max, average and global pooling, image by image so that the windows stay in cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

import numpy as np

from backends.numpy_backend.layout import Scratch, channels_last, features_last
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
    for image, output in zip(images, outputs, strict=True):
        inside[...] = image
        output[...] = windows[0]
        for elements in windows[1:]:
            np.maximum(output, elements, out=output)


def max_input_gradient(
    op: MaxPooling, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills input.grad: it gets each output's gradient at the first element of its window that equals it."""
    images, outputs = channels_last(reads["input"]), channels_last(reads["output"])
    gradients, targets = channels_last(reads["output.grad"]), channels_last(writes["input.grad"])
    padded, inside = _padded(op, scratch, "padded", images.dtype, -np.inf)
    total, total_inside = _padded(op, scratch, "total", images.dtype, 0)
    shape = outputs.shape[1:]
    rest = scratch.array("rest", shape, images.dtype)
    given = scratch.array("given", shape, images.dtype)
    pairs = list(zip(_window_elements(op, padded), _window_elements(op, total), strict=True))
    for image, output, gradient, target in zip(images, outputs, gradients, targets, strict=True):
        inside[...] = image
        total.fill(0)
        rest[...] = gradient
        for elements, reached in pairs:
            # What is given to an element is taken from the rest, so that later equals get nothing.
            np.multiply(rest, elements == output, out=given)
            np.subtract(rest, given, out=rest)
            np.add(reached, given, out=reached)
        target[...] = total_inside


def average_forward(
    op: AveragePooling, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills output = the sum of each window / (kernel height * kernel width); padding is 0."""
    images, outputs = channels_last(reads["input"]), channels_last(writes["output"])
    padded, inside = _padded(op, scratch, "padded", images.dtype, 0)
    windows = list(_window_elements(op, padded))
    for image, output in zip(images, outputs, strict=True):
        inside[...] = image
        output[...] = windows[0]
        for elements in windows[1:]:
            np.add(output, elements, out=output)
        np.divide(output, op.kernel[0] * op.kernel[1], out=output)


def average_input_gradient(
    op: AveragePooling, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills input.grad: a window's every element gets output.grad / (kernel height * kernel width)."""
    gradients, targets = channels_last(reads["output.grad"]), channels_last(writes["input.grad"])
    total, inside = _padded(op, scratch, "total", gradients.dtype, 0)
    share = scratch.array("given", gradients.shape[1:], gradients.dtype)
    windows = list(_window_elements(op, total))
    for gradient, target in zip(gradients, targets, strict=True):
        total.fill(0)
        np.divide(gradient, op.kernel[0] * op.kernel[1], out=share)
        for reached in windows:
            np.add(reached, share, out=reached)
        target[...] = inside


def _padded(
    op: Pooling, scratch: Scratch, name: str, dtype: np.dtype[np.generic], value: float
) -> tuple[Array, Array]:
    """One image (rows, columns, channels) of ``value`` with the padding around, and the view inside."""
    (top, bottom), (left, right) = op.padding
    shape = (op.in_height + top + bottom, op.in_width + left + right, op.channels)
    padded = scratch.array(name, shape, dtype)
    padded.fill(value)
    return padded, padded[top : top + op.in_height, left : left + op.in_width]


def _window_elements(op: Pooling, padded: Array) -> Iterator[Array]:
    """For each kernel element, in row-major order, its view (output row, output column, channel)."""
    down, along = op.stride
    for u in range(op.kernel[0]):
        for v in range(op.kernel[1]):
            yield padded[u : u + down * op.height : down, v : v + along * op.width : along]


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
