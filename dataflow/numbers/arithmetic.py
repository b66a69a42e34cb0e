"""Integer arithmetic: how fixed-point values are rounded, kept in range, and which formats they have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from dataflow.errors import OptionError
from dataflow.numbers.number import LEAST_BITS, MOST_BITS, fixed_point

Rounding = Literal["nearest", "truncate", "stochastic"]
Overflow = Literal["saturate", "wrap"]
Exponential = Literal["shift", "table"]
Division = Literal["divide", "reciprocal"]


@dataclass(frozen=True)
class Counts:
    """What rounding did to a tensor, over all steps so far.

    values: how many were written, replicas each. saturated: of these, how many lay beyond the format
    (with ``overflow: wrap`` they were wrapped). underflowed: of a parameter's updates, how many left it
    as it was although its gradient was not zero.
    """

    values: int
    saturated: int
    underflowed: int


@dataclass(frozen=True, kw_only=True)
class Arithmetic:
    """What fixed-point computation does beyond its format, which is ``training.dtype``.

    formats: tensor (without its version, as ``conv1.weight`` or ``*.grad``) to another format; of the
    patterns that match, the last wins. wide_logits: what the loss reads stays in the wide
    accumulator. master_weights: the format in which weights are updated and kept, wider than the
    format in which they are multiplied; None for the same. exponential: of softmax, ``shift``
    (2**x by shifts, linear between powers of two: Mitchell 1962) or ``table``. division: of softmax,
    ``divide`` (each power by their sum, bit by bit) or ``reciprocal`` (of the sum, once, by table and a
    Newton step, and a multiplication for each power).
    """

    rounding: Rounding = "nearest"
    overflow: Overflow = "saturate"
    formats: Mapping[str, str] = field(default_factory=dict)
    wide_logits: bool = False
    master_weights: str | None = None
    exponential: Exponential = "table"
    division: Division = "divide"

    def __post_init__(self) -> None:
        named = {f"formats {pattern!r}": dtype for pattern, dtype in self.formats.items()}
        if self.master_weights is not None:
            named["master_weights"] = self.master_weights
        for what, dtype in named.items():
            format_ = fixed_point(dtype)
            if format_ is None or format_.bits > MOST_BITS:
                raise OptionError(
                    f"arithmetic: {what} is {dtype!r}, which is no fixed-point format of {LEAST_BITS} to "
                    f"{MOST_BITS} bits; write it as q8.8"
                )

    def format_of(self, tensor: str, default: str) -> str:
        """The format of a tensor, named without its version."""
        found = default
        for pattern, dtype in self.formats.items():
            if fnmatchcase(tensor, pattern):
                found = dtype
        return found
