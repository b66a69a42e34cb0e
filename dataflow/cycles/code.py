"""How much of a core's program store and stack a routine takes up."""

from __future__ import annotations

from math import ceil

from dataflow.cycles.instructions import InstructionCosts
from dataflow.cycles.routine import Routine
from dataflow.cycles.turns import elements, turns_of
from dataflow.ops import GRADIENT_SUFFIX, Op, Pass

_BATCH = "batch"
_WORD_BYTES = 4
_ACCESS = 4
"""Instructions of an access to memory: two for a 40-bit address, one to make it, one to swap."""
_SAVED_WORDS = 4
"""On the stack beside the variables of loops: the address to return to, and a wide sum."""


def code_length(
    routine: Routine, op: Op | None, direction: Pass | None, costs: InstructionCosts, bits: int, loops: bool
) -> int:
    """Instructions of a routine: each part once, or where there are no loops as often as it is executed.

    Around every loop of the op stands what goes round it, and before it all accesses to its operands. A
    program without loops handles one image, as one that is run for every packet does: it is run anew for
    each image of a batch.
    """
    if direction is not None and direction.view:
        return 0

    def length(times_inner: int, times_output: int, times_bias: int) -> float:
        """Instructions of the routine with each of its parts written out so many times."""
        return (
            costs.length(routine.inner + routine.wide, bits, unrolled=not loops) * times_inner
            + costs.length(routine.output, bits, unrolled=not loops) * times_output
            + costs.length(routine.bias, bits, unrolled=not loops) * times_bias
            + costs.length(routine.task, bits)
        )

    if op is None or direction is None:
        return ceil(length(1, 1, 0) + costs.length(costs.loop, bits) + 2 * _ACCESS)
    turns = turns_of(op, direction)
    operands = _ACCESS * (len(direction.reads) + len(direction.writes))
    if not loops:
        images = op.loops.get(_BATCH, 1)
        outputs = turns.outputs // (images if _of_each_image(op, direction.writes[0]) else 1)
        return ceil(length(turns.inner // images, outputs, turns.biases // images) + operands)
    around = costs.length(costs.loop, bits) * turns.loops
    return ceil(length(1, 1, min(1, turns.biases)) + around + operands)


def stack_use(routine: Routine, op: Op | None, direction: Pass | None, bits: int, loops: bool) -> int:
    """Bytes of stack: a word for each loop and operand, saved words, and what is kept between scans.

    Where there are no loops, there is no local memory beside the stack either (as in eBPF): what is
    read of one image is kept on it.
    """
    if op is None or direction is None:
        return _WORD_BYTES * (_SAVED_WORDS + 3)
    if direction.view:
        return 0
    operands = len(direction.reads) + len(direction.writes)
    kept = routine.kept * op.loops.get("class", op.loops.get("channel", 1))
    words = _SAVED_WORDS + len(op.loops) + operands + kept
    if loops:
        return _WORD_BYTES * words
    read = sum(elements(op, name) // op.loops[_BATCH] for name in direction.reads if _of_each_image(op, name))
    return _WORD_BYTES * words + read * bits // 8


def _of_each_image(op: Op, operand: str) -> bool:
    """Whether every image has its own of an operand, or of a gradient."""
    return _BATCH in op.loops and _BATCH in op.operand(operand.removesuffix(GRADIENT_SUFFIX)).labels
