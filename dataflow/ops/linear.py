"""Linear layer of a sequence: the same matrix for every position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from dataflow.ops.axis import Along, Slices
from dataflow.ops.base import Op, Operand, Pass, Role
from dataflow.ops.convolution import weighted_passes


@dataclass(frozen=True)
class Linear(Op):
    """y[n,o,t] = bias[o] + sum over i of weight[o,i] x[n,i,t].

    PyTorch's ``nn.Linear``, whose weight has the same shape (channels, in_channels).
    Slicing ``channel`` gives column parallelism, slicing ``in_channel`` row parallelism:
    partial sums, of which the first slice's has the bias (Megatron-LM, arXiv 1909.08053).
    """

    kind: ClassVar[str] = "linear"
    multiplies: ClassVar[bool] = True

    batch: int
    in_channels: int
    positions: int
    channels: int
    bias: bool = True

    @property
    def loops(self) -> Mapping[str, int]:
        """Sequence, position, output channel and input channel."""
        return {
            "batch": self.batch,
            "position": self.positions,
            "channel": self.channels,
            "in_channel": self.in_channels,
        }

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The sequences, the weights of the output channels, their biases, the output."""
        batch = Along("batch", self.batch, "batch")
        position = Along("position", self.positions, "position")
        channel = Along("channel", self.channels, "channel")
        read = Along("channel", self.in_channels, "in_channel")
        inner = Along("in_channel", self.in_channels, "in_channel")
        bias = Operand("bias", Role.PARAMETER, (channel,), first_of=("in_channel",))
        return (
            Operand("input", Role.INPUT, (batch, read, position)),
            Operand("weight", Role.PARAMETER, (channel, inner)),
            *((bias,) if self.bias else ()),
            Operand("output", Role.OUTPUT, (batch, channel, position)),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward, input gradient and weight gradient, over the same loops."""
        return weighted_passes(self.bias)

    def local(self, slices: Slices) -> Linear:
        """The layer of a slice; the bias is added by the first slice of the input channels."""
        extents = {loop: stop - start for loop, (start, stop) in slices.items()}
        return replace(
            self,
            batch=extents["batch"],
            in_channels=extents["in_channel"],
            positions=extents["position"],
            channels=extents["channel"],
            bias=self.bias and slices["in_channel"][0] == 0,
        )
