"""Max and average pooling, overlapping or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from dataflow.ops.axis import Along, Slices, Window
from dataflow.ops.base import Op, Operand, Pass, Phase, Role
from dataflow.ops.convolution import local_padding


@dataclass(frozen=True)
class Pooling(Op):
    """What max and average pooling share: a window of each channel makes one output.

    kernel, stride: (height, width). padding: ((top, bottom), (left, right)).
    """

    batch: int
    channels: int
    in_height: int
    in_width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: tuple[tuple[int, int], tuple[int, int]]

    @property
    def height(self) -> int:
        """Rows of the output."""
        return (self.in_height + sum(self.padding[0]) - self.kernel[0]) // self.stride[0] + 1

    @property
    def width(self) -> int:
        """Columns of the output."""
        return (self.in_width + sum(self.padding[1]) - self.kernel[1]) // self.stride[1] + 1

    @property
    def loops(self) -> Mapping[str, int]:
        return {
            "batch": self.batch,
            "channel": self.channels,
            "height": self.height,
            "width": self.width,
            "kernel_height": self.kernel[0],
            "kernel_width": self.kernel[1],
        }

    @property
    def shardable(self) -> tuple[str, ...]:
        return ("batch", "channel", "height", "width")

    @property
    def operands(self) -> tuple[Operand, ...]:
        (top, _), (left, _) = self.padding
        batch = Along("batch", self.batch, "batch")
        channel = Along("channel", self.channels, "channel")
        rows = Window("height", self.in_height, "height", self.kernel[0], self.stride[0], top)
        columns = Window("width", self.in_width, "width", self.kernel[1], self.stride[1], left)
        output = (
            batch,
            channel,
            Along("height", self.height, "height"),
            Along("width", self.width, "width"),
        )
        return (
            Operand("input", Role.INPUT, (batch, channel, rows, columns)),
            Operand("output", Role.OUTPUT, output),
        )

    def local(self, slices: Slices) -> Self:
        image = self.region("input", slices)
        assert image is not None
        (_, _, rows, columns) = image.ranges
        return replace(
            self,
            batch=slices["batch"][1] - slices["batch"][0],
            channels=slices["channel"][1] - slices["channel"][0],
            in_height=rows[1] - rows[0],
            in_width=columns[1] - columns[0],
            padding=(
                local_padding(slices["height"], rows, self.kernel[0], self.stride[0], self.padding[0][0]),
                local_padding(slices["width"], columns, self.kernel[1], self.stride[1], self.padding[1][0]),
            ),
        )


@dataclass(frozen=True)
class MaxPooling(Pooling):
    """The largest element of each window; padding never wins.

    The gradient goes to the first largest element of the window in row-major order,
    as in PyTorch.
    """

    kind: ClassVar[str] = "max_pooling"

    @property
    def passes(self) -> tuple[Pass, ...]:
        return (
            Pass("forward", Phase.FORWARD, ("input",), ("output",)),
            Pass("input_gradient", Phase.GRADIENT, ("output.grad", "input", "output"), ("input.grad",)),
        )


@dataclass(frozen=True)
class AveragePooling(Pooling):
    """The sum of each window over kernel height times width: zeros of the padding count."""

    kind: ClassVar[str] = "average_pooling"

    @property
    def passes(self) -> tuple[Pass, ...]:
        return (
            Pass("forward", Phase.FORWARD, ("input",), ("output",)),
            Pass("input_gradient", Phase.GRADIENT, ("output.grad",), ("input.grad",)),
        )
