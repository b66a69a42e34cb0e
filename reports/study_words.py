"""How numbers of a study are written: means with intervals, shares, steps to a threshold."""

from __future__ import annotations

import re
from collections.abc import Sequence

from dataflow.studies.outcome import Outcome
from dataflow.studies.statistics import Ratio, StepsTo, is_apart
from dataflow.studies.study import LEAST_SEEDS
from dataflow.training.intervals import Interval
from reports import units

NONE = "-"

_NAMES_AND_NUMBERS = re.compile(r"'[^']*'|\d[\d,.]*")


def shares(interval: Interval) -> str:
    """Such as ``2.31 ± 0.44 %``."""
    return f"{100 * interval.mean:.2f}{_half(interval, 100)} %"


def points(interval: Interval) -> str:
    """A difference of shares in percentage points, such as ``+0.31 ± 0.55``."""
    return f"{100 * interval.mean:+.2f}{_half(interval, 100)}"


def _half(interval: Interval, factor: float) -> str:
    return "" if interval.half_width is None else f" ± {factor * interval.half_width:.2f}"


def steps(found: StepsTo | None, epochs: int) -> str:
    """Such as ``214 ± 12``, or how many seeds got there."""
    if found is None:
        return NONE
    if found.interval is None:
        reached = f"{found.reached} of {len(found.steps)}"
        return f"{reached} within {epochs} epochs" if found.reached else f"not within {epochs} epochs"
    half = found.interval.half_width
    return f"{found.interval.mean:.0f}" + ("" if half is None else f" ± {half:.0f}")


def ratio(found: Ratio | None) -> str:
    """Such as ``2.1x (1.8 to 2.5)``."""
    if found is None:
        return NONE
    if found.low is None or found.high is None:
        return units.times(found.mean)
    return f"{units.times(found.mean)} ({units.number(found.low, 3)} to {units.number(found.high, 3)})"


def threshold(share: float) -> str:
    """A training error to be reached, such as ``25 %``."""
    return f"{100 * share:g} %"


def told_apart(interval: Interval) -> str:
    """Whether the interval of a difference leaves out zero."""
    return {True: "yes", False: "no", None: NONE}[is_apart(interval)]


def setting(outcome: Outcome) -> str:
    """What was done, in a line."""
    study = outcome.study
    count = len(study.variants)
    variants = "1 variant" if count == 1 else f"{count} variants"
    if study.measure == "time":
        return f"{variants}, simulated"
    examples = outcome.trained[0].examples
    seeds = "1 seed" if len(study.seeds) == 1 else f"{len(study.seeds)} seeds"
    epochs = "1 epoch" if study.epochs == 1 else f"{study.epochs} epochs"
    return (
        f"{variants} of {seeds}, {epochs} each on {examples.description} "
        f"({examples.train:,} to learn from, {examples.test:,} for the test)"
    )


def notes(outcome: Outcome) -> list[str]:
    """What a reader should know before relying on it."""
    study = outcome.study
    found = [
        f"{trained.variant.name}: {note}"
        for trained in outcome.trained
        for note in _first_of_each(trained.notes)
    ]
    if study.measure == "training" and len(study.seeds) < LEAST_SEEDS:
        found.insert(
            0,
            f"few seeds ({len(study.seeds)}) say little: intervals are worth reading from {LEAST_SEEDS} on "
            "(--seeds 0..4)",
        )
    return found


def _first_of_each(noted: Sequence[str]) -> list[str]:
    """Of notes that differ in names of files and numbers alone, as those of several seeds do, the first."""
    alike: dict[str, list[str]] = {}
    for note in noted:
        alike.setdefault(_NAMES_AND_NUMBERS.sub("", note), []).append(note)
    return [
        first + (f" (and {len(others)} more like it)" if others else "") for first, *others in alike.values()
    ]
