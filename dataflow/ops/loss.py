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

    images: how many losses the whole batch has, of which a slice may hold fewer. positions:
    of sequences, which have a loss at every position; None for images, which have one each.
    """

    kind: ClassVar[str] = "softmax_cross_entropy"
    unsliced: ClassVar[tuple[str, ...]] = ("class",)

    batch: int
    classes: int
    images: int
    positions: int | None = None

    @property
    def loops(self) -> Mapping[str, int]:
        """Image and class, and of sequences the position."""
        position = {} if self.positions is None else {"position": self.positions}
        return {"batch": self.batch, "class": self.classes, **position}

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The scores and labels, each label's loss, and the probabilities kept for the gradient."""
        batch = Along("batch", self.batch, "batch")
        classes = Along("channel", self.classes, "class")
        rest = () if self.positions is None else (Along("position", self.positions, "position"),)
        return (
            Operand("input", Role.INPUT, (batch, classes, *rest)),
            Operand("label", Role.INPUT, (batch, *rest), dtype="int32"),
            Operand("output", Role.OUTPUT, (batch, *rest)),
            Operand("probability", Role.SAVED, (batch, classes, *rest)),
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
        extents = {loop: stop - start for loop, (start, stop) in slices.items()}
        return replace(self, batch=extents["batch"], positions=extents.get("position"))
