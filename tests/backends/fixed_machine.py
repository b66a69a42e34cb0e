"""A machine that computes in fixed point with Python's integers: formats, rounding, constants."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from hashlib import sha256
from math import floor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dataflow.numbers.arithmetic import Arithmetic
from dataflow.numbers.number import FixedPoint
from dataflow.ops import Op

Integers = NDArray[Any]
"""An array of dtype object: Python integers."""


@dataclass(frozen=True)
class Machine:
    """What integers are computed with. formats: by operand. own: of constants that a task is given."""

    arithmetic: Arithmetic
    formats: Mapping[str, FixedPoint]
    own: FixedPoint
    seed: int = 0
    step: int = 0
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    def fraction(self, operand: str) -> int:
        """Fraction bits of an operand's format."""
        return self.formats[operand].fraction_bits

    def round(self, operand: str, exact: Integers, fraction: int) -> Integers:
        """Whole multiples of 2**-fraction as steps of an operand's format."""
        steps = np.empty(exact.shape, object)
        for place, index in enumerate(np.ndindex(exact.shape)):
            wide = _wrapped(int(exact[index]), 64)
            steps[index] = self._in_range(self._shifted(wide, fraction, operand, place), operand)
        return steps

    def _shifted(self, value: int, fraction: int, operand: str, place: int) -> int:
        shift = fraction - self.fraction(operand)
        if shift <= 0:
            return value << -shift
        match self.arithmetic.rounding:
            case "nearest":
                return (value + (1 << (shift - 1))) >> shift
            case "truncate":
                return value >> shift
            case "stochastic":
                bits = random_bits(self.seed, self.step, operand, place)
                return ((value << 16) + (bits << shift)) >> (shift + 16)

    def _in_range(self, value: int, operand: str) -> int:
        bits = self.formats[operand].bits
        if self.arithmetic.overflow == "wrap":
            return _wrapped(value, bits)
        return max(-(1 << (bits - 1)), min((1 << (bits - 1)) - 1, value))


def _wrapped(value: int, bits: int) -> int:
    """The lowest bits of two's complement."""
    low = value & ((1 << bits) - 1)
    return low - (1 << bits) if low >> (bits - 1) else low


def random_bits(seed: int, step: int, tensor: str, place: int) -> int:
    """16 bits of SplitMix64 at a place of a tensor's own sequence."""
    key = int.from_bytes(sha256(f"{seed}/rounding/{step}/{tensor}".encode()).digest()[:8], "little")
    z = (key + (place + 1) * 0x9E3779B97F4A7C15) % 2**64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB % 2**64
    return (z ^ (z >> 31)) >> 48


def zeros(shape: tuple[int, ...]) -> Integers:
    """So many zeros."""
    found = np.empty(shape, object)
    found.fill(0)
    return found


def shape_of(op: Op, operand: str) -> tuple[int, ...]:
    """The shape of an operand, or of what it is the gradient of."""
    return op.operand(operand.removesuffix(".grad")).shape


def constant(value: float) -> tuple[int, int]:
    """(factor, fraction bits) of a constant: 16 significant bits, 30 fraction bits at most."""
    exact, fraction = Fraction(value), 0
    while exact * 2**fraction < 2**15 and fraction < 30:
        fraction += 1
    return floor(exact * 2**fraction + Fraction(1, 2)), fraction
