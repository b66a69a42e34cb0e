"""What a study is: an experiment, what is varied about it, and what is measured."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from dataflow.errors import OptionError
from dataflow.experiment import Experiment
from dataflow.override import Override

Measure = Literal["training", "time"]
"""Whether variants are trained, or only simulated."""

LEAST_SEEDS = 5
"""From how few trainings an interval is worth reading; a study with fewer says so."""


@dataclass(frozen=True)
class Variant:
    """One experiment of a study. settings: how it differs from the base."""

    name: str
    experiment: Experiment
    description: str = ""
    settings: tuple[Override, ...] = ()


@dataclass(frozen=True)
class Study:
    """Variants of an experiment, the first of which the others are compared with.

    epochs, seeds: of each training; none where only time is measured. train_error: the training error to
    which steps are counted, None for no such count.
    """

    name: str
    variants: tuple[Variant, ...]
    measure: Measure = "training"
    epochs: int | None = None
    seeds: tuple[int, ...] = ()
    train_error: float | None = None
    description: str = ""

    def asked(self, epochs: int | None, seeds: tuple[int, ...] | None) -> Study:
        """The same with other epochs or seeds. Raises OptionError where nothing is trained."""
        if self.measure == "time" and (epochs is not None or seeds):
            raise OptionError(
                f"study {self.name!r} measures time, for which nothing is trained; "
                "leave out --epochs and --seeds"
            )
        return replace(self, epochs=epochs or self.epochs, seeds=seeds or self.seeds)
