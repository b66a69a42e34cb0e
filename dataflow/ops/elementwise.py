"""Ops that treat every element alone: ReLU, tanh, sigmoid, dropout, scaling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from dataflow.ops.axis import Along, Axis, Slices, activation_labels
from dataflow.ops.base import Op, Operand, Pass, Phase, Role


@dataclass(frozen=True)
class Elementwise(Op):
    """What elementwise ops share: input, output and loops have one shape.

    shape: (batch, channels), (batch, channels, positions) or (batch, channels, height, width).
    """

    shape: tuple[int, ...]

    @property
    def loops(self) -> Mapping[str, int]:
        """One loop for each dimension."""
        return dict(zip(activation_labels(len(self.shape)), self.shape, strict=True))

    @property
    def _axes(self) -> tuple[Axis, ...]:
        return tuple(Along(label, extent, label) for label, extent in self.loops.items())

    def local(self, slices: Slices) -> Self:
        """The same op on fewer elements."""
        return replace(self, shape=tuple(slices[loop][1] - slices[loop][0] for loop in self.loops))


@dataclass(frozen=True)
class Activation(Elementwise):
    """y = f(x), with a derivative that follows from y alone."""

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Input and output, for dropout the mask as well."""
        return (
            Operand("input", Role.INPUT, self._axes),
            Operand("output", Role.OUTPUT, self._axes),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward and input gradient, both of which may work in place."""
        return (
            Pass("forward", Phase.FORWARD, ("input",), ("output",), (("output", "input"),)),
            Pass(
                "input_gradient",
                Phase.GRADIENT,
                ("output.grad", "output"),
                ("input.grad",),
                (("input.grad", "output.grad"),),
            ),
        )


@dataclass(frozen=True)
class Relu(Activation):
    """y = max(x, 0)."""

    kind: ClassVar[str] = "relu"


@dataclass(frozen=True)
class Tanh(Activation):
    """y = tanh(x)."""

    kind: ClassVar[str] = "tanh"


@dataclass(frozen=True)
class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x))."""

    kind: ClassVar[str] = "sigmoid"


@dataclass(frozen=True)
class Dropout(Elementwise):
    """y = x * mask * gain, the mask 1 with probability 1 - rate.

    gain is 1 in training (the paper, which scales at test time instead) or 1 / (1 - rate)
    when ``inverted`` (PyTorch's convention).
    """

    kind: ClassVar[str] = "dropout"

    rate: float = 0.5
    inverted: bool = False

    @property
    def gain(self) -> float:
        """What kept elements are multiplied by in training."""
        return 1.0 / (1.0 - self.rate) if self.inverted else 1.0

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Input and output, for dropout the mask as well."""
        return (
            Operand("input", Role.INPUT, self._axes),
            Operand("mask", Role.RANDOM, self._axes, dtype="uint8"),
            Operand("output", Role.OUTPUT, self._axes),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward and input gradient, both of which may work in place."""
        return (
            Pass("forward", Phase.FORWARD, ("input", "mask"), ("output",), (("output", "input"),)),
            Pass(
                "input_gradient",
                Phase.GRADIENT,
                ("output.grad", "mask"),
                ("input.grad",),
                (("input.grad", "output.grad"),),
            ),
        )


@dataclass(frozen=True)
class Scale(Elementwise):
    """y = factor * x: what dropout that did not scale in training is in inference."""

    kind: ClassVar[str] = "scale"

    factor: float = 0.5

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Input and output."""
        return (
            Operand("input", Role.INPUT, self._axes),
            Operand("output", Role.OUTPUT, self._axes),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward and input gradient, both of which may work in place."""
        return (
            Pass("forward", Phase.FORWARD, ("input",), ("output",), (("output", "input"),)),
            Pass(
                "input_gradient",
                Phase.GRADIENT,
                ("output.grad",),
                ("input.grad",),
                (("input.grad", "output.grad"),),
            ),
        )
