"""ReLU, dropout, add, concat and reshape: what needs comparisons, additions and copies alone."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backends.fixed.functions import constant
from backends.fixed.products import Factor, integers
from backends.fixed.rounding import Rounder, format_named
from dataflow.backend import Array, Site
from dataflow.ops import Add, Concat, Dropout, Relu, Reshape, Scale, gradient_of


def relu_forward(
    _op: Relu, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills output = max(input, 0)."""
    rounder.move(site, "input", "output", writes["output"], np.maximum(reads["input"], 0.0))


def relu_input_gradient(
    _op: Relu, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills input.grad = output.grad where output > 0, else 0."""
    gradient = np.multiply(reads["output.grad"], reads["output"] > 0.0)
    rounder.move(site, "output.grad", "input.grad", writes["input.grad"], gradient)


def dropout_forward(
    op: Dropout, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills output = input * mask * gain, the gain a constant of 16 bits."""
    _masked(op, ("input", "output"), reads, writes, site, rounder)


def dropout_input_gradient(
    op: Dropout, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills input.grad = output.grad * mask * gain."""
    _masked(op, ("output.grad", "input.grad"), reads, writes, site, rounder)


def scale_forward(
    op: Scale, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills output = factor * input, the factor a constant of 16 bits."""
    names = ("input", "output")
    scaled(reads["input"].copy(), op.factor, names, writes["output"], site, rounder)


def scale_input_gradient(
    op: Scale, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills input.grad = factor * output.grad."""
    names = ("output.grad", "input.grad")
    scaled(reads["output.grad"].copy(), op.factor, names, writes["input.grad"], site, rounder)


def _masked(
    op: Dropout,
    names: tuple[str, str],
    reads: Mapping[str, Array],
    writes: Mapping[str, Array],
    site: Site,
    rounder: Rounder,
) -> None:
    source, operand = names
    scaled(np.multiply(reads[source], reads["mask"]), op.gain, names, writes[operand], site, rounder)


def scaled(
    values: Array, gain: float, names: tuple[str, str], target: Array, site: Site, rounder: Rounder
) -> None:
    """Fills ``target`` = values * gain. names: the operand whose format the values have, and the target's."""
    source, operand = names
    by = constant(gain)
    if by.is_shift:
        np.multiply(values, gain, out=values)
        rounder.put(site, operand, target, values)
        return
    own = format_named(site.dtypes[source])
    product = integers(Factor(values, own)) * by.factor
    rounder.put(site, operand, target, product, own.fraction_bits + by.fraction)


def add_forward(
    op: Add, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills output = the sum of the inputs, in range once they are all added."""
    first, *others = op.names
    total = reads[first].copy()
    for name in others:
        total += reads[name]
    rounder.put(site, "output", writes["output"], total)


def add_input_gradient(
    _op: Add, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills the gradient of each input that has one = output.grad."""
    for operand, target in writes.items():
        rounder.move(site, "output.grad", operand, target, reads["output.grad"].copy())


def concat_forward(
    op: Concat, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills the channels of output with those of the inputs, one after another."""
    rounder.put(site, "output", writes["output"], np.concatenate([reads[n] for n, _, _ in op.places], axis=1))


def concat_input_gradient(
    op: Concat, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills the gradient of each input that has one = its channels of output.grad."""
    for name, start, stop in op.places:
        operand = gradient_of(name)
        if operand in writes:
            channels = reads["output.grad"][:, start:stop].copy()
            rounder.move(site, "output.grad", operand, writes[operand], channels)


def reshape_forward(
    op: Reshape, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills output = the elements of input in row-major order of the logical shapes."""
    values = reads["input"].copy().reshape(op.batch, *op.after)
    rounder.move(site, "input", "output", writes["output"], values)


def reshape_input_gradient(
    op: Reshape, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills input.grad = the elements of output.grad in row-major order of the logical shapes."""
    values = reads["output.grad"].copy().reshape(op.batch, *op.before)
    rounder.move(site, "output.grad", "input.grad", writes["input.grad"], values)
