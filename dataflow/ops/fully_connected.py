"""Fully connected layer: every output reads every input of its image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from dataflow.ops.axis import Along, Slices
from dataflow.ops.base import Op, Operand, Pass, Role
from dataflow.ops.convolution import weighted_passes

_INPUT_LABELS = ("channel", "height", "width")


@dataclass(frozen=True)
class FullyConnected(Op):
    """y[n,o] = b + sum over the features f of weight[o,f] x[n,f].

    b is bias[o], which is learned, or the constant ``offset``.
    features: shape of one image's input, (channels,) or (channels, height, width); it is
    not flattened, so that a shard of an image stays a region. The weight has shape
    (channels, *features); flattened it is PyTorch's (out_features, in_features).
    """

    kind: ClassVar[str] = "fully_connected"
    multiplies: ClassVar[bool] = True

    batch: int
    features: tuple[int, ...]
    channels: int
    bias: bool = True
    offset: float = 0.0

    @property
    def _feature_loops(self) -> tuple[str, ...]:
        return tuple(f"in_{label}" for label in _INPUT_LABELS[: len(self.features)])

    @property
    def loops(self) -> Mapping[str, int]:
        """Image, output channel and every dimension of the features."""
        inner = dict(zip(self._feature_loops, self.features, strict=True))
        return {"batch": self.batch, "channel": self.channels, **inner}

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The features, the weights of the output channels, their biases, the output."""
        batch = Along("batch", self.batch, "batch")
        channel = Along("channel", self.channels, "channel")
        features = tuple(
            (label, extent, loop)
            for label, extent, loop in zip(_INPUT_LABELS, self.features, self._feature_loops, strict=False)
        )
        image = (batch, *(Along(label, extent, loop) for label, extent, loop in features))
        weight = (channel, *(Along(loop, extent, loop) for _, extent, loop in features))
        bias = Operand("bias", Role.PARAMETER, (channel,), first_of=self._feature_loops)
        return (
            Operand("input", Role.INPUT, image),
            Operand("weight", Role.PARAMETER, weight),
            *((bias,) if self.bias else ()),
            Operand("output", Role.OUTPUT, (batch, channel)),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward, input gradient and weight gradient, over the same loops."""
        return weighted_passes(self.bias)

    def local(self, slices: Slices) -> FullyConnected:
        """The layer of a slice; the bias is added by the first slice of the features."""
        inner = tuple(slices[loop] for loop in self._feature_loops)
        first = all(start == 0 for start, _ in inner)
        return replace(
            self,
            batch=slices["batch"][1] - slices["batch"][0],
            features=tuple(stop - start for start, stop in inner),
            channels=slices["channel"][1] - slices["channel"][0],
            bias=self.bias and first,
            offset=self.offset if first else 0.0,
        )
