"""Fully connected layers: one exact matrix product for each pass, rounded once."""

from __future__ import annotations

from collections.abc import Mapping

from backends.fixed.convolution import constant_bias
from backends.fixed.products import Factor, factor_of, multiply, plus
from backends.fixed.rounding import Rounder
from dataflow.backend import Array, Site
from dataflow.ops import FullyConnected


def forward(
    op: FullyConnected, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills output = input @ weight + bias, learned or constant."""
    images, weight = _matrix(factor_of(site, reads, "input")), _matrix(factor_of(site, reads, "weight"))
    total, fraction = multiply(images, Factor(weight.values.T, weight.format))
    if op.bias:
        total, fraction = plus(total, fraction, factor_of(site, reads, "bias"))
    elif op.offset:
        total, fraction = plus(total, fraction, constant_bias(op.offset, site))
    rounder.put(site, "output", writes["output"], total, fraction)


def input_gradient(
    _op: FullyConnected, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills input.grad = output.grad @ weight.T."""
    weight = _matrix(factor_of(site, reads, "weight"))
    total, fraction = multiply(factor_of(site, reads, "output.grad"), weight)
    target = writes["input.grad"]
    rounder.put(site, "input.grad", target, total.reshape(target.shape), fraction)


def weight_gradient(
    op: FullyConnected, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills weight.grad = output.grad.T @ input, and bias.grad = the sum of output.grad over images."""
    gradient = factor_of(site, reads, "output.grad")
    images = _matrix(factor_of(site, reads, "input"))
    total, fraction = multiply(Factor(gradient.values.T, gradient.format), images)
    target = writes["weight.grad"]
    rounder.put(site, "weight.grad", target, total.reshape(target.shape), fraction)
    if op.bias:
        rounder.put(site, "bias.grad", writes["bias.grad"], gradient.values.sum(axis=0))


def _matrix(factor: Factor) -> Factor:
    """The axes after the first as one."""
    return Factor(factor.values.reshape(len(factor.values), -1), factor.format)
