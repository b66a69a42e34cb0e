"""Percentiles of measured values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

Number = TypeVar("Number", int, float)


def nearest_rank(ordered: Sequence[Number], percent: int) -> Number:
    """The smallest of values in order, of which there is one at least, that so many percent do not exceed.

    No value is made up between two.
    """
    rank = -(-percent * len(ordered) // 100)
    return ordered[max(1, rank) - 1]
