"""Softmax of integers: how near it is to that of real numbers, and what it is counted to cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import backends
from dataflow.backend import Array, Site
from dataflow.cost import Work
from dataflow.cycles import ROUTINES, Instructions, Routine, routine_of
from dataflow.cycles.instructions import quotient_bits
from dataflow.cycles.routines import routine_kind
from dataflow.numbers.arithmetic import Division
from dataflow.ops import Dropout, SoftmaxCrossEntropy
from dataflow.region import Region
from tests.engine.cores import COSTS, core, work


def softmax(scores: Array, dtype: str, division: Division) -> tuple[Array, Array]:
    """The probabilities and losses of label 0 of scores in a format."""
    images, classes = scores.shape
    op = SoftmaxCrossEntropy(images, classes, images, division=division)
    shapes = {"input": scores.shape, "probability": scores.shape, "output": (images,), "label": (images,)}
    site = Site(
        task="loss",
        dtype=dtype,
        tensors={name: name for name in shapes},
        dtypes={name: "int32" if name == "label" else dtype for name in shapes},
        regions={name: Region.whole(shape) for name, shape in shapes.items()},
        shapes=shapes,
    )
    writes = {"probability": np.empty(scores.shape), "output": np.empty(images)}
    reads = {"input": scores, "label": np.zeros(images, np.int32)}
    backends.get("fixed").compute(op, op.passes[0], reads, writes, site)
    return writes["probability"], writes["output"]


@pytest.mark.parametrize("division", ["divide", "reciprocal"])
@pytest.mark.parametrize(
    ("dtype", "classes", "steps", "loss_steps"),
    [
        # Half a step is that of rounding; the rest is of exponents and table entries, both of 16 bits.
        ("q8.8", 10, 0.51, 0.51),
        ("q18.14", 2, 0.55, 1.0),
        ("q18.14", 10, 0.57, 1.0),
        ("q18.14", 100, 1.1, 1.3),
        ("q16.16", 10, 0.8, 2.4),
    ],
)
def test_probabilities_are_within_a_step(
    dtype: str, classes: int, steps: float, loss_steps: float, division: Division
) -> None:
    """Nearly, for up to 100 classes and scores of several sizes; losses too, or within 2.4 of 2**-16."""
    rng = np.random.default_rng(0)
    step = 2.0 ** -int(dtype.split(".")[1])
    for deviation in (0.5, 2.0, 8.0):
        scores = np.round(rng.normal(0, deviation, (2000, classes)) / step) * step
        probability, loss = softmax(scores, dtype, division)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        exact = powers / powers.sum(axis=1, keepdims=True)
        assert np.abs(probability - exact).max() <= steps * step
        assert np.abs(loss + np.log(exact[:, 0])).max() <= loss_steps * step


def test_quotients_have_the_bits_that_are_counted() -> None:
    """Of 8-bit scores 16, else as many as they have, of scores in wide accumulators 32; 10 cycles each."""
    assert [quotient_bits(bits) for bits in (8, 16, 32, 64)] == [16, 16, 32, 32]
    cycles = [COSTS.cycles(Instructions(divide=1), bits, 0) for bits in (8, 16, 32)]
    assert cycles == [160, 160, 320]


def forward(op: SoftmaxCrossEntropy | Dropout) -> Routine:
    """The routine that comes with Dataflow."""
    return routine_of(routine_kind(op), "forward", {}, multiplies=False)


def test_a_class_is_counted_operation_by_operation() -> None:
    """Each line is one of ``softmax_forward``; a branch hardly ever taken goes with each bound.

    To base e, exponents are multiplied by log2(e) and shifted, and the loss is multiplied by ln 2.
    """
    natural = SoftmaxCrossEntropy(1, 10, 1)
    binary = forward(replace(natural, base=2))
    rows = [
        Instructions(load=1, compare=1, branch_taken=0.5, branch_not_taken=0.5, move=0.5),  # Largest score.
        Instructions(
            load=1, add=2, shift=1, compare=1, branch_not_taken=1
        ),  # Difference, address, format, bound.
        Instructions(shift=1, add=1),  # Whole and broken part.
        Instructions(shift=1, add=1, load=2),  # Place and rest, two entries of the table.
        Instructions(add=2, multiply=1, shift=1),  # The line between them.
        Instructions(shift=1, add=1, store=1),  # By the whole part; added to the sum and kept.
        Instructions(load=1, divide=1, store=1),  # The probability,
        Instructions(add=1, shift=2, compare=2, branch_not_taken=2),  # rounded and saturated.
    ]
    assert binary.wide == rows[0] + rows[1]
    assert binary.inner == sum(rows[3:], rows[2])
    assert forward(natural).inner == binary.inner + Instructions(multiply=1, shift=1)
    assert forward(natural).output == binary.output + Instructions(multiply=1)
    assert turn_cycles(natural) == 211


def turn_cycles(op: SoftmaxCrossEntropy) -> float:
    """Of each class, in 16 bits, with loads of 2 cycles."""
    costs, routine = COSTS, forward(op)
    return costs.cycles(routine.wide + routine.inner + costs.loop, 16, 2)


def test_a_shift_is_cheaper_by_what_the_table_takes() -> None:
    """A line of it: 2 loads of 2, 2 shifts, 3 additions, a multiplication of 4, so 13 cycles of 211."""
    shifted = SoftmaxCrossEntropy(1, 10, 1, exponential="shift")
    assert turn_cycles(shifted) == 211 - 13


def test_a_reciprocal_is_made_once_a_row() -> None:
    """A class takes a product of words, 7, and its shift, 2, in place of 160; a row 32 cycles more.

    Of these 13 are a line of the table, 2 find the first bit and shift to it, 14 are two products of
    words, 3 the subtraction and shifts of Newton's step.
    """
    multiplied = SoftmaxCrossEntropy(1, 10, 1, division="reciprocal")
    assert turn_cycles(multiplied) == 211 - 160 + 9
    divided = forward(replace(multiplied, division="divide"))
    more, less = (COSTS.cycles(each.output, 16, 2) for each in (forward(multiplied), divided))
    assert more - less == 13 + 2 + 14 + 3


def _of_bytes(asked: Work, **sizes: int) -> Work:
    """Work of which some operands have elements of so many bytes."""
    accesses = (replace(each, bytes=each.elements * sizes.get(each.operand, 2)) for each in asked.accesses)
    return replace(asked, accesses=tuple(accesses))


def test_wide_scores_make_only_maximum_and_difference_slower() -> None:
    """Of 64 bits, two words: for each of 10 classes 9.5 cycles more, as many as are not of branches.

    Maximum: a load of 2, half a move, a comparison; difference: a load of 2, an address, a subtraction, a
    shift, a comparison. Powers, quotients and the logarithm are as wide as a probability, 16 bits.
    """
    loss = SoftmaxCrossEntropy(1, 10, 1)
    asked = _of_bytes(work(loss, "forward", {}), label=4)
    usual, wide = (core().breakdown(_of_bytes(asked, input=size, label=4)) for size in (2, 8))
    assert (usual.bits, usual.wide_bits, wide.bits, wide.wide_bits) == (16, 16, 16, 64)
    assert wide.issue_cycles - usual.issue_cycles == 10 * 9.5
    # A quotient of 32 bits takes 160 cycles more than one of 16.
    exact = core().breakdown(_of_bytes(asked, probability=4, label=4))
    assert exact.issue_cycles - usual.issue_cycles > 10 * 160


def test_dropout_that_scales_multiplies() -> None:
    """A multiplication and rounding (7 instructions) more than where kept elements stay what they are."""
    plain, scaled = forward(Dropout((4,))), forward(Dropout((4,), inverted=True))
    rounding = Instructions(add=1, shift=2, compare=2, branch_not_taken=2)
    assert scaled.output == plain.output + Instructions(multiply=1) + rounding


def test_what_is_given_for_an_op_holds_for_its_variants() -> None:
    """A description's routine for the loss is taken with base 2 too; its gradient is the same for both."""
    own = {(SoftmaxCrossEntropy.kind, "forward"): Routine(inner=Instructions(add=1))}
    kind = routine_kind(SoftmaxCrossEntropy(1, 10, 1, base=2))
    assert routine_of(kind, "forward", own, multiplies=False) == own[SoftmaxCrossEntropy.kind, "forward"]
    gradient = routine_of(kind, "input_gradient", own, multiplies=False)
    assert gradient == ROUTINES[SoftmaxCrossEntropy.kind, "input_gradient"]
