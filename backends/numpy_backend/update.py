"""Stochastic gradient descent with momentum and weight decay."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from backends.numpy_backend.layout import Scratch, blocks_of
from dataflow.backend import Array
from dataflow.ops import MomentumSgd


def momentum_sgd(
    op: MomentumSgd, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills new_velocity = momentum v - weight_decay lr w - lr g; new_parameter = w + new_velocity."""
    arrays = [reads[name] for name in ("parameter", "gradient", "velocity")]
    arrays += [writes[name] for name in ("new_parameter", "new_velocity")]
    for parameter, gradient, velocity, new_parameter, new_velocity in blocks_of(arrays):
        term = scratch.array("term", parameter.shape, parameter.dtype)
        np.multiply(velocity, op.momentum, out=new_velocity)
        np.multiply(parameter, op.weight_decay * op.learning_rate, out=term)
        np.subtract(new_velocity, term, out=new_velocity)
        np.multiply(gradient, op.learning_rate, out=term)
        np.subtract(new_velocity, term, out=new_velocity)
        np.add(parameter, new_velocity, out=new_parameter)
