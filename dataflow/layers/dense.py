"""Fully connected layers and the loss they end in."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

from dataflow.layers.base import DEFAULT_INITIAL, Binding, Count, Initial, Inputs, Learned, weight_and_bias
from dataflow.ops import FullyConnected, Op, Operand, SoftmaxCrossEntropy


@dataclass(frozen=True, kw_only=True)
class FullyConnectedLayer(Learned):
    """Fully connected: ``channels`` outputs (or ``classes``, as many as the network tells apart)."""

    op: Literal["fully_connected"]
    channels: Count | Literal["classes"]
    bias: bool = True
    initial: Initial = DEFAULT_INITIAL
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input."""
        channels = binding.classes if self.channels == "classes" else self.channels
        return FullyConnected(binding.batch, binding.single(), channels, self.bias)

    def initial_of(self, parameter: Operand) -> Initial:
        """Weights Gaussian, biases constant."""
        return weight_and_bias(self.initial, parameter)


@dataclass(frozen=True, kw_only=True)
class LossLayer:
    """Softmax and the cross-entropy with the batch's labels, averaged over its images (or tokens)."""

    op: Literal["softmax_cross_entropy"]
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
        return SoftmaxCrossEntropy(
            binding.batch, binding.classes, binding.batch * prod(binding.labels), positions
        )
