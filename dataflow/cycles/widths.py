"""How wide the numbers are that a task handles."""

from __future__ import annotations

from dataflow.cost import Work
from dataflow.ops import Op

DEFAULT_BITS = 16
_LEAST_BITS = 8


def operand_bits(work: Work) -> int:
    """The width of the widest operand that is read in the dtype of the computation.

    Of work of which only the amounts are known, for lower bounds, the narrowest.
    """
    widths = [
        8 * access.bytes // access.elements
        for access in work.accesses
        if not access.writes and access.elements and not _own_dtype(work.op, access.operand)
    ]
    return max(widths, default=DEFAULT_BITS if work.op is not None else _LEAST_BITS)


def result_bits(work: Work, operand: str) -> int:
    """The width of an operand that is written; of work of which only the amounts are known, usual."""
    widths = [
        8 * access.bytes // access.elements
        for access in work.accesses
        if access.writes and access.elements and access.operand == operand
    ]
    return max(widths, default=DEFAULT_BITS)


def _own_dtype(op: Op | None, operand: str) -> bool:
    """Whether an operand, such as a label, is not in the dtype of the computation."""
    return op is not None and any(each.name == operand and each.dtype for each in op.operands)
