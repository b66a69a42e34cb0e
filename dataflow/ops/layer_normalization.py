"""Layer normalisation (Ba, Kiros and Hinton 2016, arXiv 1607.06450)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from dataflow.ops.axis import Along, Slices
from dataflow.ops.base import Op, Operand, Pass, Phase, Role


@dataclass(frozen=True)
class LayerNormalization(Op):
    """y[c] = weight[c] (x[c] - mean) / sqrt(variance + epsilon) + bias[c], at each position by itself.

    Mean and variance (of the whole, not of a sample: divided by the number of channels)
    are over the channels.
    """

    kind: ClassVar[str] = "layer_normalization"
    unsliced: ClassVar[tuple[str, ...]] = ("channel",)

    batch: int
    channels: int
    positions: int
    epsilon: float = 1e-5

    @property
    def loops(self) -> Mapping[str, int]:
        """Sequence, channel and position."""
        return {"batch": self.batch, "channel": self.channels, "position": self.positions}

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The sequences, gain and bias of each channel, the output, and two statistics for the gradient.

        inverse_deviation: 1 / sqrt(variance + epsilon).
        """
        batch, channel, position = (Along(label, extent, label) for label, extent in self.loops.items())
        return (
            Operand("input", Role.INPUT, (batch, channel, position)),
            Operand("weight", Role.PARAMETER, (channel,)),
            Operand("bias", Role.PARAMETER, (channel,)),
            Operand("output", Role.OUTPUT, (batch, channel, position)),
            Operand("mean", Role.SAVED, (batch, position)),
            Operand("inverse_deviation", Role.SAVED, (batch, position)),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward, input gradient and weight gradient."""
        saved = ("mean", "inverse_deviation")
        return (
            Pass("forward", Phase.FORWARD, ("input", "weight", "bias"), ("output", *saved)),
            Pass(
                "input_gradient",
                Phase.GRADIENT,
                ("output.grad", "input", "weight", *saved),
                ("input.grad",),
                (("input.grad", "output.grad"),),
            ),
            Pass(
                "weight_gradient",
                Phase.GRADIENT,
                ("output.grad", "input", *saved),
                ("weight.grad", "bias.grad"),
            ),
        )

    def local(self, slices: Slices) -> LayerNormalization:
        """The normalisation of some sequences or positions; parameters' gradients are partial sums."""
        extents = {loop: stop - start for loop, (start, stop) in slices.items()}
        return replace(self, batch=extents["batch"], positions=extents["position"])
