"""Layers that treat every element alone: activations and dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Lt

from dataflow.layers.base import Binding, Inputs
from dataflow.ops import Dropout, Op, Relu, Sigmoid, Tanh


@dataclass(frozen=True, kw_only=True)
class ActivationLayer:
    """ReLU, tanh or the logistic sigmoid of every element."""

    op: Literal["relu", "tanh", "sigmoid"]
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input."""
        make = {"relu": Relu, "tanh": Tanh, "sigmoid": Sigmoid}[self.op]
        return make((binding.batch, *binding.single()))


@dataclass(frozen=True, kw_only=True)
class DropoutLayer:
    """Dropout with probability ``rate``; the paper's (unscaled in training) unless ``inverted``."""

    op: Literal["dropout"]
    rate: Annotated[float, Ge(0), Lt(1)] = 0.5
    inverted: bool = False
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input."""
        return Dropout((binding.batch, *binding.single()), self.rate, self.inverted)
