"""Learning curves: how loss and accuracy go on with epochs, simulated time and real time."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CurvePoint:
    """The network after so many epochs and steps.

    simulated_s: on the simulated machine, from the beginning of the first step, without tests. wall_s: what
    computing it took here. train: means over the steps of the epoch, before each was learned
    from; None before the first. test: over the whole test part, afterwards.
    """

    epoch: int
    step: int
    simulated_s: float
    wall_s: float
    train_loss: float | None
    train_accuracy: float | None
    test_loss: float
    test_accuracy: float


@dataclass(frozen=True)
class Curve:
    """One training from one seed.

    dtype: the format it was computed in. images: trained on in all. missing: of a race, the share of
    what forward tasks read that had not been stored at their signal; None where nothing races.
    """

    seed: int
    dtype: str
    backend: str
    images: int
    points: tuple[CurvePoint, ...]
    missing: float | None = None

    @property
    def last(self) -> CurvePoint:
        """The network in the end."""
        return self.points[-1]

    @property
    def best(self) -> CurvePoint:
        """The first of the points with the greatest test accuracy."""
        return max(self.points, key=lambda point: (point.test_accuracy, -point.epoch))
