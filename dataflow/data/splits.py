"""Which examples are held out, of each class in proportion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dataflow.values.randomness import generator

_SEED = 0
"""The same for every experiment, so that what is held out is never learned from."""

Indices = NDArray[np.int64]


def hold_out(labels: NDArray[np.int32], share: float, what: str) -> tuple[Indices, Indices]:
    """The examples that stay, and those held out: of each class ``share``, rounded, but at least one.

    A class of one example stays whole. Both in ascending order. what: they are held out for; others are
    for another purpose.
    """
    chosen = [_of_class(np.flatnonzero(labels == label), share, what, label) for label in np.unique(labels)]
    held = np.sort(np.concatenate(chosen)) if chosen else np.array([], dtype=np.int64)
    return np.setdiff1d(np.arange(len(labels)), held), held


def _of_class(members: Indices, share: float, what: str, label: int) -> Indices:
    count = min(max(1, round(share * len(members))), len(members) - 1)
    return generator(_SEED, "held out", what, int(label)).permutation(members)[:count]
