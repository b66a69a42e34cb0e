"""Local response normalisation across channels (Krizhevsky et al. 2012, section 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from dataflow.ops.axis import Along, Block, Neighbours, Slices, group_division, reached_blocks
from dataflow.ops.base import Op, Operand, Pass, Phase, Role
from dataflow.region import Range


@dataclass(frozen=True)
class LocalResponseNormalization(Op):
    """b_i = a_i / scale_i ** beta, scale_i = k + alpha * sum of a_j ** 2 over the size channels around i.

    alpha is the paper's: it multiplies the sum, where Caffe and PyTorch divide it by size.
    Sums never cross from one group of channels into another.
    in_channels: channels held, those within reach of the outputs included. shift: the
    held channel that is output channel 0. blocks: for each group the held channels that
    its outputs may read.
    """

    kind: ClassVar[str] = "local_response_normalization"

    batch: int
    in_channels: int
    channels: int
    height: int
    width: int
    size: int
    alpha: float
    beta: float
    k: float
    blocks: tuple[Block, ...]
    shift: int = 0

    @property
    def loops(self) -> Mapping[str, int]:
        """Image, channel, row and column."""
        return {
            "batch": self.batch,
            "channel": self.channels,
            "height": self.height,
            "width": self.width,
        }

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The image (with the channels in reach), the output, and the scale kept for the gradient."""
        batch = Along("batch", self.batch, "batch")
        rows = Along("height", self.height, "height")
        columns = Along("width", self.width, "width")
        near = Neighbours("channel", self.in_channels, "channel", self.size // 2, self.blocks)
        output = (batch, Along("channel", self.channels, "channel"), rows, columns)
        return (
            Operand("input", Role.INPUT, (batch, near, rows, columns)),
            Operand("output", Role.OUTPUT, output),
            Operand("scale", Role.SAVED, output),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward, which keeps the scale, and input gradient, which reads it."""
        return (
            Pass("forward", Phase.FORWARD, ("input",), ("output", "scale")),
            Pass("input_gradient", Phase.GRADIENT, ("output.grad", "input", "scale"), ("input.grad",)),
        )

    @property
    def divisions(self) -> Mapping[str, tuple[str, tuple[Range, ...]]]:
        """Where there are several groups, ``group``: the channels of each."""
        return group_division(self.blocks)

    def local(self, slices: Slices) -> LocalResponseNormalization:
        """The normalisation of a slice: channels in reach held, groups cut to them."""
        start, stop = slices["channel"]
        cut = reached_blocks(self.blocks, (start, stop), self.size // 2)
        first, last = cut[0].inputs[0], cut[-1].inputs[1]
        return replace(
            self,
            batch=slices["batch"][1] - slices["batch"][0],
            in_channels=last - first,
            channels=stop - start,
            height=slices["height"][1] - slices["height"][0],
            width=slices["width"][1] - slices["width"][0],
            blocks=tuple(
                Block(
                    (b.inputs[0] - first, b.inputs[1] - first),
                    (b.outputs[0] - start, b.outputs[1] - start),
                )
                for b in cut
            ),
            shift=start - first,
        )
