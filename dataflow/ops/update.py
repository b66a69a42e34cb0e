"""Stochastic gradient descent with momentum and weight decay (Krizhevsky et al. 2012, section 5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import ClassVar

from dataflow.ops.axis import Along, Slices
from dataflow.ops.base import Op, Operand, Pass, Phase, Role


@dataclass(frozen=True)
class MomentumSgd(Op):
    """v <- momentum v - weight_decay lr w - lr g / scale; w <- w + v.

    Without momentum there is no velocity to keep: w <- w - weight_decay lr w - lr g / scale.
    labels, shape: the axes of the parameter (or of the shard of it that is updated). scale: how
    many times too large the gradient is. decay_outside: the decay does not go through the momentum,
    v <- momentum v - lr g / scale; w <- w + v - weight_decay lr w (Loshchilov and Hutter,
    arXiv 1711.05101). rate_outside: nor does the learning rate, v <- momentum v + g / scale +
    weight_decay w; w <- w - lr v, as ``torch.optim.SGD`` has it; of both, the decay is taken out of the
    velocity and w <- w - lr v - weight_decay lr w.
    """

    kind: ClassVar[str] = "momentum_sgd"

    labels: tuple[str, ...]
    shape: tuple[int, ...]
    learning_rate: float
    momentum: float
    weight_decay: float
    scale: float = 1.0
    decay_outside: bool = False
    rate_outside: bool = False

    @property
    def keeps_velocity(self) -> bool:
        """Whether what one step adds depends on what the step before added."""
        return self.momentum != 0

    @property
    def loops(self) -> Mapping[str, int]:
        """One loop for each dimension of the parameter."""
        return dict(zip(self.labels, self.shape, strict=True))

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Parameter, gradient and velocity, and the new parameter and velocity."""
        axes = tuple(Along(label, extent, label) for label, extent in self.loops.items())
        (update,) = self.passes
        read = tuple(Operand(name, Role.INPUT, axes) for name in update.reads)
        return (*read, *(Operand(name, Role.OUTPUT, axes) for name in update.writes))

    @property
    def passes(self) -> tuple[Pass, ...]:
        """The update, in place where nothing else reads the old values."""
        velocity = ("velocity",) if self.keeps_velocity else ()
        carried = ("parameter", *velocity)
        written = tuple(f"new_{name}" for name in carried)
        shared = tuple(zip(written, carried, strict=True))
        return (Pass("update", Phase.UPDATE, ("parameter", "gradient", *velocity), written, shared),)

    def local(self, slices: Slices) -> MomentumSgd:
        """The update of a shard."""
        return replace(self, shape=tuple(slices[loop][1] - slices[loop][0] for loop in self.loops))

    def at(self, learning_rate: float) -> MomentumSgd:
        """The same update at another learning rate."""
        return self if learning_rate == self.learning_rate else _at(self, learning_rate)


@cache
def _at(op: MomentumSgd, learning_rate: float) -> MomentumSgd:
    """Made once for each op and rate: steps ask for the same again and again."""
    return replace(op, learning_rate=learning_rate)
