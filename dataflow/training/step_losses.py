"""The losses of a training, step by step, beside those of the same training computed in another way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import inf, isnan

from dataflow.training.loop import Moment

FEW = 100
"""Steps in which rounding has not grown to what learning changes: those that float32 is compared over."""


@dataclass(frozen=True)
class LossDifference:
    """The largest difference of two losses, relative to the reference's, and at which step it is."""

    relative: float
    step: int


@dataclass(frozen=True)
class StepLosses:
    """Mean losses of the same steps of two trainings from one seed.

    steps: which, counted from 1, those that both have taken. own: as placed. reference: the other way.
    """

    seed: int
    steps: tuple[int, ...]
    own: tuple[float, ...]
    reference: tuple[float, ...]

    def largest(self, up_to: int | None = None) -> LossDifference | None:
        """The first of the largest differences in the steps up to one; None where there is no such step."""
        found: LossDifference | None = None
        for step, own, other in zip(self.steps, self.own, self.reference, strict=True):
            relative = _relative(own, other)
            if (up_to is None or step <= up_to) and (found is None or relative > found.relative):
                found = LossDifference(relative, step)
        return found


def _relative(own: float, other: float) -> float:
    if own == other:
        return 0.0
    difference = abs(own - other) / abs(other) if other else inf
    return inf if isnan(difference) else difference


def losses_beside(seed: int, own: Mapping[int, float], reference: Mapping[int, float]) -> StepLosses:
    """The losses of the steps that are in both, by their numbers."""
    steps = tuple(sorted(own.keys() & reference.keys()))
    return StepLosses(
        seed, steps, tuple(own[step] for step in steps), tuple(reference[step] for step in steps)
    )


class LossRecorder:
    """Keeps the loss of every step that it is told of, and tells it on. losses: by step, counted from 1."""

    def __init__(self, tell: Callable[[Moment], None]) -> None:
        self.tell = tell
        self.losses: dict[int, float] = {}

    def __call__(self, moment: Moment) -> None:
        """Is told of a step."""
        self.losses[moment.step] = moment.loss
        self.tell(moment)
