"""Max and average pooling, overlapping or not, and the mean of a whole channel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from dataflow.ops.axis import Along, Slices, activation_labels
from dataflow.ops.base import Op, Operand, Pass, Phase, Role
from dataflow.ops.windowed import Padding, Windowed


@dataclass(frozen=True)
class Pooling(Windowed, Op):
    """What max and average pooling share: a window of each channel makes one output.

    kernel, stride: (height, width). padding: ((top, bottom), (left, right)).
    """

    unsliced: ClassVar[tuple[str, ...]] = ("kernel_height", "kernel_width")

    batch: int
    channels: int
    in_height: int
    in_width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding

    @property
    def loops(self) -> Mapping[str, int]:
        """Image, channel, row and column of the output, kernel row and column."""
        return {
            "batch": self.batch,
            "channel": self.channels,
            "height": self.height,
            "width": self.width,
            "kernel_height": self.kernel[0],
            "kernel_width": self.kernel[1],
        }

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The image (with halo) and the output."""
        batch = Along("batch", self.batch, "batch")
        channel = Along("channel", self.channels, "channel")
        return (
            Operand("input", Role.INPUT, (batch, channel, *self.read_axes)),
            Operand("output", Role.OUTPUT, (batch, channel, *self.written_axes)),
        )

    def local(self, slices: Slices) -> Self:
        """The pooling of a slice: halo rows held, padding at the rim only."""
        image = self.region("input", slices)
        assert image is not None
        (_, _, rows, columns) = image.ranges
        return replace(
            self,
            batch=slices["batch"][1] - slices["batch"][0],
            channels=slices["channel"][1] - slices["channel"][0],
            in_height=rows[1] - rows[0],
            in_width=columns[1] - columns[0],
            padding=self.local_padding(slices, image),
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
        """Forward and input gradient."""
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
        """Forward and input gradient."""
        return (
            Pass("forward", Phase.FORWARD, ("input",), ("output",)),
            Pass("input_gradient", Phase.GRADIENT, ("output.grad",), ("input.grad",)),
        )


@dataclass(frozen=True)
class GlobalPooling(Op):
    """y[n,c] = the mean of x[n,c] over all its positions.

    shape: (batch, channels, ...) held. count: positions of the whole input, of which a slice
    sums a part.
    """

    kind: ClassVar[str] = "global_pooling"

    shape: tuple[int, ...]
    count: int

    @property
    def loops(self) -> Mapping[str, int]:
        """One loop for each dimension of the input."""
        return dict(zip(activation_labels(len(self.shape)), self.shape, strict=True))

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The image, and one element for each channel."""
        along = tuple(Along(label, extent, label) for label, extent in self.loops.items())
        return Operand("input", Role.INPUT, along), Operand("output", Role.OUTPUT, along[:2])

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward and input gradient."""
        return (
            Pass("forward", Phase.FORWARD, ("input",), ("output",)),
            Pass("input_gradient", Phase.GRADIENT, ("output.grad",), ("input.grad",)),
        )

    def local(self, slices: Slices) -> GlobalPooling:
        """The part of the mean that a slice adds."""
        return replace(self, shape=tuple(slices[loop][1] - slices[loop][0] for loop in self.loops))
