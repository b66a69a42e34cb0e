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
    """Fills the new velocity and parameter as ``MomentumSgd`` says; without momentum the parameter alone."""
    if not op.keeps_velocity:
        _plain_sgd(op, reads, writes, scratch)
        return
    arrays = [reads[name] for name in ("parameter", "gradient", "velocity")]
    arrays += [writes[name] for name in ("new_parameter", "new_velocity")]
    change = _with_rate_outside if op.rate_outside else _with_rate_inside
    for parameter, gradient, velocity, new_parameter, new_velocity in blocks_of(arrays):
        term = scratch.array("term", parameter.shape, parameter.dtype)
        change(op, parameter, gradient, velocity, term, new_velocity)
        step = new_velocity
        if op.rate_outside:
            step = np.multiply(new_velocity, -op.learning_rate, out=term)
        if op.decay_outside:
            decay = scratch.array("decay", parameter.shape, parameter.dtype)
            np.multiply(parameter, op.weight_decay * op.learning_rate, out=decay)
            np.subtract(step, decay, out=term)
            step = term
        np.add(parameter, step, out=new_parameter)


def _with_rate_inside(
    op: MomentumSgd, parameter: Array, gradient: Array, velocity: Array, term: Array, new_velocity: Array
) -> None:
    """Fills new_velocity = momentum v - weight_decay lr w - lr g / scale, the decay unless it is outside."""
    np.multiply(velocity, op.momentum, out=new_velocity)
    if not op.decay_outside:
        np.multiply(parameter, op.weight_decay * op.learning_rate, out=term)
        np.subtract(new_velocity, term, out=new_velocity)
    np.multiply(gradient, op.learning_rate / op.scale, out=term)
    np.subtract(new_velocity, term, out=new_velocity)


def _with_rate_outside(
    op: MomentumSgd, parameter: Array, gradient: Array, velocity: Array, term: Array, new_velocity: Array
) -> None:
    """Fills new_velocity = momentum v + weight_decay w + g / scale, the decay unless it is outside."""
    np.multiply(velocity, op.momentum, out=new_velocity)
    if not op.decay_outside:
        np.multiply(parameter, op.weight_decay, out=term)
        np.add(new_velocity, term, out=new_velocity)
    np.multiply(gradient, 1 / op.scale, out=term)
    np.add(new_velocity, term, out=new_velocity)


def _plain_sgd(
    op: MomentumSgd, reads: Mapping[str, Array], writes: Mapping[str, Array], scratch: Scratch
) -> None:
    """Fills new_parameter = w - (weight_decay lr w + lr g / scale)."""
    arrays = [reads["parameter"], reads["gradient"], writes["new_parameter"]]
    for parameter, gradient, new_parameter in blocks_of(arrays):
        change = scratch.array("term", parameter.shape, parameter.dtype)
        np.multiply(gradient, op.learning_rate / op.scale, out=change)
        if op.weight_decay:
            decay = scratch.array("decay", parameter.shape, parameter.dtype)
            np.multiply(parameter, op.weight_decay * op.learning_rate, out=decay)
            np.add(change, decay, out=change)
        np.subtract(parameter, change, out=new_parameter)
