"""A training for programs: training.json and curve.csv."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from io import StringIO
from math import isfinite
from statistics import fmean
from typing import Any

from dataflow.experiment import DTYPES
from dataflow.picoseconds import PS_PER_S
from dataflow.training.curve import Curve, CurvePoint
from dataflow.training.intervals import mean_interval
from dataflow.training.step_losses import FEW, LossDifference, StepLosses
from dataflow.training.trained import Trained
from reports.document import Json
from reports.training_table import errors, timing_sentence

_NUMBERS = (
    *("epoch", "step", "simulated_s", "train_loss", "train_accuracy"),
    *("test_loss", "test_accuracy", "wall_s"),
    *("train_error", "test_error", "test_top5_error", "validation_error", "learning_rate"),
)
"""Columns of curve.csv after those that say which curve."""


def training_json(trained: Trained) -> Json:
    """The training as a JSON object; docs/training.md says what is in it."""
    experiment, metrics = trained.result.experiment, trained.result.metrics
    training, timing = experiment.training, trained.timing
    return {
        "version": "1",
        "experiment": experiment.name,
        "network": experiment.network.name,
        "hardware": experiment.hardware.name,
        "batch": training.batch,
        "dtype": training.dtype,
        "backend": trained.result.backend,
        "learning_rate": training.learning_rate,
        "momentum": training.momentum,
        "weight_decay": training.weight_decay,
        "dropout": training.dropout,
        "conventions": asdict(training.conventions),
        "schedule": None if training.schedule is None else asdict(training.schedule),
        "overrides": [{"path": each.path, "value": each.value} for each in experiment.overrides],
        "epochs": trained.epochs,
        "steps": trained.steps,
        "data": asdict(trained.examples),
        "timing": {
            "kind": timing.kind,
            "said": timing_sentence(trained),
            "step_time_s": timing.steady_ps / PS_PER_S if timing.steady_ps else metrics.step_time_s,
            "images_per_s": metrics.images_per_s,
            "phases": dict(metrics.phases),
            "input_bound": None if metrics.input is None else metrics.input.bound,
        },
        "inference": None if trained.latency is None else asdict(trained.latency),
        "test_accuracy": _spread([curve.last.test_accuracy for curve in trained.curves]),
        "test_error": _spread(errors(trained.curves)),
        "test_top5_error": _top5(trained.curves),
        "curves": [_curve(curve) for curve in trained.curves],
        "against": _against(trained),
        "notes": list(trained.notes),
        "warnings": list(trained.result.warnings),
        "versions": dict(trained.result.versions),
    }


def _spread(found: Sequence[float]) -> Json:
    """Mean and range over seeds; half_width: of the mean's 95 % interval, null of one seed."""
    interval = mean_interval(found)
    return {
        "mean": interval.mean,
        "min": min(found),
        "max": max(found),
        "seeds": len(found),
        "half_width": interval.half_width,
    }


def _top5(curves: Sequence[Curve]) -> Json | None:
    found = [curve.last.test_top5_error for curve in curves]
    given = [error for error in found if error is not None]
    return _spread(given) if given else None


def _against(trained: Trained) -> Json | None:
    against = trained.against
    if against is None:
        return None
    other = [curve.last.test_accuracy for curve in against.curves]
    own = fmean(curve.last.test_accuracy for curve in trained.curves)
    formats = against.name in DTYPES
    return {
        "name": against.name,
        "dtype": against.name if formats else trained.result.experiment.training.dtype,
        "test_accuracy": _spread(other) if other else None,
        "difference": own - fmean(other) if other else None,
        "losses": [_losses(losses) for losses in against.losses],
        "curves": [_curve(curve) for curve in against.curves],
    }


def _losses(losses: StepLosses) -> Json:
    """Over how many steps losses were compared, and where they are furthest apart."""
    return {
        "seed": losses.seed,
        "steps": len(losses.steps),
        "largest": _difference(losses.largest()),
        f"largest_of_first_{FEW}": _difference(losses.largest(FEW)),
    }


def _difference(found: LossDifference | None) -> Json | None:
    return None if found is None else {"relative": _finite(found.relative), "step": found.step}


def _curve(curve: Curve) -> Json:
    return {
        "seed": curve.seed,
        "dtype": curve.dtype,
        "backend": curve.backend,
        "images": curve.images,
        "missing": curve.missing,
        "points": [_point(point) for point in curve.points],
    }


def _point(point: CurvePoint) -> Json:
    """The numbers of a point; what is not finite is null."""
    numbers = asdict(point) | {"train_error": point.train_error, "test_error": point.test_error}
    return {name: _finite(value) for name, value in numbers.items()}


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not isfinite(value) else value


def curve_csv(trained: Trained) -> str:
    """A header, then a line for each seed, format and epoch; what there is not yet is empty."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(("seed", "dtype", *_NUMBERS))
    others = () if trained.against is None else trained.against.curves
    for curve in (*trained.curves, *others):
        for point in curve.points:
            numbers = _point(point)
            rows.writerow((curve.seed, curve.dtype, *(numbers[name] for name in _NUMBERS)))
    return text.getvalue()
