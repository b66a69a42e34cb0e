"""A training for programs: training.json and curve.csv."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict
from io import StringIO
from math import isfinite
from statistics import fmean
from typing import Any

from dataflow.picoseconds import PS_PER_S
from dataflow.training.curve import Curve, CurvePoint
from dataflow.training.trained import Trained
from reports.document import Json
from reports.training_table import accuracies, timing_sentence

_NUMBERS = (
    *("epoch", "step", "simulated_s", "train_loss", "train_accuracy"),
    *("test_loss", "test_accuracy", "wall_s"),
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
        },
        "inference": None if trained.latency is None else asdict(trained.latency),
        "test_accuracy": _spread(trained.curves),
        "curves": [_curve(curve) for curve in trained.curves],
        "against": _against(trained),
        "notes": list(trained.notes),
        "warnings": list(trained.result.warnings),
        "versions": dict(trained.result.versions),
    }


def _spread(curves: Sequence[Curve]) -> Json:
    found = accuracies(curves)
    return {"mean": fmean(found), "min": min(found), "max": max(found), "seeds": len(found)}


def _against(trained: Trained) -> Json | None:
    if trained.against is None:
        return None
    other = _spread(trained.against.curves)
    return {
        "dtype": trained.against.dtype,
        "test_accuracy": other,
        "difference": _spread(trained.curves)["mean"] - other["mean"],
        "curves": [_curve(curve) for curve in trained.against.curves],
    }


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
    return {name: _finite(value) for name, value in asdict(point).items()}


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
