"""Instructions by class, and what each class costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated

from annotated_types import Ge

Count = Annotated[float, Ge(0)]
"""How many; half a branch is one that is executed every other time."""

WORD_BITS = 32
"""What one instruction of addition, comparison or movement handles."""


@dataclass(frozen=True, kw_only=True)
class Instructions:
    """How many instructions of each class are executed.

    multiply: whole multiplications, each several instructions, more for wider operands. multiply_word:
    of words at least, however narrow the operands are. load: of an element from local memory or a
    transfer register. store: to one. divide: whole divisions in software. A conditional branch that is
    taken half of the time counts half in each class.
    """

    multiply: Count = 0
    multiply_word: Count = 0
    add: Count = 0
    shift: Count = 0
    compare: Count = 0
    branch_taken: Count = 0
    branch_not_taken: Count = 0
    load: Count = 0
    store: Count = 0
    move: Count = 0
    divide: Count = 0

    def __add__(self, other: Instructions) -> Instructions:
        return Instructions(
            **{each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)}
        )

    def times(self, count: float) -> Instructions:
        """So many times as many of each."""
        return Instructions(**{each.name: getattr(self, each.name) * count for each in fields(self)})

    def counts(self) -> dict[str, float]:
        """The classes of which there are any."""
        return {each.name: getattr(self, each.name) for each in fields(self) if getattr(self, each.name)}


NONE = Instructions()
DIVISION_BIT = Instructions(shift=1, compare=1, add=0.5, branch_taken=0.5, branch_not_taken=0.5)
"""One bit of shift-subtract division: shift the remainder, compare, and subtract every other time."""


def quotient_bits(bits: int) -> int:
    """Of a division of operands of so many bits: as many, half a word at least and a word at most."""
    return min(max(bits, WORD_BITS // 2), WORD_BITS)


@dataclass(frozen=True, kw_only=True)
class InstructionCosts:
    """Cycles of each class.

    multiply: cycles (and instructions) of one multiplication by the bits of its operands. loop: what
    one more turn of a loop costs beside its body.
    """

    multiply: Mapping[int, int]
    basic: int
    branch_taken: int
    branch_not_taken: int
    loop: Instructions = field(default_factory=lambda: Instructions(add=1, branch_taken=1))

    def multiplication(self, bits: int) -> int:
        """Of the narrowest kind that is as wide as the operands; of wider ones 32 bits at a time."""
        fitting = [width for width in sorted(self.multiply) if width >= bits]
        if fitting:
            return self.multiply[fitting[0]]
        widest = max(self.multiply)
        words = -(-bits // widest)
        return self.multiply[widest] * words * words

    def expanded(self, counts: Instructions, bits: int) -> Instructions:
        """With divisions as what they are made of: for each bit of the quotient one turn of a loop."""
        if not counts.divide:
            return counts
        turns = quotient_bits(bits) * counts.divide
        return replace(counts, divide=0) + (DIVISION_BIT + self.loop).times(turns)

    def cycles(self, counts: Instructions, bits: int, load_cycles: float) -> float:
        """Cycles that a core needs to issue these. load_cycles: of one load from local memory.

        Of operands wider than a word all but branches take as many instructions as they have words.
        """
        every = self.expanded(counts, bits)
        words = -(-bits // WORD_BITS)
        plain = every.add + every.shift + every.compare + every.store + every.move
        return (
            every.multiply * self.multiplication(bits)
            + every.multiply_word * self.multiplication(max(bits, WORD_BITS))
            + words * (self.basic * plain + load_cycles * every.load)
            + self.branch_taken * every.branch_taken
            + self.branch_not_taken * every.branch_not_taken
        )

    def length(self, counts: Instructions, bits: int, *, unrolled: bool = False) -> float:
        """Instructions in the program store. unrolled: divisions too, which are a loop otherwise."""
        division = DIVISION_BIT if not unrolled else DIVISION_BIT.times(quotient_bits(bits))
        around = NONE if unrolled else self.loop
        every = replace(counts, divide=0) + (division + around).times(counts.divide)
        words = -(-bits // WORD_BITS)
        plain = every.add + every.shift + every.compare + every.store + every.move + every.load
        return (
            every.multiply * self.multiplication(bits)
            + every.multiply_word * self.multiplication(max(bits, WORD_BITS))
            + words * plain
            + every.branch_taken
            + every.branch_not_taken
        )
