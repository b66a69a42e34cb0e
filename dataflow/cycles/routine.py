"""A routine: how many instructions a pass of an op executes in each of its parts."""

from __future__ import annotations

from dataclasses import dataclass

from dataflow.cycles.instructions import NONE, Instructions


@dataclass(frozen=True, kw_only=True)
class Routine:
    """Instructions for each turn of the innermost loop, for each output element, and for each task.

    All handle numbers as wide as the widest operand that is read. Where there is a ``result``, only
    ``wide`` does, which is executed in each turn too, and all others are as wide as that operand.
    bias: for each element of the output's gradient, where the gradient of a bias is summed as well. scans:
    how often the routine goes over its inputs from the beginning. kept: elements for each class that it
    keeps on its stack between two scans. The cost of going round a loop is not among them: it is
    the same for all and stands with the costs of instructions.
    """

    inner: Instructions = NONE
    wide: Instructions = NONE
    output: Instructions = NONE
    task: Instructions = NONE
    bias: Instructions = NONE
    scans: int = 1
    kept: int = 0
    result: str = ""
