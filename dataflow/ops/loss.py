"""The loss a network ends in, and the prediction that stands in its place where nothing is learned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, Self

from dataflow.numbers.arithmetic import Division, Exponential
from dataflow.ops.axis import Along, Slices
from dataflow.ops.base import Op, Operand, Pass, Phase, Role

Base = Literal["e", 2]
"""What softmax takes powers of, and the loss the logarithm to."""


def _each(batch: int, positions: int | None) -> tuple[Along, ...]:
    """The axes of what every image, or every position of a sequence, has one of."""
    rest = () if positions is None else (Along("position", positions, "position"),)
    return (Along("batch", batch, "batch"), *rest)


def _scores(batch: int, classes: int, positions: int | None) -> tuple[Along, ...]:
    """The same for what has one number a class."""
    image, *rest = _each(batch, positions)
    return (image, Along("channel", classes, "class"), *rest)


def _loops(batch: int, classes: int, positions: int | None) -> Mapping[str, int]:
    position = {} if positions is None else {"position": positions}
    return {"batch": batch, "class": classes, **position}


@dataclass(frozen=True)
class Loss(Op):
    """loss[n] of one score a class and the label of n, and the gradient of its mean over ``images``.

    images: how many losses the whole batch has, of which a slice may hold fewer. positions: of
    sequences, which have a loss at every position; None for images, which have one each. scale:
    the gradient is so many times as large, which the updates make up for.
    """

    unsliced: ClassVar[tuple[str, ...]] = ("class",)

    batch: int
    classes: int
    images: int
    positions: int | None = None
    scale: float = 1.0

    @property
    def gain(self) -> float:
        """What the derivative of one loss is multiplied by: scale / images."""
        return self.scale / self.images

    @property
    def loops(self) -> Mapping[str, int]:
        """Image and class, and of sequences the position."""
        return _loops(self.batch, self.classes, self.positions)

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The scores and labels, and each label's loss."""
        each = _each(self.batch, self.positions)
        return (
            Operand("input", Role.INPUT, _scores(self.batch, self.classes, self.positions)),
            Operand("label", Role.INPUT, each, dtype="int32"),
            Operand("output", Role.OUTPUT, each),
        )

    def local(self, slices: Slices) -> Self:
        """The loss of part of the batch; gradients are still averaged over all of it."""
        extents = {loop: stop - start for loop, (start, stop) in slices.items()}
        return replace(self, batch=extents["batch"], positions=extents.get("position"))


@dataclass(frozen=True)
class SoftmaxCrossEntropy(Loss):
    """loss[n] = -log p[n, label[n]], p = softmax(input[n]), in powers of and logarithms to ``base``.

    Of either base the gradient is p less 1 at the label: with base 2, p = 2^x / sum of 2^x, the two
    factors ln 2 cancel. exponential, division: how powers and quotients are made of integers.
    """

    kind: ClassVar[str] = "softmax_cross_entropy"

    base: Base = "e"
    exponential: Exponential = "table"
    division: Division = "divide"

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The scores and labels, each label's loss, and the probabilities kept for the gradient."""
        scores = _scores(self.batch, self.classes, self.positions)
        return (*super().operands, Operand("probability", Role.SAVED, scores))

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward, which keeps the probabilities, and input gradient, which reads them."""
        return (
            Pass("forward", Phase.LOSS, ("input", "label"), ("output", "probability")),
            Pass("input_gradient", Phase.GRADIENT, ("probability", "label"), ("input.grad",)),
        )


@dataclass(frozen=True)
class MeanSquaredError(Loss):
    """loss[n] = 1/2 sum over the classes of (input[n] - y[n])^2, y being 1 at the label and else 0.

    Needs neither powers nor logarithms. Its gradient is input - y.
    """

    kind: ClassVar[str] = "mean_squared_error"

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward and input gradient, both of which read the scores."""
        return (
            Pass("forward", Phase.LOSS, ("input", "label"), ("output",)),
            Pass("input_gradient", Phase.GRADIENT, ("input", "label"), ("input.grad",)),
        )


@dataclass(frozen=True)
class ArgMax(Op):
    """output[n] = the class of the largest score, of equals the first.

    What a network says of an image; in a graph that only infers it stands in place of the loss.
    positions: as of ``Loss``.
    """

    kind: ClassVar[str] = "argmax"
    unsliced: ClassVar[tuple[str, ...]] = ("class",)

    batch: int
    classes: int
    positions: int | None = None

    @property
    def loops(self) -> Mapping[str, int]:
        """Image and class, and of sequences the position."""
        return _loops(self.batch, self.classes, self.positions)

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The scores, and the class of each image or position."""
        each = _each(self.batch, self.positions)
        return (
            Operand("input", Role.INPUT, _scores(self.batch, self.classes, self.positions)),
            Operand("output", Role.OUTPUT, each, dtype="int32"),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward only: nothing is learned through it."""
        return (Pass("forward", Phase.FORWARD, ("input",), ("output",)),)

    def local(self, slices: Slices) -> ArgMax:
        """The predictions of part of the batch."""
        extents = {loop: stop - start for loop, (start, stop) in slices.items()}
        return replace(self, batch=extents["batch"], positions=extents.get("position"))
