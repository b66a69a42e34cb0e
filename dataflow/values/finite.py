"""Values that are not finite end a run, with the name of the first tensor that has some."""

from __future__ import annotations

import math

import numpy as np

from dataflow.backend import Array
from dataflow.errors import NumericError
from dataflow.placement import Shard
from dataflow.tensor import TensorKind


def check_finite(step: int, task: str, shard: Shard, array: Array) -> None:
    """Raises NumericError if a value that a task wrote is not finite; to be called where NumPy does not warn.

    A velocity is not looked at: the parameter it was just added to tells.
    """
    if shard.tensor.kind in (TensorKind.MASK, TensorKind.VELOCITY):
        return
    flat = array.ravel(order="K")
    # The sum of squares is not finite if a value is not, or too large, and takes least time.
    if math.isfinite(np.dot(flat, flat)):
        return
    if not np.isfinite(array).all():
        bad = int(np.count_nonzero(~np.isfinite(array)))
        name = shard.tensor.name_in(step)
        raise NumericError(
            f"tensor {name!r} is the first that is not finite: {bad:,} of {array.size:,} values, "
            f"written by {task!r} in step {step}; "
            "a smaller training.learning_rate or smaller initial weights may keep it in range"
        )
