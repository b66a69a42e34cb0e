"""The routines that cores have: for each kind of op and pass the instructions they execute.

All are integer routines as one writes them in assembly for a core without floating point. Sums are
kept in two words; results are rounded, brought back to their format and saturated.
"""

from __future__ import annotations

from collections.abc import Mapping

from dataflow.cycles.instructions import NONE
from dataflow.cycles.instructions import Instructions as Counts
from dataflow.cycles.routine import Routine
from dataflow.ops import MomentumSgd, Op

Key = tuple[str, str]
"""Kind of op and pass."""

ACCUMULATE = "accumulate"
"""The kind of what adds shards, which is no op."""
SGD = "sgd"
"""The kind of an update without momentum or weight decay, which is the op of those with."""

SWITCH = Counts(compare=1, branch_taken=0.5, branch_not_taken=0.5)
"""A comparison and a branch that is taken half of the time."""
BOUND = Counts(compare=1, branch_not_taken=1)
"""A comparison with a bound that is hardly ever passed."""
ROUND = Counts(add=1, shift=2) + BOUND + BOUND
"""Half a step added, two words shifted back to the format, both bounds compared."""
MULTIPLY_ADD = Counts(load=2, multiply=1, shift=1, add=2)
"""Two operands, their product, its sign to the second word, and both words added with carry."""
EXPONENTIAL = Counts(shift=2, add=2, load=1, multiply=1)
"""2**x: whole and broken part, an entry of a table, and a line between two."""
LOGARITHM = Counts(shift=2, add=2, load=1, multiply=1)
"""Base 2: the place of the first bit, an entry of a table, and a line between two."""
TASK = Counts(move=8, add=4, branch_taken=2)
"""Entering and leaving: bounds and addresses of the loops."""
STORED = Counts(store=1, add=1)
"""A result stored, and the address of the next."""


def _routine(
    inner: Counts = NONE, output: Counts = NONE, bias: Counts = NONE, scans: int = 1, kept: int = 0
) -> Routine:
    return Routine(inner=inner, output=output, task=TASK, bias=bias, scans=scans, kept=kept)


_WEIGHTED_OUTPUT = Counts(load=1, move=1) + ROUND + STORED
_WINDOWED = MULTIPLY_ADD + Counts(add=1)
_BIAS = Counts(load=1, add=2)
_MAXIMUM = Counts(load=1, move=0.5) + SWITCH

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
    ("dropout", "forward"): _routine(output=Counts(load=2, move=0.5) + SWITCH + STORED),
    ("dropout", "input_gradient"): _routine(output=Counts(load=2, move=0.5) + SWITCH + STORED),
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
    ("softmax_cross_entropy", "forward"): _routine(
        _MAXIMUM + Counts(load=2, add=3) + EXPONENTIAL + Counts(store=2, divide=1) + ROUND,
        LOGARITHM + Counts(load=1) + ROUND + STORED,
        scans=2,
        kept=1,
    ),
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
        output=_MAXIMUM + Counts(load=2, add=3) + EXPONENTIAL + Counts(store=1, divide=1) + ROUND + STORED,
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
    plain = isinstance(op, MomentumSgd) and not op.keeps_velocity and op.weight_decay == 0
    return SGD if plain else op.kind


def routine_of(kind: str, direction: str, own: Mapping[Key, Routine], *, multiplies: bool) -> Routine:
    """The routine for a pass: of a description's own, or else from here."""
    for table in (own, ROUTINES):
        if (kind, direction) in table:
            return table[kind, direction]
    return MULTIPLYING if multiplies else OTHER
