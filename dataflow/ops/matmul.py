"""Matrix product of two activations, example by example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from dataflow.ops.axis import Along, Slices
from dataflow.ops.base import Op, Operand, Pass, Phase, Role


@dataclass(frozen=True)
class MatMul(Op):
    """y[n,o,t] = scale * sum over i of b[n,o,i] a[n,i,t], where a is input0 and b is input1.

    So b acts on a as a linear layer's weight does, but every example has its own. With
    ``transpose`` b is read the other way round, b[n,i,o]. Shapes, without the batch:

        a (in_channels, positions), b (channels, in_channels), y (channels, positions)

    Scores of attention are those of the keys, transposed, on the queries: (key, query);
    after a softmax over their channels the values act on them: (channel, query).
    """

    kind: ClassVar[str] = "matmul"
    multiplies: ClassVar[bool] = True

    batch: int
    in_channels: int
    positions: int
    channels: int
    transpose: bool = False
    scale: float = 1.0

    @property
    def loops(self) -> Mapping[str, int]:
        """Example, position, output channel and the summed channel."""
        return {
            "batch": self.batch,
            "position": self.positions,
            "channel": self.channels,
            "in_channel": self.in_channels,
        }

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The two activations and their product."""
        batch = Along("batch", self.batch, "batch")
        position = Along("position", self.positions, "position")
        summed = Along("channel", self.in_channels, "in_channel")
        if self.transpose:
            second = (batch, summed, Along("position", self.channels, "channel"))
        else:
            made = Along("channel", self.channels, "channel")
            second = (batch, made, Along("position", self.in_channels, "in_channel"))
        return (
            Operand("input0", Role.INPUT, (batch, summed, position)),
            Operand("input1", Role.INPUT, second),
            Operand("output", Role.OUTPUT, (batch, Along("channel", self.channels, "channel"), position)),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward and the gradient of each input, over the same loops."""
        return (
            Pass("forward", Phase.FORWARD, ("input0", "input1"), ("output",)),
            Pass("input0_gradient", Phase.GRADIENT, ("output.grad", "input1"), ("input0.grad",)),
            Pass("input1_gradient", Phase.GRADIENT, ("output.grad", "input0"), ("input1.grad",)),
        )

    def local(self, slices: Slices) -> MatMul:
        """The product of a slice; slices of the summed channel give partial sums."""
        extents = {loop: stop - start for loop, (start, stop) in slices.items()}
        return replace(
            self,
            batch=extents["batch"],
            in_channels=extents["in_channel"],
            positions=extents["position"],
            channels=extents["channel"],
        )
