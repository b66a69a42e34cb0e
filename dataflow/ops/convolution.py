"""Convolution in two dimensions, with groups, stride and padding."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from dataflow.ops.axis import (
    Along,
    Block,
    GroupChannels,
    Slices,
    group_division,
    overlapping_blocks,
)
from dataflow.ops.base import Op, Operand, Pass, Phase, Role
from dataflow.ops.windowed import Padding, Windowed
from dataflow.region import Range


@dataclass(frozen=True)
class Convolution(Windowed, Op):
    """y[n,o,i,j] = b + sum over c,u,v of weight[o,c,u,v] x[n, base(o)+c, i s+u-p, j s+v-p].

    b is bias[o], which is learned, or the constant ``offset``.

    in_channels, in_height, in_width: of the input this op (or this slice of it) holds.
    channels: output channels. group_channels: input channels each output channel reads.
    kernel, stride: (height, width). padding: ((top, bottom), (left, right)) zeros around
    the input held; a slice at the rim of an image has padding on its outer side only.
    blocks: which input channels make which output channels, one block a group.
    """

    kind: ClassVar[str] = "convolution"
    multiplies: ClassVar[bool] = True
    unsliced: ClassVar[tuple[str, ...]] = ("kernel_height", "kernel_width")

    batch: int
    in_channels: int
    in_height: int
    in_width: int
    channels: int
    group_channels: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding
    blocks: tuple[Block, ...]
    bias: bool = True
    offset: float = 0.0

    @property
    def loops(self) -> Mapping[str, int]:
        """Image, output channel, row, column, input channel of the group, kernel row and column."""
        return {
            "batch": self.batch,
            "channel": self.channels,
            "height": self.height,
            "width": self.width,
            "in_channel": self.group_channels,
            "kernel_height": self.kernel[0],
            "kernel_width": self.kernel[1],
        }

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The image (with halo), the kernels of the output channels, their biases, the output."""
        image = (
            Along("batch", self.batch, "batch"),
            GroupChannels("channel", self.in_channels, "channel", "in_channel", self.blocks),
            *self.read_axes,
        )
        weight = (
            Along("channel", self.channels, "channel"),
            Along("in_channel", self.group_channels, "in_channel"),
            Along("kernel_height", self.kernel[0], "kernel_height"),
            Along("kernel_width", self.kernel[1], "kernel_width"),
        )
        output = (
            Along("batch", self.batch, "batch"),
            Along("channel", self.channels, "channel"),
            *self.written_axes,
        )
        bias = Operand("bias", Role.PARAMETER, weight[:1], first_of=("in_channel",))
        return (
            Operand("input", Role.INPUT, image),
            Operand("weight", Role.PARAMETER, weight),
            *((bias,) if self.bias else ()),
            Operand("output", Role.OUTPUT, output),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward, input gradient and weight gradient, over the same loops."""
        return weighted_passes(self.bias)

    @property
    def divisions(self) -> Mapping[str, tuple[str, tuple[Range, ...]]]:
        """Where there are several groups, ``group``: the output channels of each."""
        return group_division(self.blocks)

    def local(self, slices: Slices) -> Convolution:
        """The convolution of a slice: halo rows held, padding at the rim only, groups cut to its channels."""
        regions = {o.name: self.region(o.name, slices) for o in self.operands}
        image = regions["input"]
        assert image is not None
        (_, channels, rows, columns) = image.ranges
        outputs = slices["channel"]
        inner = slices["in_channel"]
        blocks = tuple(
            Block(
                (b.inputs[0] + inner[0] - channels[0], b.inputs[0] + inner[1] - channels[0]),
                (
                    max(b.outputs[0], outputs[0]) - outputs[0],
                    min(b.outputs[1], outputs[1]) - outputs[0],
                ),
            )
            for b in overlapping_blocks(self.blocks, outputs)
        )
        return replace(
            self,
            batch=slices["batch"][1] - slices["batch"][0],
            in_channels=channels[1] - channels[0],
            in_height=rows[1] - rows[0],
            in_width=columns[1] - columns[0],
            channels=outputs[1] - outputs[0],
            group_channels=inner[1] - inner[0],
            padding=self.local_padding(slices, image),
            blocks=blocks,
            bias=regions.get("bias") is not None,
            offset=self.offset if inner[0] == 0 else 0.0,
        )


def weighted_passes(bias: bool) -> tuple[Pass, ...]:
    """The passes of an op with a weight and perhaps a bias: forward, input and weight gradient."""
    extra = ("bias",) if bias else ()
    extra_grad = ("bias.grad",) if bias else ()
    return (
        Pass("forward", Phase.FORWARD, ("input", "weight", *extra), ("output",)),
        Pass("input_gradient", Phase.GRADIENT, ("output.grad", "weight"), ("input.grad",)),
        Pass("weight_gradient", Phase.GRADIENT, ("output.grad", "input"), ("weight.grad", *extra_grad)),
    )
