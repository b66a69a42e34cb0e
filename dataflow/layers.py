"""The layers a network may have, each described by what a person would write of it.

``bind`` turns a description into an op once the batch and the shapes of the inputs
are known. Adding a kind of layer means one class here, one op, one kernel a pass.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le, Lt

from dataflow.errors import NetworkError
from dataflow.ops import (
    AveragePooling,
    Convolution,
    Dropout,
    FullyConnected,
    LocalResponseNormalization,
    MaxPooling,
    Op,
    Relu,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
)
from dataflow.ops.axis import equal_blocks

Count = Annotated[int, Gt(0)]
Size = Annotated[int, Ge(0)]
Pair = Count | tuple[Count, Count]
"""One number for both height and width, or (height, width)."""
SizePair = Size | tuple[Size, Size]
Shape = tuple[int, ...]
"""Shape of one image's activation: (channels,) or (channels, height, width)."""
Inputs = str | tuple[str, ...] | None
"""Names of the layers read; None for the layer before."""


@dataclass(frozen=True)
class Binding:
    """What a description is bound with: its layer's name, the batch, the inputs' shapes."""

    name: str
    batch: int
    inputs: tuple[Shape, ...]
    classes: int

    def fault(self, text: str) -> NetworkError:
        """An error about this layer."""
        return NetworkError(f"layer {self.name!r}: {text}")

    def image(self) -> tuple[int, int, int]:
        """The single input as (channels, height, width). Raises NetworkError when it is not."""
        shape = self.single()
        if len(shape) != 3:
            raise self.fault(f"needs an input of (channels, height, width), got {shape}")
        return shape[0], shape[1], shape[2]

    def single(self) -> Shape:
        """The shape of the only input."""
        if len(self.inputs) != 1:
            raise self.fault(f"takes one input, got {len(self.inputs)}")
        return self.inputs[0]


@dataclass(frozen=True, kw_only=True)
class Initial:
    """Initial values: weights Gaussian of this deviation and mean 0, biases constant."""

    weight_deviation: Annotated[float, Ge(0), Le(1e30)] = 0.01
    bias: Annotated[float, Ge(-1e30), Le(1e30)] = 0.0


@dataclass(frozen=True, kw_only=True)
class ConvolutionLayer:
    """Convolution: ``channels`` kernels of ``kernel``, each reading the channels of its group."""

    op: Literal["convolution"]
    channels: Count
    kernel: Pair
    stride: Pair = 1
    pad: SizePair = 0
    groups: Count = 1
    bias: bool = True
    initial: Initial = Initial()
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError when shapes do not fit."""
        channels, height, width = binding.image()
        for what, count in (("input", channels), ("output", self.channels)):
            if count % self.groups:
                raise binding.fault(f"{self.groups} groups do not divide {count} {what} channels")
        kernel, stride, pad = _pair(self.kernel), _pair(self.stride), _pair(self.pad)
        _check_window(binding, kernel, pad, (height, width))
        return Convolution(
            batch=binding.batch,
            in_channels=channels,
            in_height=height,
            in_width=width,
            channels=self.channels,
            group_channels=channels // self.groups,
            kernel=kernel,
            stride=stride,
            padding=_both_sides(pad),
            blocks=equal_blocks(channels, self.channels, self.groups),
            bias=self.bias,
        )


@dataclass(frozen=True, kw_only=True)
class FullyConnectedLayer:
    """Fully connected: ``channels`` outputs (or ``classes``, as many as the network tells apart)."""

    op: Literal["fully_connected"]
    channels: Count | Literal["classes"]
    bias: bool = True
    initial: Initial = Initial()
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input."""
        channels = binding.classes if self.channels == "classes" else self.channels
        return FullyConnected(binding.batch, binding.single(), channels, self.bias)


@dataclass(frozen=True, kw_only=True)
class PoolingLayer:
    """Max or average pooling over windows of ``kernel``, every ``stride``."""

    op: Literal["max_pooling", "average_pooling"]
    kernel: Pair
    stride: Pair
    pad: SizePair = 0
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError when shapes do not fit."""
        channels, height, width = binding.image()
        kernel, stride, pad = _pair(self.kernel), _pair(self.stride), _pair(self.pad)
        _check_window(binding, kernel, pad, (height, width))
        make = MaxPooling if self.op == "max_pooling" else AveragePooling
        return make(binding.batch, channels, height, width, kernel, stride, _both_sides(pad))


@dataclass(frozen=True, kw_only=True)
class NormalizationLayer:
    """Local response normalisation over ``size`` neighbouring channels; alpha as in the 2012 paper."""

    op: Literal["local_response_normalization"]
    size: Count = 5
    alpha: Annotated[float, Gt(0)] = 1e-4
    beta: Annotated[float, Gt(0)] = 0.75
    k: Annotated[float, Gt(0)] = 2.0
    groups: Count = 1
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError when groups or size do not fit."""
        channels, height, width = binding.image()
        if channels % self.groups:
            raise binding.fault(f"{self.groups} groups do not divide {channels} channels")
        if self.size % 2 == 0:
            raise binding.fault(f"size {self.size} must be odd, so that a channel is in the middle")
        return LocalResponseNormalization(
            batch=binding.batch,
            in_channels=channels,
            channels=channels,
            height=height,
            width=width,
            size=self.size,
            alpha=self.alpha,
            beta=self.beta,
            k=self.k,
            blocks=equal_blocks(channels, channels, self.groups),
        )


@dataclass(frozen=True, kw_only=True)
class ActivationLayer:
    """ReLU, tanh or the logistic sigmoid of every element."""

    op: Literal["relu", "tanh", "sigmoid"]
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input."""
        make = {"relu": Relu, "tanh": Tanh, "sigmoid": Sigmoid}[self.op]
        return make((binding.batch, *binding.single()))


@dataclass(frozen=True, kw_only=True)
class DropoutLayer:
    """Dropout with probability ``rate``; the paper's (unscaled in training) unless ``inverted``."""

    op: Literal["dropout"]
    rate: Annotated[float, Ge(0), Lt(1)] = 0.5
    inverted: bool = False
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input."""
        return Dropout((binding.batch, *binding.single()), self.rate, self.inverted)


@dataclass(frozen=True, kw_only=True)
class LossLayer:
    """Softmax and the cross-entropy with the batch's labels, averaged over its images."""

    op: Literal["softmax_cross_entropy"]
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError unless the input is one score a class."""
        shape = binding.single()
        if shape != (binding.classes,):
            raise binding.fault(f"needs one score for each of {binding.classes} classes, got shape {shape}")
        return SoftmaxCrossEntropy(binding.batch, binding.classes, binding.batch)


LayerSpec = (
    ConvolutionLayer
    | FullyConnectedLayer
    | PoolingLayer
    | NormalizationLayer
    | ActivationLayer
    | DropoutLayer
    | LossLayer
)


def _pair(value: int | tuple[int, int]) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value


def _both_sides(pad: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    return (pad[0], pad[0]), (pad[1], pad[1])


def _check_window(binding: Binding, kernel: Sequence[int], pad: Sequence[int], extent: Sequence[int]) -> None:
    for k, p, n, what in zip(kernel, pad, extent, ("height", "width"), strict=True):
        if p >= k:
            raise binding.fault(f"pad {p} must be less than kernel {k} in {what}, or windows hold no input")
        if k > n + 2 * p:
            raise binding.fault(
                f"kernel of {what} {k} does not fit an input of {what} {n} padded by {p} on each side"
            )
