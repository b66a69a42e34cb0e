"""Stochastic gradient descent with momentum and weight decay (Krizhevsky et al. 2012, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from dataflow.ops.axis import Along, Slices
from dataflow.ops.base import Op, Operand, Pass, Phase, Role


@dataclass(frozen=True)
class MomentumSgd(Op):
    """v <- momentum v - weight_decay lr w - lr g; w <- w + v.

    labels, shape: the axes of the parameter (or of the shard of it that is updated).
    """

    kind: ClassVar[str] = "momentum_sgd"

    labels: tuple[str, ...]
    shape: tuple[int, ...]
    learning_rate: float
    momentum: float
    weight_decay: float

    @property
    def loops(self) -> Mapping[str, int]:
        """One loop for each dimension of the parameter."""
        return dict(zip(self.labels, self.shape, strict=True))

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Parameter, gradient and velocity, and the new parameter and velocity."""
        axes = tuple(Along(label, extent, label) for label, extent in self.loops.items())
        return (
            Operand("parameter", Role.INPUT, axes),
            Operand("gradient", Role.INPUT, axes),
            Operand("velocity", Role.INPUT, axes),
            Operand("new_parameter", Role.OUTPUT, axes),
            Operand("new_velocity", Role.OUTPUT, axes),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """The update, in place where nothing else reads the old values."""
        return (
            Pass(
                "update",
                Phase.UPDATE,
                ("parameter", "gradient", "velocity"),
                ("new_parameter", "new_velocity"),
                (("new_parameter", "parameter"), ("new_velocity", "velocity")),
            ),
        )

    def local(self, slices: Slices) -> MomentumSgd:
        """The update of a shard."""
        return replace(self, shape=tuple(slices[loop][1] - slices[loop][0] for loop in self.loops))
