"""Gradient descent in wide integers, rounded once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from backends.fixed.functions import Constant, constant
from backends.fixed.products import Factor, integers
from backends.fixed.rounding import Rounder, format_named
from dataflow.backend import Array, Site
from dataflow.numbers.number import FixedPoint
from dataflow.ops import MomentumSgd

_WIDE_BITS = 62
"""Of the accumulator; what is added has at most so many fraction bits that the parameter fits before them."""


def momentum_sgd(
    op: MomentumSgd, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills the new parameter and, with momentum, the new velocity, as ``MomentumSgd`` says.

    The sums are exact and rounded once each, with the momentum, the decay, the learning rate over the
    scale and so on as constants. An update has underflowed where the gradient is not zero and the
    parameter stays what it was.
    """
    own = format_named(site.dtypes["parameter"])
    change, fraction = _sum(_change(op), reads, site, own)
    if op.keeps_velocity:
        velocity, places = (change.copy(), fraction)
        if op.rate_outside or op.decay_outside:
            velocity, places = _sum(_velocity(op), reads, site, own)
        rounder.put(site, "new_velocity", writes["new_velocity"], velocity, places)
    before = _aligned(integers(Factor(reads["parameter"], own)), fraction - own.fraction_bits)
    # Both may share their bytes, so what was is looked at before it is gone.
    old = reads["parameter"].copy()
    rounder.put(site, "new_parameter", writes["new_parameter"], before + change, fraction)
    lost = np.count_nonzero((reads["gradient"] != 0.0) & (writes["new_parameter"] == old))
    if lost:
        rounder.statistics.count(site.tensors["new_parameter"], 0, 0, int(lost))


class _Term(NamedTuple):
    """An operand times a constant, with a sign."""

    operand: str
    sign: int
    by: Constant


def _change(op: MomentumSgd) -> list[_Term]:
    """What is added to the parameter."""
    terms = [_Term("gradient", -1, constant(op.learning_rate / op.scale))]
    if op.weight_decay:
        terms.append(_Term("parameter", -1, constant(op.weight_decay * op.learning_rate)))
    if op.keeps_velocity and op.rate_outside:
        terms.append(_Term("velocity", -1, constant(op.momentum * op.learning_rate)))
    elif op.keeps_velocity:
        terms.append(_Term("velocity", 1, constant(op.momentum)))
    return terms


def _velocity(op: MomentumSgd) -> list[_Term]:
    """What the new velocity is where that is not what is added to the parameter."""
    sign, rate = (1, 1.0) if op.rate_outside else (-1, op.learning_rate)
    terms = [_Term("gradient", sign, constant(rate / op.scale)), _Term("velocity", 1, constant(op.momentum))]
    if op.weight_decay and not op.decay_outside:
        terms.append(_Term("parameter", sign, constant(rate * op.weight_decay)))
    return terms


def _sum(
    terms: Sequence[_Term], reads: Mapping[str, Array], site: Site, own: FixedPoint
) -> tuple[Array, int]:
    """The exact sum, and its fraction bits. own: the parameter's format."""
    formats = {term.operand: format_named(site.dtypes[term.operand]) for term in terms}
    needed = max(formats[term.operand].fraction_bits + term.by.fraction for term in terms)
    fraction = min(max(needed, own.fraction_bits), _WIDE_BITS - own.integer_bits)
    total = np.zeros(reads["parameter"].shape, np.int64)
    for name, sign, by in terms:
        product = integers(Factor(reads[name], formats[name])) * (sign * by.factor)
        total += _aligned(product, fraction - formats[name].fraction_bits - by.fraction)
    return total, fraction


def _aligned(values: Array, up: int) -> Array:
    """Shifted left, or right where the accumulator has fewer fraction bits."""
    return values << up if up >= 0 else values >> -up
