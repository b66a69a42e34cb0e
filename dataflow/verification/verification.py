"""What a verification says: for each tensor how far two computations of it are apart."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite


@dataclass(frozen=True)
class Comparison:
    """One tensor, computed twice.

    scale: largest magnitude in the reference; of a tensor that is nothing but rounding beside the
    layer's other tensors of the kind, that of those (``references.ROUNDINGS``).
    max_relative_error: the largest absolute difference over that scale.
    """

    tensor: str
    kind: str
    shape: tuple[int, ...]
    scale: float
    max_absolute_error: float
    max_relative_error: float
    passed: bool


@dataclass(frozen=True)
class Verification:
    """All tensors of a run against a reference.

    reference: what computed it. tolerance: largest relative error that passes. missing:
    tensors that only one side has.
    """

    reference: str
    dtype: str
    tolerance: float
    comparisons: tuple[Comparison, ...]
    missing: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every tensor is there on both sides and within tolerance."""
        return bool(self.comparisons) and not self.missing and all(c.passed for c in self.comparisons)

    @property
    def worst(self) -> Comparison | None:
        """The comparison with the largest relative error, one that is no number above all; None of none."""
        return max(self.comparisons, key=_badness, default=None)


def _badness(comparison: Comparison) -> tuple[float, str]:
    error = comparison.max_relative_error
    return (error if isfinite(error) else inf), comparison.tensor
