"""How certain a share is that was counted among so many examples."""

from __future__ import annotations

CONFIDENCE = 0.95


def wilson_interval(wrong: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a binomial share (Wilson 1927, the score interval).

    It holds for examples drawn independently, and says nothing of other seeds of the training.
    """
    from scipy.stats import binomtest

    found = binomtest(wrong, count).proportion_ci(CONFIDENCE, method="wilson")
    return float(found.low), float(found.high)
