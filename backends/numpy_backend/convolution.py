"""Convolution by matrix products over the columns of a few images at a time (im2col).

The columns of an image are a matrix of one row for each output position and one
column for each (kernel row, kernel column, input channel); they are made anew in the
weight gradient, which costs less than keeping them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod

import numpy as np
from numpy.lib.stride_tricks import as_strided

from backends.numpy_backend.layout import Scratch, channels_last, few_images, multiply
from dataflow.backend import Array
from dataflow.ops import Convolution
from dataflow.ops.axis import Block

COLUMN_BYTES = 1 << 22
"""The columns of as many images as fit in this are made at a time, and of one at least."""


def forward(
    op: Convolution, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills output = columns(input) @ weight + bias, learned or constant, group by group."""
    images, outputs = channels_last(reads["input"]), channels_last(writes["output"])
    for block in op.blocks:
        weight = _weight_of(reads["weight"], block)
        matrix = weight.reshape(-1, weight.shape[-1])
        made = slice(*block.outputs)
        for some, columns in _columns(op, block, images, scratch):
            target = outputs[some, :, :, made]
            multiply(columns, matrix, target, scratch)
            if op.bias:
                target += reads["bias"][made]
            elif op.offset:
                target += op.offset


def input_gradient(
    op: Convolution, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills input.grad = the columns output.grad @ weight.T, each added where it was read."""
    gradients, target = channels_last(reads["output.grad"]), channels_last(writes["input.grad"])
    if sum(b.inputs[1] - b.inputs[0] for b in op.blocks) < op.in_channels:
        target[...] = 0  # channels held only because they lie between those of two groups
    for block in op.blocks:
        weight = _weight_of(reads["weight"], block)
        matrix = weight.reshape(-1, weight.shape[-1]).T
        padded, inside = _padded(op, block, scratch, target.dtype)
        for some in _chunks(op, target.dtype):
            rows = gradients[some, :, :, slice(*block.outputs)]
            if _is_pointwise(op):
                reached = target[some, :, :, slice(*block.inputs)]
                multiply(rows.reshape(-1, rows.shape[-1]), matrix, reached, scratch)
                continue
            columns = scratch.array("columns", (*rows.shape[:3], *weight.shape[:3]), target.dtype)
            multiply(rows.reshape(-1, rows.shape[-1]), matrix, columns.reshape(*rows.shape[:3], -1), scratch)
            made = target[some, :, :, slice(*block.inputs)]
            for few in few_images(len(columns), padded[0].nbytes):
                count = few.stop - few.start
                padded.fill(0)
                _add_columns(op, columns[few], padded[:count])
                made[few] = inside[:count]


def weight_gradient(
    op: Convolution, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills weight.grad = columns(input).T @ output.grad, and bias.grad = its sum over positions."""
    images, gradients = channels_last(reads["input"]), channels_last(reads["output.grad"])
    for block in op.blocks:
        target = _weight_of(writes["weight.grad"], block)
        made = slice(*block.outputs)
        for some, columns in _columns(op, block, images, scratch):
            rows = gradients[some, :, :, made].reshape(columns.shape[0], -1)
            if some.start == 0:
                multiply(columns.T, rows, target, scratch)
            else:
                part = scratch.array("part", target.shape, target.dtype)
                multiply(columns.T, rows, part, scratch)
                target += part
    if op.bias:
        _sum_positions(gradients, writes["bias.grad"])


def _sum_positions(gradients: Array, target: Array) -> None:
    """Fills target[channel] = sum of gradients over (image, row, column)."""
    target[...] = 0
    ones = np.ones(gradients.shape[1] * gradients.shape[2], gradients.dtype)
    for image in gradients:
        # A product with ones is several times faster than a sum over the slow axes.
        target += ones @ image.reshape(ones.size, -1)


def _weight_of(weight: Array, block: Block) -> Array:
    """A group's weights as (kernel row, kernel column, input channel, output channel)."""
    return weight[slice(*block.outputs)].transpose(2, 3, 1, 0)


def _chunks(op: Convolution, dtype: np.dtype[np.generic]) -> Iterator[slice]:
    """Ranges of images whose columns together stay within ``COLUMN_BYTES``."""
    per_position = op.kernel[0] * op.kernel[1] * op.group_channels
    image_bytes = op.height * op.width * per_position * dtype.itemsize
    step = max(1, COLUMN_BYTES // image_bytes)
    for start in range(0, op.batch, step):
        yield slice(start, min(start + step, op.batch))


def _is_pointwise(op: Convolution) -> bool:
    """Whether every output position reads one input position, its own: the columns are the images."""
    return op.kernel == op.stride == (1, 1) and op.padding == ((0, 0), (0, 0))


def _columns(op: Convolution, block: Block, images: Array, scratch: Scratch) -> Iterator[tuple[slice, Array]]:
    """A few images at a time: which, and their columns (positions, kernel elements)."""
    if _is_pointwise(op):
        for some in _chunks(op, images.dtype):
            yield some, images[some, :, :, slice(*block.inputs)].reshape(-1, op.group_channels)
        return
    padded, inside = _padded(op, block, scratch, images.dtype)
    each, rows, columns, channels = padded.strides
    shape = (len(padded), op.height, op.width, op.kernel[0], op.kernel[1] * op.group_channels)
    strides = (each, op.stride[0] * rows, op.stride[1] * columns, rows, channels)
    windows = as_strided(padded, shape, strides)
    for some in _chunks(op, images.dtype):
        count = some.stop - some.start
        made = scratch.array("columns", (count, *shape[1:]), images.dtype)
        read = images[some, :, :, slice(*block.inputs)]
        for few in few_images(count, padded[0].nbytes):
            number = few.stop - few.start
            inside[:number] = read[few]
            made[few] = windows[:number]
        yield some, made.reshape(count * op.height * op.width, -1)


def _padded(
    op: Convolution, block: Block, scratch: Scratch, dtype: np.dtype[np.generic]
) -> tuple[Array, Array]:
    """Zeros for a group's channels of a few images with the padding around, and the view inside it."""
    (top, bottom), (left, right) = op.padding
    shape = (
        op.in_height + top + bottom,
        op.in_width + left + right,
        block.inputs[1] - block.inputs[0],
    )
    few = next(few_images(op.batch, prod(shape) * dtype.itemsize))
    padded = scratch.zeros("padded", (few.stop, *shape), dtype)
    return padded, padded[:, top : top + op.in_height, left : left + op.in_width]


def _add_columns(op: Convolution, columns: Array, padded: Array) -> None:
    """Adds columns (image, row, column, kernel row, kernel column, channel) to where windows read them."""
    down, along = op.stride
    for u in range(op.kernel[0]):
        for v in range(op.kernel[1]):
            reached = padded[:, u : u + down * op.height : down, v : v + along * op.width : along]
            reached += columns[:, :, :, u, v]
