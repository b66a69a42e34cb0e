"""A study as tables: its variants side by side, and how each differs from the first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataflow.studies.outcome import Outcome, TimedVariant, TrainedVariant
from dataflow.studies.statistics import difference_of, summary_of
from reports import study_words, units
from reports.grid import Grid, Row
from reports.scaling_table import NOTHING
from reports.study_words import NONE

if TYPE_CHECKING:
    from rich.console import RenderableType

_INTERVALS = "±: half of the 95 % interval of the mean over seeds (Student's t)"
_STEPS = (
    "steps: until the mean training error of an epoch, taken in its middle, has come to the threshold; "
    "straight between two epochs"
)


def show_study(outcome: Outcome) -> RenderableType:
    """The tables of a study, with what there is to know of it first, for ``rich.print``."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    return Group(
        Text.assemble((outcome.study.name, "bold"), f"  {study_words.setting(outcome)}"),
        *(Padding(grid.rich(), (1, 0, 0, 0)) for grid in study_grids(outcome)),
        *(Text(f"note: {note}", style="yellow") for note in study_words.notes(outcome)),
    )


def study_grids(outcome: Outcome) -> list[Grid]:
    """The tables: the variants, and differences to the first where there are others."""
    if outcome.study.measure == "time":
        return [time_grid(outcome), *([] if not _misfits(outcome) else [misfit_grid(outcome)])]
    grids = [variant_grid(outcome)]
    return grids if len(outcome.trained) < 2 else [*grids, difference_grid(outcome)]


def variant_grid(outcome: Outcome) -> Grid:
    """A row for each variant that was trained."""
    study = outcome.study
    counted = study.train_error is not None
    threshold = f"steps to {study_words.threshold(study.train_error or 0.0)}"
    columns = (
        "variant",
        "test error",
        "training error",
        *((threshold,) if counted else ()),
        "simulated",
        "wall",
    )
    return Grid(
        "After the last epoch",
        columns,
        tuple(_variant_row(trained, outcome) for trained in outcome.trained),
        note=f"{_INTERVALS}; simulated, wall: of one training{f'; {_STEPS}' if counted else ''}",
    )


def _variant_row(trained: TrainedVariant, outcome: Outcome) -> Row:
    study = outcome.study
    summary = summary_of(trained, study.train_error)
    steps = study_words.steps(summary.steps_to, study.epochs or 0)
    return (
        trained.variant.name,
        study_words.shares(summary.test_error),
        study_words.shares(summary.train_error),
        *(() if study.train_error is None else (steps,)),
        units.long_duration(summary.simulated_s),
        units.long_duration(summary.wall_s, 3),
    )


def difference_grid(outcome: Outcome) -> Grid:
    """A row for each variant but the first: how it differs from that, seed by seed."""
    study, first = outcome.study, outcome.trained[0]
    counted = study.train_error is not None
    rows: list[Row] = []
    for trained in outcome.trained[1:]:
        found = difference_of(trained, first, study.train_error)
        error = found.test_error
        steps = (study_words.ratio(found.steps),) if counted else ()
        rows.append((trained.variant.name, study_words.points(error), study_words.told_apart(error), *steps))
    return Grid(
        f"Less {first.variant.name!r}, seed by seed",
        ("variant", "test error, points", "told apart", *(("steps, times as many",) if counted else ())),
        tuple(rows),
        note="told apart: the 95 % interval of the difference leaves out zero; no allowance is made for how "
        "many variants are compared" + ("; steps: geometric mean and its interval" if counted else ""),
    )


def time_grid(outcome: Outcome) -> Grid:
    """A row for each variant that was simulated."""
    return Grid(
        "Time",
        ("variant", "step", "examples/s", "epoch", "training", "times the first", "limited by"),
        tuple(_time_row(timed, outcome) for timed in outcome.timed),
        left=("limited by",),
        note="training: of all the epochs; limited by: what, twice as fast, makes the step so many times "
        "faster; input path: the hosts' cores, which prepare pictures more slowly than the rest takes them",
    )


def _time_row(timed: TimedVariant, outcome: Outcome) -> Row:
    if timed.metrics is None:
        return (timed.variant.name, *[NONE] * 5, "not possible")
    rate, first = timed.images_per_s, outcome.timed[0].images_per_s
    return (
        timed.variant.name,
        units.duration(timed.metrics.step_time_s),
        units.number(rate or 0.0),
        units.long_duration(timed.epoch_s or 0.0),
        units.long_duration(timed.training_s or 0.0),
        units.times(rate / first if rate and first else None),
        limited_by(timed),
    )


def limited_by(timed: TimedVariant) -> str:
    """What, twice as fast, would help most, and how much."""
    best = timed.limiting
    return NOTHING if best is None else f"{best.resource} {units.times(best.gain)}"


def misfit_grid(outcome: Outcome) -> Grid:
    """Why variants cannot be simulated."""
    rows = tuple((timed.variant.name, timed.reason or "") for timed in _misfits(outcome))
    return Grid("What is not possible", ("variant", "why"), rows, left=("why",))


def _misfits(outcome: Outcome) -> list[TimedVariant]:
    return [timed for timed in outcome.timed if timed.metrics is None]
