"""Batch normalisation over any split of the batch (Ioffe and Szegedy, arXiv 1502.03167, algorithm 1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from dataflow.ops.axis import Along, Slices, Units, Whole, activation_labels
from dataflow.ops.base import Op, Operand, Pass, Phase, Role

RUNNING_MEAN = "running_mean"
RUNNING_VARIANCE = "running_variance"
"""What inference normalises with, 0 and 1 at first: (channels,) each."""


@dataclass(frozen=True)
class BatchNormalization(Op):
    """y = weight (x - mean) / sqrt(variance + epsilon) + bias, with the moments of each channel.

    Mean and (biased) variance are those of a group of consecutive images, all their positions
    included. Slices of a group write partial sums, which are added before anyone reads them, so
    any split computes what one processor does ("synchronised" batch normalisation). The running
    averages that inference uses take no part in a training step: ``BatchNormalizationInference`` reads
    them, and a training keeps them beside its steps.

    shape: (batch, channels, ...) held. images: of a whole group. count: elements of each channel
    in a whole group. first: place of the first image held within its group.
    """

    kind: ClassVar[str] = "batch_normalization"

    shape: tuple[int, ...]
    images: int
    count: int
    epsilon: float = 1e-5
    first: int = 0

    @property
    def groups(self) -> int:
        """How many groups the images held belong to."""
        return (self.first + self.shape[0] - 1) // self.images + 1

    @property
    def loops(self) -> Mapping[str, int]:
        """One loop for each dimension of the input."""
        return dict(zip(activation_labels(len(self.shape)), self.shape, strict=True))

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Input, scale and shift, output, and what is summed over a group, (group, 2, channel) in float64.

        ``sums``: of x and of its squares. ``gradient_sums``: of the output's gradient, and of its
        products with the normalised x.
        """
        along = tuple(Along(label, extent, label) for label, extent in self.loops.items())
        group = Units("group", self.groups, "batch", self.images, self.first)
        summed = (group, Whole("moment", 2), along[1])
        return (
            Operand("input", Role.INPUT, along),
            Operand("weight", Role.PARAMETER, along[1:2]),
            Operand("bias", Role.PARAMETER, along[1:2]),
            Operand("output", Role.OUTPUT, along),
            Operand("sums", Role.SAVED, summed, dtype="float64"),
            Operand("gradient_sums", Role.SAVED, summed, dtype="float64"),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Sums, then normalisation, forward and backward."""
        return (
            Pass("moments", Phase.FORWARD, ("input",), ("sums",)),
            Pass("forward", Phase.FORWARD, ("input", "sums", "weight", "bias"), ("output",)),
            Pass(
                "weight_gradient",
                Phase.GRADIENT,
                ("output.grad", "input", "sums"),
                ("weight.grad", "bias.grad", "gradient_sums"),
            ),
            Pass(
                "input_gradient",
                Phase.GRADIENT,
                ("output.grad", "input", "sums", "gradient_sums", "weight"),
                ("input.grad",),
                (("input.grad", "output.grad"),),
            ),
        )

    def local(self, slices: Slices) -> BatchNormalization:
        """The normalisation of a slice, whose sums are parts of its groups'."""
        return replace(
            self,
            shape=tuple(slices[loop][1] - slices[loop][0] for loop in self.loops),
            first=(self.first + slices["batch"][0]) % self.images,
        )


@dataclass(frozen=True)
class BatchNormalizationInference(Op):
    """y = weight (x - running_mean) / sqrt(running_variance + epsilon) + bias, once nothing is learned.

    The moments of each channel are constants here, kept from training, so that an example's output does
    not depend on the others of its batch (Ioffe and Szegedy, algorithm 2).

    shape: (batch, channels, ...) held.
    """

    kind: ClassVar[str] = "batch_normalization_inference"
    priced_as: ClassVar[str | None] = BatchNormalization.kind

    shape: tuple[int, ...]
    epsilon: float = 1e-5

    @property
    def loops(self) -> Mapping[str, int]:
        """One loop for each dimension of the input."""
        return dict(zip(activation_labels(len(self.shape)), self.shape, strict=True))

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Input, scale and shift, the moments of each channel, output."""
        along = tuple(Along(label, extent, label) for label, extent in self.loops.items())
        channel = along[1:2]
        return (
            Operand("input", Role.INPUT, along),
            Operand("weight", Role.PARAMETER, channel),
            Operand("bias", Role.PARAMETER, channel),
            Operand(RUNNING_MEAN, Role.PARAMETER, channel),
            Operand(RUNNING_VARIANCE, Role.PARAMETER, channel),
            Operand("output", Role.OUTPUT, along),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward alone."""
        reads = ("input", "weight", "bias", RUNNING_MEAN, RUNNING_VARIANCE)
        return (Pass("forward", Phase.FORWARD, reads, ("output",), (("output", "input"),)),)

    def local(self, slices: Slices) -> BatchNormalizationInference:
        """The normalisation of a slice."""
        return replace(self, shape=tuple(slices[loop][1] - slices[loop][0] for loop in self.loops))
