"""Losses in integers, and the prediction that stands in their place."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backends.fixed.elementwise import scaled
from backends.fixed.functions import (
    FRACTION,
    LN_2,
    ONE,
    POWER_FRACTION,
    cut,
    divide,
    exponents,
    logarithm,
    power_of_two,
    reciprocal,
    times_reciprocal,
)
from backends.fixed.rounding import Rounder, format_named
from dataflow.backend import Array, Site
from dataflow.cycles.instructions import quotient_bits
from dataflow.numbers.number import element_bytes
from dataflow.ops import ArgMax, MeanSquaredError, SoftmaxCrossEntropy

DIFFERENCE_LIMIT = (1 << 29) - 1
"""Differences that are squared have no more than 30 bits."""


def softmax_forward(
    op: SoftmaxCrossEntropy,
    reads: Mapping[str, Array],
    writes: Mapping[str, Array],
    site: Site,
    rounder: Rounder,
) -> None:
    """Fills probability = softmax(input), output = log(sum of base^input) - input[label].

    The largest score is subtracted first. Powers are of 2, of the scores times log2(base); each
    probability is divided by their sum, or multiplied by the reciprocal of that, to as many bits as
    probabilities are wide, and the loss a logarithm to base 2, times ln 2 where the base is e.
    """
    scores = reads["input"]
    differences = cut(scores - scores.max(axis=1, keepdims=True))
    powers = power_of_two(exponents(differences, op.base), op.exponential)
    total = powers.sum(axis=1, keepdims=True)
    bits = quotient_bits(8 * element_bytes(site.dtypes["probability"]))
    if op.division == "divide":
        quotients = divide(powers, total, bits)
    else:
        quotients = times_reciprocal(powers, reciprocal(total), bits)
    rounder.put(site, "probability", writes["probability"], quotients, bits)
    of_label = np.take_along_axis(differences, reads["label"][:, None], axis=1)
    of_sum = logarithm(total) - (POWER_FRACTION - FRACTION) * ONE
    factor = ONE if op.base == 2 else LN_2
    loss = (of_sum * factor - (of_label << FRACTION))[:, 0]
    rounder.put(site, "output", writes["output"], loss, 2 * FRACTION)


def softmax_input_gradient(
    op: SoftmaxCrossEntropy,
    reads: Mapping[str, Array],
    writes: Mapping[str, Array],
    site: Site,
    rounder: Rounder,
) -> None:
    """Fills input.grad = (probability - 1 at the label) * scale / images."""
    off = _less_one_at_label(reads["probability"], reads["label"])
    scaled(off, op.gain, ("probability", "input.grad"), writes["input.grad"], site, rounder)


def squared_forward(
    _op: MeanSquaredError,
    reads: Mapping[str, Array],
    writes: Mapping[str, Array],
    site: Site,
    rounder: Rounder,
) -> None:
    """Fills output = half the sum over the classes of (input - 1 at the label)^2.

    Differences are cut to 16 fraction bits and saturated to 30 bits, so that their squares fit in 60.
    """
    off = _less_one_at_label(reads["input"], reads["label"])
    fraction = min(format_named(site.dtypes["input"]).fraction_bits, FRACTION)
    steps = np.clip(np.floor(off * 2.0**fraction), -DIFFERENCE_LIMIT, DIFFERENCE_LIMIT).astype(np.int64)
    rounder.put(site, "output", writes["output"], (steps * steps).sum(axis=1), 2 * fraction + 1)


def squared_input_gradient(
    op: MeanSquaredError,
    reads: Mapping[str, Array],
    writes: Mapping[str, Array],
    site: Site,
    rounder: Rounder,
) -> None:
    """Fills input.grad = (input - 1 at the label) * scale / images."""
    off = _less_one_at_label(reads["input"], reads["label"])
    scaled(off, op.gain, ("input", "input.grad"), writes["input.grad"], site, rounder)


def argmax_forward(
    _op: ArgMax, reads: Mapping[str, Array], writes: Mapping[str, Array], _site: Site, _rounder: Rounder
) -> None:
    """Fills output = the class of the largest score, of equals the first."""
    writes["output"][...] = reads["input"].argmax(axis=1)


def _less_one_at_label(values: Array, labels: Array) -> Array:
    """A copy of the values from which 1 is taken at each label."""
    off = values.copy()
    index = labels[:, None]
    np.put_along_axis(off, index, np.take_along_axis(off, index, axis=1) - 1.0, axis=1)
    return off
