"""A study for programs: study.json, and curves.csv or times.csv."""

from __future__ import annotations

import csv
from dataclasses import asdict
from io import StringIO

from dataflow.studies.outcome import Outcome, TimedVariant, TrainedVariant
from dataflow.studies.statistics import Ratio, StepsTo, difference_of, is_apart, summary_of
from dataflow.studies.study import Variant
from dataflow.training.intervals import Interval
from reports import study_words
from reports.document import Json

_CURVE = (
    *("variant", "seed", "epoch", "step", "simulated_s", "train_loss", "train_error"),
    *("test_loss", "test_error", "wall_s"),
)
_TIMES = (
    *(
        "variant",
        "step_time_s",
        "images_per_s",
        "epoch_s",
        "training_s",
        "limited_by",
        "gain",
        "input_bound",
        "reason",
    ),
)


def study_json(outcome: Outcome) -> Json:
    """The study as a JSON object; docs/studies.md says what is in it."""
    study = outcome.study
    return {
        "version": "1",
        "study": study.name,
        "description": study.description,
        "measure": study.measure,
        "epochs": study.epochs,
        "seeds": list(study.seeds),
        "train_error": study.train_error,
        "variants": [
            *(_trained(trained, outcome) for trained in outcome.trained),
            *(_timed(timed) for timed in outcome.timed),
        ],
        "notes": study_words.notes(outcome),
        "versions": dict(outcome.versions),
    }


def _described(variant: Variant) -> Json:
    experiment = variant.experiment
    return {
        "name": variant.name,
        "description": variant.description,
        "experiment": experiment.name,
        "network": experiment.network.name,
        "hardware": experiment.hardware.name,
        "set": [{"path": each.path, "value": each.value} for each in variant.settings],
    }


def _trained(trained: TrainedVariant, outcome: Outcome) -> Json:
    study, first = outcome.study, outcome.trained[0]
    summary = summary_of(trained, study.train_error)
    return {
        **_described(trained.variant),
        "data": asdict(trained.examples),
        "steps_per_epoch": trained.steps_per_epoch,
        "test_error": _interval(summary.test_error),
        "train_error": _interval(summary.train_error),
        "steps_to": _steps(summary.steps_to),
        "simulated_s": summary.simulated_s,
        "wall_s": summary.wall_s,
        "less_the_first": None if trained is first else _difference(trained, outcome),
        "seeds": [
            {
                "seed": curve.seed,
                "test_error": 1 - curve.last.test_accuracy,
                "train_error": 1 - (curve.last.train_accuracy or 0.0),
                "test_loss": curve.last.test_loss,
            }
            for curve in trained.curves
        ],
    }


def _interval(interval: Interval | None) -> Json | None:
    if interval is None:
        return None
    return {"mean": interval.mean, "low": interval.low, "high": interval.high, "count": interval.count}


def _steps(found: StepsTo | None) -> Json | None:
    if found is None:
        return None
    return {"seeds": list(found.steps), "reached": found.reached, "interval": _interval(found.interval)}


def _difference(trained: TrainedVariant, outcome: Outcome) -> Json:
    found = difference_of(trained, outcome.trained[0], outcome.study.train_error)
    return {
        "test_error": _interval(found.test_error),
        "apart": is_apart(found.test_error),
        "steps_ratio": _ratio(found.steps),
    }


def _ratio(found: Ratio | None) -> Json | None:
    return None if found is None else asdict(found)


def _timed(timed: TimedVariant) -> Json:
    best, metrics = timed.limiting, timed.metrics
    return {
        **_described(timed.variant),
        "step_time_s": None if metrics is None else metrics.step_time_s,
        "images_per_s": timed.images_per_s,
        "epoch_s": timed.epoch_s,
        "training_s": timed.training_s,
        "limited_by": None if best is None else best.resource,
        "gain": None if best is None else best.gain,
        "input_bound": timed.input_bound,
        "reason": timed.reason,
    }


def study_csv(outcome: Outcome) -> str:
    """A header, then a line for each variant, seed and epoch; of times, for each variant."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    if outcome.study.measure == "time":
        rows.writerow(_TIMES)
        for timed in outcome.timed:
            found = _timed(timed)
            rows.writerow((timed.variant.name, *(found[name] for name in _TIMES[1:])))
        return text.getvalue()
    rows.writerow(_CURVE)
    for trained in outcome.trained:
        for curve in trained.curves:
            for point in curve.points:
                train_error = None if point.train_accuracy is None else 1 - point.train_accuracy
                rows.writerow(
                    (
                        *(trained.variant.name, curve.seed, point.epoch, point.step, point.simulated_s),
                        *(point.train_loss, train_error, point.test_loss, 1 - point.test_accuracy),
                        point.wall_s,
                    )
                )
    return text.getvalue()
