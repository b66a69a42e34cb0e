"""Softmax and cross-entropy in one op."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from dataflow.ops.axis import Along, Slices
from dataflow.ops.base import Op, Operand, Pass, Phase, Role


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Op):
    """loss[n] = -ln softmax(input[n])[label[n]], and the gradient of its mean over ``images``.

    images: size of the whole batch, of which a slice may hold ``batch``.
    """

    kind: ClassVar[str] = "softmax_cross_entropy"
    unsliced: ClassVar[tuple[str, ...]] = ("class",)

    batch: int
    classes: int
    images: int

    @property
    def loops(self) -> Mapping[str, int]:
        """Image and class."""
        return {"batch": self.batch, "class": self.classes}

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The scores and labels, each image's loss, and the probabilities kept for the gradient."""
        batch = Along("batch", self.batch, "batch")
        classes = Along("channel", self.classes, "class")
        return (
            Operand("input", Role.INPUT, (batch, classes)),
            Operand("label", Role.INPUT, (batch,), dtype="int32"),
            Operand("output", Role.OUTPUT, (batch,)),
            Operand("probability", Role.SAVED, (batch, classes)),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward, which keeps the probabilities, and input gradient, which reads them."""
        return (
            Pass("forward", Phase.LOSS, ("input", "label"), ("output", "probability")),
            Pass("input_gradient", Phase.GRADIENT, ("probability", "label"), ("input.grad",)),
        )

    def local(self, slices: Slices) -> SoftmaxCrossEntropy:
        """The loss of part of the batch; gradients are still averaged over all of it."""
        return replace(self, batch=slices["batch"][1] - slices["batch"][0])
