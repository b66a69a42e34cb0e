"""Gradient descent in wide integers, rounded once."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backends.fixed.functions import Constant, constant
from backends.fixed.products import Factor, integers
from backends.fixed.rounding import Rounder, format_named
from dataflow.backend import Array, Site
from dataflow.ops import MomentumSgd

_WIDE_BITS = 62
"""Of the accumulator; what is added has at most so many fraction bits that the parameter fits before them."""


def momentum_sgd(
    op: MomentumSgd, reads: Mapping[str, Array], writes: Mapping[str, Array], site: Site, rounder: Rounder
) -> None:
    """Fills new_velocity = momentum v - weight_decay lr w - lr g / scale; new_parameter = w + that sum.

    The sum is exact for both, with the learning rate over the scale, the momentum and the decay times
    the learning rate as constants. Without momentum the velocity is not kept. An update has
    underflowed where the gradient is not zero and the parameter stays what it was.
    """
    terms: list[tuple[str, int, Constant]] = [("gradient", -1, constant(op.learning_rate / op.scale))]
    if op.weight_decay:
        terms.append(("parameter", -1, constant(op.weight_decay * op.learning_rate)))
    if op.keeps_velocity:
        terms.append(("velocity", 1, constant(op.momentum)))
    own = format_named(site.dtypes["parameter"])
    formats = {name: format_named(site.dtypes[name]) for name, _, _ in terms}
    needed = max(formats[name].fraction_bits + by.fraction for name, _, by in terms)
    fraction = min(max(needed, own.fraction_bits), _WIDE_BITS - own.integer_bits)
    change = np.zeros(reads["parameter"].shape, np.int64)
    for name, sign, by in terms:
        product = integers(Factor(reads[name], formats[name])) * (sign * by.factor)
        change += _aligned(product, fraction - formats[name].fraction_bits - by.fraction)
    if op.keeps_velocity:
        rounder.put(site, "new_velocity", writes["new_velocity"], change.copy(), fraction)
    before = _aligned(integers(Factor(reads["parameter"], own)), fraction - own.fraction_bits)
    # Both may share their bytes, so what was is looked at before it is gone.
    old = reads["parameter"].copy()
    rounder.put(site, "new_parameter", writes["new_parameter"], before + change, fraction)
    lost = np.count_nonzero((reads["gradient"] != 0.0) & (writes["new_parameter"] == old))
    if lost:
        rounder.statistics.count(site.tensors["new_parameter"], 0, 0, int(lost))


def _aligned(values: Array, up: int) -> Array:
    """Shifted left, or right where the accumulator has fewer fraction bits."""
    return values << up if up >= 0 else values >> -up
