"""Where an op chooses between values that rounding cannot tell apart, so that either choice is right.

ReLU chooses by the sign of a value, max pooling the largest of a window. Two computations of the same step
whose additions have another order may choose differently there, and what is learned then differs by far more
than rounding: one that goes along with a run follows the run's choice, but only there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dataflow.backend import Array
from dataflow.verification.references import TOLERANCES


def reach(dtype: str) -> float:
    """How near, relative to the largest magnitude in a tensor, another choice is followed in a format."""
    return TOLERANCES[dtype]


def near(distance: Array, x: Array, within: float) -> NDArray[np.bool_]:
    """Where a run's choice is followed.

    distance: how much a value of ``x``, by which is chosen, would have to change for the other choice.
    x: the whole tensor. within: as of ``reach``.
    """
    largest = max(float(x.max(initial=0)), -float(x.min(initial=0)))
    return np.asarray(distance <= within * largest)
