"""Convolution as one matrix product over the columns of some images (im2col)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.lib.stride_tricks import as_strided

from backends.fixed.products import Factor, factor_of, multiply, plus
from backends.fixed.rounding import Rounder, format_named
from dataflow.backend import Array, Site
from dataflow.ops import Convolution
from dataflow.ops.axis import Block

COLUMN_ELEMENTS = 1 << 22
"""Images are taken together while their columns have no more elements than this."""


def forward(
    op: Convolution, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills output = columns(input) @ weight + bias, learned or constant, rounded once."""
    total: Array | None = None
    fraction: int | None = None
    image, weight = factor_of(site, reads, "input"), factor_of(site, reads, "weight")
    for block in op.blocks:
        matrix = _matrix(weight, block)
        for some, columns in _columns(op, block, image):
            made, fraction = multiply(columns, matrix)
            if op.bias or op.offset:
                made, fraction = plus(made, fraction, _bias(op, reads, site, block))
            placed = made.reshape(-1, op.height, op.width, made.shape[1]).transpose(0, 3, 1, 2)
            if placed.shape == writes["output"].shape:
                total = placed
                continue
            if total is None:
                total = np.empty(writes["output"].shape, made.dtype)
            total[some, slice(*block.outputs)] = placed
    assert total is not None
    rounder.put(site, "output", writes["output"], total, fraction)


def input_gradient(
    op: Convolution, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills input.grad = the columns output.grad @ weight.T, each added where it was read, rounded once."""
    (top, bottom), (left, right) = op.padding
    shape = (op.batch, op.in_channels, op.in_height + top + bottom, op.in_width + left + right)
    padded: Array | None = None
    fraction: int | None = None
    gradient, weight = factor_of(site, reads, "output.grad"), factor_of(site, reads, "weight")
    down, along = op.stride
    for block in op.blocks:
        matrix = _matrix(weight, block)
        rows = Factor(_positions(gradient.values, block), gradient.format)
        made, fraction = multiply(rows, Factor(matrix.values.T, matrix.format))
        columns = made.reshape(op.batch, op.height, op.width, op.group_channels, *op.kernel)
        columns = columns.transpose(0, 3, 1, 2, 4, 5)
        if padded is None:
            padded = np.zeros(shape, made.dtype)
        reached = padded[:, slice(*block.inputs)]
        for u in range(op.kernel[0]):
            for v in range(op.kernel[1]):
                reached[:, :, u : u + down * op.height : down, v : v + along * op.width : along] += columns[
                    ..., u, v
                ]
    assert padded is not None
    inside = padded[:, :, top : top + op.in_height, left : left + op.in_width]
    rounder.put(site, "input.grad", writes["input.grad"], inside, fraction)


def weight_gradient(
    op: Convolution, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills weight.grad = columns(input).T @ output.grad, and bias.grad = its sum over positions."""
    total: Array | None = None
    fraction: int | None = None
    image, gradient = factor_of(site, reads, "input"), factor_of(site, reads, "output.grad")
    for block in op.blocks:
        made_here = slice(*block.outputs)
        for some, columns in _columns(op, block, image):
            rows = Factor(_positions(gradient.values[some], block), gradient.format)
            made, fraction = multiply(Factor(rows.values.T, rows.format), columns)
            if total is None:
                total = np.zeros((op.channels, made.shape[1]), made.dtype)
            total[made_here] += made
    assert total is not None
    target = writes["weight.grad"]
    rounder.put(site, "weight.grad", target, total.reshape(target.shape), fraction)
    if op.bias:
        summed = gradient.values.sum(axis=(0, 2, 3))
        rounder.put(site, "bias.grad", writes["bias.grad"], summed)


def _bias(op: Convolution, reads: Mapping[str, Array], site: Site, block: Block) -> Factor:
    """What is added to each column of a block's product: its biases, or the constant in the format."""
    if op.bias:
        bias = factor_of(site, reads, "bias")
        return Factor(bias.values[slice(*block.outputs)], bias.format)
    return constant_bias(op.offset, site)


def constant_bias(offset: float, site: Site) -> Factor:
    """A constant bias in the format of the computation, to nearest."""
    own = format_named(site.dtype)
    steps = np.floor(offset / own.step + 0.5)
    return Factor(np.clip(steps * own.step, own.least, own.most), own)


def _matrix(weight: Factor, block: Block) -> Factor:
    """A block's weights as (kernel elements, output channels)."""
    values = weight.values[slice(*block.outputs)]
    return Factor(values.reshape(values.shape[0], -1).T, weight.format)


def _positions(gradient: Array, block: Block) -> Array:
    """A block's gradients as (images and positions, output channels)."""
    values = gradient[:, slice(*block.outputs)].transpose(0, 2, 3, 1)
    return values.reshape(-1, values.shape[-1])


def _columns(op: Convolution, block: Block, image: Factor) -> Iterator[tuple[slice, Factor]]:
    """Some images at a time: which, and their columns (images and positions, kernel elements)."""
    elements = op.group_channels * op.kernel[0] * op.kernel[1]
    together = max(1, COLUMN_ELEMENTS // (elements * op.height * op.width))
    for start in range(0, op.batch, together):
        some = slice(start, min(start + together, op.batch))
        padded = _padded(op, image.values[some, slice(*block.inputs)])
        count, channels, rows, columns = padded.strides
        shape = (padded.shape[0], op.height, op.width, op.group_channels, *op.kernel)
        strides = (count, rows * op.stride[0], columns * op.stride[1], channels, rows, columns)
        windows = as_strided(padded, shape, strides, writeable=False)
        yield some, Factor(windows.reshape(-1, elements), image.format)


def _padded(op: Convolution, images: Array) -> Array:
    """Images with the op's zeros around them."""
    (top, bottom), (left, right) = op.padding
    if not (top or bottom or left or right):
        return images
    shape = (*images.shape[:2], op.in_height + top + bottom, op.in_width + left + right)
    padded = np.zeros(shape)
    padded[:, :, top : top + op.in_height, left : left + op.in_width] = images
    return padded
