"""Batch normalisation, a cacheful at a time; what is summed is summed in float64."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from backends.numpy_backend import layout
from backends.numpy_backend.layout import Scratch, features_last, vectors_of
from dataflow.backend import Array
from dataflow.ops import RUNNING_MEAN, RUNNING_VARIANCE, BatchNormalization, BatchNormalizationInference


@dataclass(frozen=True)
class _Moments:
    """Mean and 1 / sqrt(variance + epsilon) of each group and channel, in float64."""

    mean: Array
    inverse: Array

    @classmethod
    def of(cls, op: BatchNormalization, sums: Array) -> _Moments:
        mean = sums[:, 0] / op.count
        # Rounding may leave the difference a little below zero where all elements are equal.
        variance = np.maximum(sums[:, 1] / op.count - np.square(mean), 0)
        return cls(mean, 1 / np.sqrt(variance + op.epsilon))


def moments(
    op: BatchNormalization, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills sums[g] = (sum of x, sum of x ** 2) of each channel, over the images of group g held."""
    sums = writes["sums"]
    sums.fill(0)
    for group, (image,) in _parts(op, [reads["input"]]):
        held = _in_float64("held", image, scratch)
        sums[group, 0] += _column_sums(held, scratch)
        np.square(held, out=held)
        sums[group, 1] += _column_sums(held, scratch)


def forward(
    op: BatchNormalization, reads: Mapping[str, Array], writes: Mapping[str, Array], _scratch: Scratch
) -> None:
    """Fills output = (input - mean) * (weight / sqrt(variance + epsilon)) + bias."""
    known = _Moments.of(op, reads["sums"])
    dtype = writes["output"].dtype
    mean, scale = known.mean.astype(dtype), (known.inverse * reads["weight"]).astype(dtype)
    for group, (image, output) in _parts(op, [reads["input"], writes["output"]]):
        np.subtract(image, mean[group], out=output)
        np.multiply(output, scale[group], out=output)
        np.add(output, reads["bias"], out=output)


def inference_forward(
    op: BatchNormalizationInference,
    reads: Mapping[str, Array],
    writes: Mapping[str, Array],
    _scratch: Scratch,
) -> None:
    """Fills output = (input - running_mean) * (weight / sqrt(running_variance + epsilon)) + bias."""
    deviation = np.sqrt(reads[RUNNING_VARIANCE].astype(np.float64) + op.epsilon)
    scale = (reads["weight"] / deviation).astype(writes["output"].dtype)
    for image, output in vectors_of([reads["input"], writes["output"]]):
        np.subtract(image, reads[RUNNING_MEAN], out=output)
        np.multiply(output, scale, out=output)
        np.add(output, reads["bias"], out=output)


def weight_gradient(
    op: BatchNormalization, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills gradient_sums[g] = (sum of output.grad, sum of output.grad * normalised input).

    Their sums over the groups are bias.grad and weight.grad.
    """
    known = _Moments.of(op, reads["sums"])
    sums = writes["gradient_sums"]
    sums.fill(0)
    for group, (gradient, image) in _parts(op, [reads["output.grad"], reads["input"]]):
        held = _in_float64("held", gradient, scratch)
        normalised = _in_float64("normalised", image, scratch)
        normalised -= known.mean[group]
        normalised *= held
        sums[group, 0] += _column_sums(held, scratch)
        sums[group, 1] += _column_sums(normalised, scratch) * known.inverse[group]
    np.copyto(writes["bias.grad"], sums[:, 0].sum(axis=0))
    np.copyto(writes["weight.grad"], sums[:, 1].sum(axis=0))


def input_gradient(
    op: BatchNormalization, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills input.grad = weight / deviation * (g - mean of g - n * mean of g n).

    g is output.grad, n the normalised input.
    """
    known, sums = _Moments.of(op, reads["sums"]), reads["gradient_sums"]
    target = writes["input.grad"]
    scale = (known.inverse * reads["weight"]).astype(target.dtype)
    mean = known.mean.astype(target.dtype)
    mean_gradient = (sums[:, 0] / op.count).astype(target.dtype)
    slope = (known.inverse * sums[:, 1] / op.count).astype(target.dtype)
    views = [reads["output.grad"], reads["input"], target]
    for group, (gradient, image, filled) in _parts(op, views):
        along = scratch.array("along", image.shape, target.dtype)
        np.subtract(image, mean[group], out=along)
        np.multiply(along, slope[group], out=along)
        np.subtract(gradient, along, out=along)
        np.subtract(along, mean_gradient[group], out=along)
        np.multiply(along, scale[group], out=filled)


def _parts(op: BatchNormalization, arrays: list[Array]) -> Iterator[tuple[int, tuple[Array, ...]]]:
    """(group, views (image, [row, column,] channel)) of a cacheful at a time, none of two groups."""
    views = [features_last(array) for array in arrays]
    batch, rows = op.shape[0], views[0].shape[1] if len(op.shape) > 2 else 1
    of_row = max(1, prod(op.shape[1:]) // rows)
    together = max(1, layout.BLOCK_ELEMENTS // (of_row * rows))
    down = max(1, min(rows, layout.BLOCK_ELEMENTS // of_row))
    for group in range(op.groups):
        start, stop = max(0, group * op.images - op.first), (group + 1) * op.images - op.first
        for image in range(start, min(batch, stop), together):
            last = min(batch, stop, image + together)
            if len(op.shape) == 2:
                yield group, tuple(view[image:last] for view in views)
                continue
            for row in range(0, rows, down):
                yield group, tuple(view[image:last, row : row + down] for view in views)


def _in_float64(name: str, part: Array, scratch: Scratch) -> Array:
    held = scratch.array(name, part.shape, np.dtype("float64"))
    np.copyto(held, part)
    return held


def _column_sums(held: Array, scratch: Scratch) -> Array:
    """The sum over all axes but the last: as a product with ones, several times faster than a sum."""
    matrix = held.reshape(-1, held.shape[-1])
    ones = scratch.array("ones", (matrix.shape[0],), held.dtype)
    ones.fill(1)
    sums: Array = np.matmul(ones, matrix)
    return sums
