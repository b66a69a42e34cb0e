"""GELU, exact and by its tanh approximation, a cacheful at a time."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi, sqrt

import numpy as np

from backends.numpy_backend.layout import Scratch, blocks_of
from dataflow.backend import Array
from dataflow.ops import Gelu

_RATE = sqrt(2 / pi)
_CUBIC = 0.044715
"""Hendrycks and Gimpel 2016, section 2."""


def forward(op: Gelu, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch) -> None:
    """Fills output = input * (1 + s) / 2, where s is erf or tanh."""
    for x, y in blocks_of([reads["input"], writes["output"]]):
        s = _sigmoidal(op, x, scratch)
        s += 1
        s *= 0.5
        np.multiply(x, s, out=y)


def input_gradient(
    op: Gelu, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills input.grad = output.grad * ((1 + s) / 2 + input * s' / 2)."""
    for x, gradient, target in blocks_of([reads["input"], reads["output.grad"], writes["input.grad"]]):
        s = _sigmoidal(op, x, scratch)
        slope = scratch.array("slope", x.shape, x.dtype)
        np.multiply(x, x, out=slope)
        if op.tanh:  # (1 - s^2) d/dx of the argument
            slope *= 3 * _CUBIC * _RATE
            slope += _RATE
            slope *= 1 - s * s
        else:  # sqrt(2 / pi) exp(-x^2 / 2)
            slope *= -0.5
            np.exp(slope, out=slope)
            slope *= _RATE
        slope *= x
        slope += s
        slope += 1
        slope *= 0.5
        np.multiply(gradient, slope, out=target)


def _sigmoidal(op: Gelu, x: Array, scratch: Scratch) -> Array:
    """erf(x / sqrt 2), or tanh(sqrt(2 / pi) (x + 0.044715 x^3))."""
    s = scratch.array("sigmoidal", x.shape, x.dtype)
    if not op.tanh:
        from scipy.special import erf

        np.multiply(x, sqrt(0.5), out=s)
        return np.asarray(erf(s, out=s))
    np.multiply(x, x, out=s)
    s *= _CUBIC * _RATE
    s += _RATE
    s *= x
    return np.tanh(s, out=s)
