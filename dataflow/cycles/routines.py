"""The routines that cores have: for each kind of op and pass the instructions they execute.

All are integer routines as one writes them in assembly for a core without floating point. Sums are
kept in two words; results are rounded, brought back to their format and saturated. They are the algorithms
of ``backends.fixed``; a constant is multiplied also where it is a power of two.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from dataflow.cycles.instructions import NONE
from dataflow.cycles.instructions import Instructions as Counts
from dataflow.cycles.routine import Routine
from dataflow.numbers.arithmetic import Division, Exponential
from dataflow.ops import Dropout, MomentumSgd, Op, SoftmaxCrossEntropy
from dataflow.ops.loss import Base

Key = tuple[str, str]
"""Kind of op and pass."""

ACCUMULATE = "accumulate"
"""The kind of what adds shards, which is no op."""
SGD = "sgd"
"""The kind of an update without momentum or weight decay, which is the op of those with."""
INVERTED = "dropout, inverted"
"""The kind of dropout that scales what it keeps."""

SWITCH = Counts(compare=1, branch_taken=0.5, branch_not_taken=0.5)
"""A comparison and a branch that is taken half of the time."""
BOUND = Counts(compare=1, branch_not_taken=1)
"""A comparison with a bound that is hardly ever passed."""
ROUND = Counts(add=1, shift=2) + BOUND + BOUND
"""Half a step added, two words shifted back to the format, both bounds compared."""
MULTIPLY_ADD = Counts(load=2, multiply=1, shift=1, add=2)
"""Two operands, their product, its sign to the second word, and both words added with carry."""
LINE = Counts(shift=2, add=3, load=2, multiply=1)
"""Between two entries of a table: place and rest, both entries, how far from one to the other."""
MITCHELL = Counts(shift=2, add=1)
"""2**x by shift: whole part, 1 and the broken part, shifted by the whole part."""
EXPONENTIAL = MITCHELL + LINE
"""2**x by table: what is shifted is a line of the table."""
RECIPROCAL = Counts(shift=1, add=1) + LINE + Counts(multiply_word=2, add=1, shift=2)
"""The place of the first bit, shifted to it, a line of the table, and r * (2 - m * r) in words."""
LOGARITHM = LINE + Counts(shift=2, add=4)
"""Base 2: the place of the first bit, what follows it, a line of the table, the whole part joined to it."""
DIFFERENCE = Counts(add=1, shift=1) + BOUND
"""Of a score and the largest, in the fraction bits of exponents, and not below the least of these."""
TO_BASE_2 = Counts(multiply=1, shift=1)
"""Times log2(e)."""
TASK = Counts(move=8, add=4, branch_taken=2)
"""Entering and leaving: bounds and addresses of the loops."""
STORED = Counts(store=1, add=1)
"""A result stored, and the address of the next."""


def _routine(
    inner: Counts = NONE, output: Counts = NONE, bias: Counts = NONE, scans: int = 1, kept: int = 0
) -> Routine:
    return Routine(inner=inner, output=output, task=TASK, bias=bias, scans=scans, kept=kept)


def softmax_routine(op: SoftmaxCrossEntropy) -> Routine:
    """Of the loss: maximum and difference of scores as wide as these are, the rest as wide as a probability.

    To base e, exponents are multiplied by log2(e), and the loss by ln 2. Probabilities are divided by
    the sum of powers, or multiplied by its reciprocal, which is made once a row.
    """
    natural, divides = op.base == "e", op.division == "divide"
    quotient = Counts(divide=1) if divides else Counts(multiply_word=1, shift=2)
    return Routine(
        wide=_MAXIMUM + _OFF_MAXIMUM,
        inner=(TO_BASE_2 if natural else NONE)
        + (EXPONENTIAL if op.exponential == "table" else MITCHELL)
        + _KEPT
        + Counts(load=1, store=1)
        + quotient
        + ROUND,
        output=(NONE if divides else RECIPROCAL)
        + LOGARITHM
        + Counts(load=1, add=1, multiply=1 if natural else 0)
        + ROUND
        + STORED,
        task=TASK,
        scans=2,
        kept=1,
        result="probability",
    )


_WEIGHTED_OUTPUT = Counts(load=1, move=1) + ROUND + STORED
_WINDOWED = MULTIPLY_ADD + Counts(add=1)
_BIAS = Counts(load=1, add=2)
_MASKED = Counts(load=2, move=0.5) + SWITCH
_MAXIMUM = Counts(load=1, move=0.5) + SWITCH
_OFF_MAXIMUM = Counts(load=1, add=1) + DIFFERENCE
_KEPT = Counts(add=1, store=1)
_DIVIDED = Counts(load=1, divide=1, store=1) + ROUND


def _softmax_kind(op: SoftmaxCrossEntropy) -> str:
    """By what kind of routine a loss is computed, such as ``softmax_cross_entropy, base 2, shift``."""
    usual = {"base e", "table", "divide"}
    chosen = (f"base {op.base}", op.exponential, op.division)
    return ", ".join([op.kind, *(each for each in chosen if each not in usual)])


_SOFTMAXES = tuple(
    SoftmaxCrossEntropy(1, 1, 1, base=base, exponential=exponential, division=division)
    for base in get_args(Base)
    for exponential in get_args(Exponential)
    for division in get_args(Division)
)

_VARIANT_OF = {INVERTED: Dropout.kind} | {_softmax_kind(op): op.kind for op in _SOFTMAXES}
"""What a description gives for the op holds for its variants too."""

ROUTINES: Mapping[Key, Routine] = {
    ("convolution", "forward"): _routine(_WINDOWED, _WEIGHTED_OUTPUT),
    ("convolution", "input_gradient"): _routine(_WINDOWED, _WEIGHTED_OUTPUT),
    ("convolution", "weight_gradient"): _routine(_WINDOWED, _WEIGHTED_OUTPUT, _BIAS),
    ("fully_connected", "forward"): _routine(MULTIPLY_ADD, _WEIGHTED_OUTPUT),
    ("fully_connected", "input_gradient"): _routine(MULTIPLY_ADD, _WEIGHTED_OUTPUT),
    ("fully_connected", "weight_gradient"): _routine(MULTIPLY_ADD, _WEIGHTED_OUTPUT, _BIAS),
    ("linear", "forward"): _routine(MULTIPLY_ADD, _WEIGHTED_OUTPUT),
    ("linear", "input_gradient"): _routine(MULTIPLY_ADD, _WEIGHTED_OUTPUT),
    ("linear", "weight_gradient"): _routine(MULTIPLY_ADD, _WEIGHTED_OUTPUT, _BIAS),
    ("relu", "forward"): _routine(output=Counts(load=1, move=0.5) + SWITCH + STORED),
    ("relu", "input_gradient"): _routine(output=Counts(load=2, move=0.5) + SWITCH + STORED),
    ("dropout", "forward"): _routine(output=_MASKED + STORED),
    ("dropout", "input_gradient"): _routine(output=_MASKED + STORED),
    (INVERTED, "forward"): _routine(output=_MASKED + Counts(multiply=1) + ROUND + STORED),
    (INVERTED, "input_gradient"): _routine(output=_MASKED + Counts(multiply=1) + ROUND + STORED),
    ("scale", "forward"): _routine(output=Counts(load=1, multiply=1) + ROUND + STORED),
    ("scale", "input_gradient"): _routine(output=Counts(load=1, multiply=1) + ROUND + STORED),
    ("add", "forward"): _routine(output=Counts(load=2, add=1) + BOUND + BOUND + STORED),
    ("add", "input_gradient"): _routine(output=Counts(load=1) + STORED),
    ("concat", "forward"): _routine(output=Counts(load=1) + STORED),
    ("concat", "input_gradient"): _routine(output=Counts(load=1) + STORED),
    ("max_pooling", "forward"): _routine(_MAXIMUM + Counts(add=1), Counts(move=1) + STORED),
    ("max_pooling", "input_gradient"): _routine(
        Counts(load=1, add=1) + SWITCH, Counts(load=2, add=1) + STORED
    ),
    ("average_pooling", "forward"): _routine(
        Counts(load=1, add=3), Counts(multiply=1, move=2) + ROUND + STORED
    ),
    ("average_pooling", "input_gradient"): _routine(
        Counts(load=1, add=2, store=1), Counts(multiply=1) + ROUND
    ),
    ("global_pooling", "forward"): _routine(
        Counts(load=1, add=2), Counts(multiply=1, move=2) + ROUND + STORED
    ),
    ("global_pooling", "input_gradient"): _routine(
        Counts(store=1, add=1), Counts(load=1, multiply=1) + ROUND
    ),
    **{(_softmax_kind(each), "forward"): softmax_routine(each) for each in _SOFTMAXES},
    ("softmax_cross_entropy", "input_gradient"): _routine(
        output=Counts(load=1, add=1, multiply=1) + SWITCH + ROUND + STORED
    ),
    ("mean_squared_error", "forward"): _routine(
        Counts(load=1, add=3, multiply=1, shift=1) + SWITCH, Counts(load=1, move=2, shift=1) + ROUND + STORED
    ),
    ("mean_squared_error", "input_gradient"): _routine(
        output=Counts(load=1, add=1, multiply=1) + SWITCH + ROUND + STORED
    ),
    ("softmax", "forward"): _routine(
        output=_MAXIMUM + _OFF_MAXIMUM + TO_BASE_2 + EXPONENTIAL + _KEPT + _DIVIDED + Counts(add=1),
        scans=2,
        kept=1,
    ),
    ("softmax", "input_gradient"): _routine(
        output=Counts(load=4, multiply=2, shift=1, add=3) + ROUND + STORED, scans=2
    ),
    ("argmax", "forward"): _routine(_MAXIMUM + Counts(move=0.5, add=1), Counts(move=2) + STORED),
    ("momentum_sgd", "update"): _routine(
        output=Counts(load=3, multiply=3, shift=3, add=6) + ROUND + ROUND + STORED + STORED
    ),
    (SGD, "update"): _routine(output=Counts(load=2, multiply=1, shift=1, add=2) + ROUND + STORED),
    ("finite_difference", "weight_gradient"): _routine(
        output=Counts(load=2, add=2, shift=1) + ROUND + STORED
    ),
    (ACCUMULATE, "forward"): _routine(Counts(load=1, add=1), ROUND + STORED),
    ("embedding", "forward"): _routine(output=Counts(load=2, add=1) + STORED),
    ("embedding", "weight_gradient"): _routine(Counts(load=2, add=1) + STORED, Counts(store=1)),
    ("position_embedding", "forward"): _routine(output=Counts(load=2, add=1) + BOUND + BOUND + STORED),
}
"""By kind of op and pass. A hardware description may give others."""

MULTIPLYING = _routine(MULTIPLY_ADD, _WEIGHTED_OUTPUT)
"""For every op made of multiply-accumulates that has no routine of its own."""
OTHER = _routine(
    Counts(load=1, multiply=1, shift=1, add=3), Counts(load=1, multiply=1, divide=1) + ROUND + STORED
)
"""For all else: a product for each turn of the loops, and a division and a product for each result."""


def routine_kind(op: Op | None) -> str:
    """By what kind of routine an op is computed, or the addition of shards without one."""
    if op is None:
        return ACCUMULATE
    if isinstance(op, SoftmaxCrossEntropy):
        return _softmax_kind(op)
    if isinstance(op, Dropout) and op.gain != 1:
        return INVERTED
    plain = isinstance(op, MomentumSgd) and not op.keeps_velocity and op.weight_decay == 0
    return SGD if plain else op.kind


def routine_of(kind: str, direction: str, own: Mapping[Key, Routine], *, multiplies: bool) -> Routine:
    """The routine for a pass: of a description's own, or else from here, of a variant or else of its op."""
    general = _VARIANT_OF.get(kind, kind)
    for table, key in ((own, general), (ROUTINES, kind), (ROUTINES, general)):
        if (key, direction) in table:
            return table[key, direction]
    return MULTIPLYING if multiplies else OTHER
