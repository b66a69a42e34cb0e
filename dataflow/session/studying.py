"""Studies carried out: every variant trained from every seed, or simulated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from dataflow.data.options import DataOptions
from dataflow.errors import DataflowError, FitError, InterruptedTrainingError, OptionError
from dataflow.session.options import Progress
from dataflow.session.simulating import simulate_experiment, versions
from dataflow.session.study_runs import StudyRun, StudyTask, run_at_once, run_in_turn
from dataflow.session.training import TrainingOptions
from dataflow.studies.outcome import Outcome, TimedVariant, TrainedVariant
from dataflow.studies.study import Study, Variant

_MOST_JOBS = 256


@dataclass(frozen=True)
class StudyOptions:
    """What a study may be asked for. jobs: trainings at a time, from two on each in its own process.

    resume: go on with what is in the folder; trainings that are over are not repeated. data: which
    examples, and how they are read.
    """

    jobs: int = 1
    resume: bool = False
    data: DataOptions = field(default_factory=DataOptions)

    def __post_init__(self) -> None:
        if not 1 <= self.jobs <= _MOST_JOBS:
            raise OptionError(f"jobs {self.jobs} must be 1 to {_MOST_JOBS}")


def carry_out_study(
    study: Study,
    options: StudyOptions,
    folder: str | Path,
    stop: Callable[[], bool],
    progress: Progress | None = None,
) -> Outcome:
    """Trains every variant from every seed, in FOLDER/VARIANT/seed-N, or simulates every variant.

    stop: asked before every step; when it says so checkpoints are written and InterruptedTrainingError
    raised. That a variant cannot be simulated is part of the outcome; when one cannot be trained a StudyError
    says so, and OptionError when a study of times is asked for what only trainings have.
    """
    tell = progress or _say_nothing
    if study.measure == "time":
        if options != StudyOptions():
            raise OptionError(
                f"study {study.name!r} measures time, for which nothing is trained; "
                "leave out --jobs, --resume and what says which examples to read (--images and the like)"
            )
        return Outcome(study, timed=_times(study, tell, stop), versions=versions())
    tasks = _tasks(study, options, Path(folder))
    if options.jobs == 1:
        runs = run_in_turn(tasks, tell, stop)
    else:
        runs = run_at_once(tasks, options.jobs, Path(folder), tell, stop)
    each = len(study.seeds)
    trained = tuple(
        _trained(variant, runs[each * number : each * (number + 1)])
        for number, variant in enumerate(study.variants)
    )
    return Outcome(study, trained=trained, versions=versions())


def _say_nothing(_what: str, _done: int, _total: int) -> None:
    """Progress that nobody asked for."""


def _times(study: Study, tell: Progress, stop: Callable[[], bool]) -> tuple[TimedVariant, ...]:
    timed: list[TimedVariant] = []
    for variant in study.variants:
        if stop():
            raise InterruptedTrainingError(
                f"interrupted after {len(timed)} of {len(study.variants)} variants"
            )
        tell("simulating", len(timed), len(study.variants))
        timed.append(_time(variant))
    return tuple(timed)


def _time(variant: Variant) -> TimedVariant:
    """The variant simulated, or why it cannot be: a memory too small, code that does not fit, a host without
    what the experiment asks of it.
    """
    try:
        return TimedVariant(variant, metrics=simulate_experiment(variant.experiment).metrics)
    except FitError as full:
        return TimedVariant(variant, reason=full.reason)
    except DataflowError as fault:
        lines = [line.strip(" -") for line in str(fault).splitlines()[:2]]
        return TimedVariant(variant, reason=" ".join(lines))


def _tasks(study: Study, options: StudyOptions, folder: Path) -> list[StudyTask]:
    """All trainings, variant by variant. Raises OptionError without epochs."""
    if study.epochs is None:
        raise OptionError(f"study {study.name!r} says no epochs; give them (--epochs 10)")
    return [
        StudyTask(
            variant.name,
            variant.experiment,
            study.epochs,
            TrainingOptions(
                epochs=study.epochs,
                data=replace(options.data, sharing=options.jobs),
                seeds=(seed,),
                resume=options.resume,
                limits=False,
            ),
            folder / variant.name / f"seed-{seed}",
        )
        for variant in study.variants
        for seed in study.seeds
    ]


def _trained(variant: Variant, runs: Sequence[StudyRun]) -> TrainedVariant:
    return TrainedVariant(
        variant=variant,
        curves=tuple(run.curve for run in runs),
        steps_per_epoch=runs[0].steps_per_epoch,
        examples=runs[0].examples,
        notes=tuple(dict.fromkeys(note for run in runs for note in run.notes)),
    )
