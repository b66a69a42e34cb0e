"""Fully connected layers and the loss they end in."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

from dataflow.layers.base import (
    DEFAULT_INITIAL,
    Bias,
    Binding,
    Count,
    Initial,
    Inputs,
    Learned,
    learned_or_constant,
    weight_and_bias,
)
from dataflow.ops import FullyConnected, MeanSquaredError, Op, Operand, SoftmaxCrossEntropy
from dataflow.ops.loss import Base


@dataclass(frozen=True, kw_only=True)
class FullyConnectedLayer(Learned):
    """Fully connected: ``channels`` outputs (or ``classes``, as many as the network tells apart).

    bias: whether it learns biases; a number for one constant that every output gets, not learned.
    """

    op: Literal["fully_connected"]
    channels: Count | Literal["classes"]
    bias: Bias = True
    initial: Initial = DEFAULT_INITIAL
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input."""
        channels = binding.classes if self.channels == "classes" else self.channels
        return FullyConnected(binding.batch, binding.single(), channels, *learned_or_constant(self.bias))

    def initial_of(self, parameter: Operand) -> Initial:
        """Weights Gaussian, biases constant."""
        return weight_and_bias(self.initial, parameter)


@dataclass(frozen=True, kw_only=True)
class LossLayer:
    """How far the scores are from the batch's labels, averaged over its images (or tokens).

    ``softmax_cross_entropy`` takes softmax first; base: of its powers and logarithms, ``e`` or 2.
    ``mean_squared_error`` compares its input, scores or the output of a softmax layer, with 1 for the
    label and 0 for all other classes.
    """

    op: Literal["softmax_cross_entropy", "mean_squared_error"]
    base: Base = "e"
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError unless it is one score a class and label."""
        shape = binding.single()
        if shape != (binding.classes, *binding.labels):
            each = f" at each of {binding.labels[0]} positions" if binding.labels else ""
            raise binding.fault(
                f"needs one score for each of {binding.classes} classes{each}, got shape {shape}"
            )
        positions = binding.labels[0] if binding.labels else None
        images = binding.batch * prod(binding.labels)
        if self.op == "mean_squared_error":
            if self.base != "e":
                raise binding.fault("base is of softmax_cross_entropy; mean_squared_error takes no powers")
            return MeanSquaredError(binding.batch, binding.classes, images, positions)
        return SoftmaxCrossEntropy(binding.batch, binding.classes, images, positions, base=self.base)
