"""Which number format each tensor of a training has."""

from __future__ import annotations

from dataflow.experiment import Training
from dataflow.numbers.number import fixed_point, partial_dtype
from dataflow.ops.base import GRADIENT_SUFFIX
from dataflow.tensor import TensorKind

_KEPT = (TensorKind.PARAMETER, TensorKind.VELOCITY)
_GRADIENTS = (TensorKind.ACTIVATION_GRADIENT, TensorKind.PARAMETER_GRADIENT)


def dtype_of(training: Training, base: str, kind: TensorKind, *, scores: bool = False) -> str:
    """The format of a tensor that has none of its own, such as labels have.

    base: its name without the version. Parameters and velocities are kept in that of master weights, if
    there is one; a gradient has that of what it is the gradient of, unless a pattern names another.
    scores: whether the loss reads it, so that ``wide_logits`` keeps it in the accumulator.
    """
    if fixed_point(training.dtype) is None:
        return training.dtype
    arithmetic = training.arithmetic
    if kind in _KEPT:
        parameter = base.removesuffix(".velocity")
        kept = arithmetic.master_weights or arithmetic.format_of(parameter, training.dtype)
        return kept if kind is TensorKind.PARAMETER else arithmetic.format_of(base, kept)
    if kind in _GRADIENTS:
        primal = arithmetic.format_of(base.removesuffix(GRADIENT_SUFFIX), training.dtype)
        return arithmetic.format_of(base, primal)
    found = arithmetic.format_of(base, training.dtype)
    return partial_dtype(found) if scores and arithmetic.wide_logits else found
