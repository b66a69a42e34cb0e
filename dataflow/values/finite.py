"""Values that are not finite end a run, with the name of the first tensor that has some."""

from __future__ import annotations

import math

import numpy as np

from dataflow.backend import Array
from dataflow.errors import NumericError
from dataflow.ops import MaxPooling, Relu
from dataflow.placement import PlacedGraph, PlacedTask, Shard
from dataflow.tensor import TensorKind

_SELECTING = {(Relu.kind, "forward"), (Relu.kind, "input_gradient"), (MaxPooling.kind, "forward")}
"""Passes, by (op kind, name), that write nothing but zeros and what they read."""


def may_be_first(placed: PlacedGraph, task: PlacedTask, shard: Shard) -> bool:
    """Whether what a task writes to a shard may be the first that is not finite, so that it is to be checked.

    A velocity is not: the parameter it was just added to tells. Nor is what was only selected of values
    that were checked when they were computed, nor what a transfer brings.
    """
    if task.processor is None or shard.tensor.kind in (TensorKind.MASK, TensorKind.VELOCITY):
        return False
    if task.op is None or task.direction is None or (task.op.kind, task.direction.name) not in _SELECTING:
        return True
    writers = [placed.writer.get(piece.shard) for read in task.reads for piece in read.pieces]
    return any(writer is None or placed.tasks[writer].processor is None for writer in writers)


def check_finite(step: int, task: str, shard: Shard, array: Array) -> None:
    """Raises NumericError if a value that a task wrote is not finite; to be called where NumPy is silent."""
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
