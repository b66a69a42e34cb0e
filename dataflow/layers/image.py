"""Layers of images: convolution, pooling, and normalisation of channels or batches."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Annotated, Literal

from annotated_types import Gt

from dataflow.layers.base import (
    DEFAULT_INITIAL,
    Bias,
    Binding,
    Count,
    Initial,
    Inputs,
    Learned,
    Pair,
    SizePair,
    check_window,
    constant,
    learned_or_constant,
    overhang,
    pair,
    weight_and_bias,
)
from dataflow.ops import (
    RUNNING_VARIANCE,
    AveragePooling,
    BatchNormalization,
    Convolution,
    GlobalPooling,
    LocalResponseNormalization,
    MaxPooling,
    Op,
    Operand,
)
from dataflow.ops.axis import equal_blocks


@dataclass(frozen=True, kw_only=True)
class ConvolutionLayer(Learned):
    """Convolution: ``channels`` kernels of ``kernel``, each reading the channels of its group.

    bias: whether it learns biases; a number for one constant that every output gets, not learned.
    """

    op: Literal["convolution"]
    channels: Count
    kernel: Pair
    stride: Pair = 1
    pad: SizePair = 0
    groups: Count = 1
    bias: Bias = True
    initial: Initial = DEFAULT_INITIAL
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError when shapes do not fit."""
        channels, height, width = binding.image()
        for what, count in (("input", channels), ("output", self.channels)):
            if count % self.groups:
                raise binding.fault(f"{self.groups} groups do not divide {count} {what} channels")
        kernel, stride, pad = pair(self.kernel), pair(self.stride), pair(self.pad)
        check_window(binding, kernel, pad, (height, width))
        bias, offset = learned_or_constant(self.bias)
        return Convolution(
            batch=binding.batch,
            in_channels=channels,
            in_height=height,
            in_width=width,
            channels=self.channels,
            group_channels=channels // self.groups,
            kernel=kernel,
            stride=stride,
            padding=((pad[0], pad[0]), (pad[1], pad[1])),
            blocks=equal_blocks(channels, self.channels, self.groups),
            bias=bias,
            offset=offset,
        )

    def initial_of(self, parameter: Operand) -> Initial:
        """Weights Gaussian, biases constant."""
        return weight_and_bias(self.initial, parameter)


@dataclass(frozen=True, kw_only=True)
class PoolingLayer:
    """Max or average pooling over windows of ``kernel``, every ``stride``.

    ceil: a last window of max pooling may hang over the end of what it reads, as with PyTorch's
    ``ceil_mode``; otherwise what does not fill a window is not read.
    """

    op: Literal["max_pooling", "average_pooling"]
    kernel: Pair
    stride: Pair
    pad: SizePair = 0
    ceil: bool = False
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError when shapes do not fit."""
        channels, height, width = binding.image()
        kernel, stride, pad = pair(self.kernel), pair(self.stride), pair(self.pad)
        check_window(binding, kernel, pad, (height, width))
        if self.ceil and self.op == "average_pooling":
            raise binding.fault(
                "ceil is for max pooling; the mean of a window that hangs over is not defined"
            )
        over = [
            overhang(*window) if self.ceil else 0
            for window in zip((height, width), kernel, stride, pad, strict=True)
        ]
        padding = ((pad[0], pad[0] + over[0]), (pad[1], pad[1] + over[1]))
        make = MaxPooling if self.op == "max_pooling" else AveragePooling
        return make(binding.batch, channels, height, width, kernel, stride, padding)


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
class GlobalPoolingLayer:
    """The mean of each channel over all its positions: an image becomes one number a channel."""

    op: Literal["global_pooling"]
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError for an input without positions."""
        shape = binding.single()
        if len(shape) < 2:
            raise binding.fault(f"needs an input of (channels, height, width), got {shape}")
        return GlobalPooling((binding.batch, *shape), prod(shape[1:]))


@dataclass(frozen=True, kw_only=True)
class BatchNormalizationLayer(Learned):
    """Batch normalisation with a learned scale (1 at first) and shift (0 at first) for each channel.

    images: mean and variance are those of so many consecutive images of the batch, which they
    divide; of the network's ``normalized_together`` when left out, else of the whole batch. With
    data parallelism over p processors, batch / p images a group are what each would compute
    without synchronising.
    """

    op: Literal["batch_normalization"]
    images: Count | None = None
    epsilon: Annotated[float, Gt(0)] = 1e-5
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError unless the groups divide the batch."""
        shape = (binding.batch, *binding.single())
        images = min(self.images or binding.normalized_together or binding.batch, binding.batch)
        if binding.batch % images:
            raise binding.fault(f"groups of {images} images do not divide a batch of {binding.batch}")
        return BatchNormalization(shape, images, images * prod(shape[2:]), self.epsilon)

    def initial_of(self, parameter: Operand) -> Initial:
        """A scale and a running variance of 1, a shift and a running mean of 0."""
        return constant(1.0 if parameter.name in ("weight", RUNNING_VARIANCE) else 0.0)
