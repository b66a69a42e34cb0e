"""What comes of a study: curves of every variant and seed, or the times of every variant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dataflow.measurement.measuring import SECONDS_PER_DAY
from dataflow.metrics import Limit, Metrics
from dataflow.studies.study import Study, Variant
from dataflow.training.curve import Curve
from dataflow.training.trained import Examples


@dataclass(frozen=True)
class TrainedVariant:
    """A variant trained. curves: one for each seed of the study. steps_per_epoch: of each curve.

    notes: what the user should know of how they came about.
    """

    variant: Variant
    curves: tuple[Curve, ...]
    steps_per_epoch: int
    examples: Examples
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class TimedVariant:
    """A variant simulated. metrics: of a step, None where it cannot be. reason: why it cannot."""

    variant: Variant
    metrics: Metrics | None = None
    reason: str | None = None

    @property
    def images_per_s(self) -> float | None:
        """Images (of tokens, sequences) a second."""
        return None if self.metrics is None else self.metrics.images_per_s

    @property
    def epoch_s(self) -> float | None:
        """How long ``training.images_per_epoch`` take."""
        if self.metrics is None:
            return None
        return self.variant.experiment.training.images_per_epoch / self.metrics.images_per_s

    @property
    def training_s(self) -> float | None:
        """How long all ``training.epochs`` take."""
        return None if self.metrics is None else self.metrics.training_days * SECONDS_PER_DAY

    @property
    def limiting(self) -> Limit | None:
        """The resource whose doubling helps most, None where none helps by itself."""
        limits = () if self.metrics is None else self.metrics.limits
        best = max(limits, key=lambda limit: limit.gain, default=None)
        return None if best is None or best.gain <= 1 else best

    @property
    def input_bound(self) -> bool:
        """Whether the step waits for pictures, as the report of it says."""
        return self.metrics is not None and self.metrics.input is not None and self.metrics.input.bound


@dataclass(frozen=True)
class Outcome:
    """What reports of a study are made from: of each variant, in the order of the study.

    trained: of a study of trainings. timed: of one of times. versions: of Dataflow, Python and the libraries
    that took part.
    """

    study: Study
    trained: tuple[TrainedVariant, ...] = ()
    timed: tuple[TimedVariant, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
