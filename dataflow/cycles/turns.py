"""How often each part of a routine is executed for an op and a pass."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from dataflow.cost import Work
from dataflow.cycles.routines import ACCUMULATE
from dataflow.ops import GRADIENT_SUFFIX, FiniteDifference, Op, Pass

_GUESSED_BYTES = 2


@dataclass(frozen=True)
class Turns:
    """Turns of the innermost loop, elements of the first operand written, gradients summed for a bias.

    loops: how many loops there are, one in the other.
    """

    inner: int
    outputs: int
    biases: int = 0
    loops: int = 1


def elements(op: Op, operand: str) -> int:
    """Of an operand, or of a gradient, which has as many as what it is of."""
    return prod(op.operand(operand.removesuffix(GRADIENT_SUFFIX)).shape)


def turns_of(op: Op, direction: Pass) -> Turns:
    """Of an op that multiplies, a turn for each product; of others one for each turn of their loops."""
    inner = op.macs_of(direction) or prod(op.loops.values())
    outputs = elements(op, direction.writes[0]) if direction.writes else 0
    summed = "bias" + GRADIENT_SUFFIX in direction.writes
    biases = elements(op, direction.reads[0]) if summed else 0
    return Turns(inner, outputs, biases, len(op.loops))


def evaluated(op: Op) -> tuple[tuple[Op, Pass], ...]:
    """The passes of other ops that one evaluation of an op runs; none of one that computes by itself."""
    if not isinstance(op, FiniteDifference):
        return ()
    return tuple(
        (each.op, each_pass)
        for each in op.layers
        for each_pass in each.op.forward_passes
        if not each_pass.view
    )


def turns_of_work(work: Work) -> Turns:
    """The same of any work. What is no op adds shards: a turn for each element it reads.

    Work of which only the amounts are known is taken for as little as it can be: its products.
    """
    if work.op is not None and work.op_pass is not None:
        return turns_of(work.op, work.op_pass)
    if work.kind != ACCUMULATE:
        return Turns(work.flop // 2, 0)
    if not work.accesses:
        moved = work.bytes // _GUESSED_BYTES
        return Turns(moved * 2 // 3, moved // 3)
    read = sum(access.elements for access in work.accesses if not access.writes)
    return Turns(read, sum(access.elements for access in work.accesses if access.writes))
