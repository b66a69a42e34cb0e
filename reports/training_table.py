"""A training as tables: what it came to for each seed, beside another format, and how it got there."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from dataflow.picoseconds import PS_PER_S
from dataflow.training.curve import Curve, CurvePoint
from dataflow.training.trained import Trained
from reports import units
from reports.grid import Grid, Row

if TYPE_CHECKING:
    from rich.console import RenderableType

_RIGHT = "right: share of the images whose class got the largest score"

_EPOCHS = 12
"""Rows of the curve that a console shows."""


def show_training(trained: Trained) -> RenderableType:
    """What a person wants to know of a training first, for ``rich.print``."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    grids = [results(trained), curve(trained, _EPOCHS)]
    notes = [*trained.notes, *trained.result.warnings]
    return Group(
        Text.assemble((trained.result.experiment.name, "bold"), f"  {setting(trained)}"),
        Padding(Text("\n".join(sentences(trained))), (1, 0)),
        *(Padding(grid.rich(), (0, 0, 1, 0)) for grid in grids if grid.rows),
        *(Text(f"note: {note}", style="yellow") for note in notes),
    )


def setting(trained: Trained) -> str:
    """Network, machine and format in a line."""
    experiment = trained.result.experiment
    training = experiment.training
    return (
        f"{experiment.network.name} on {experiment.hardware.name}, batch {training.batch}, "
        f"{training.dtype}, backend {trained.result.backend}"
    )


def sentences(trained: Trained) -> list[str]:
    """What was done, on what, how timing was found, and what came of it."""
    examples, last = trained.examples, [curve.last for curve in trained.curves]
    dropped = f"; each epoch leaves out {examples.dropped}, of no whole batch" if examples.dropped else ""
    epochs = "1 epoch" if trained.epochs == 1 else f"{trained.epochs} epochs"
    per_epoch = f"{epochs} of {trained.steps // trained.epochs} steps"
    parts = f"{examples.train:,} images to learn from, {examples.test:,} for the test{dropped}"
    simulated, wall = fmean(point.simulated_s for point in last), fmean(point.wall_s for point in last)
    images = fmean(curve.images for curve in trained.curves)
    return [
        f"{per_epoch} on {examples.description}: {parts}",
        timing_sentence(trained),
        f"simulated {_at_rate(simulated, images)}, computed in {_at_rate(wall, images)}",
        *_latency_sentence(trained),
        *_missing_sentence(trained),
        *_comparison_sentence(trained),
    ]


def _at_rate(seconds: float, images: float) -> str:
    return f"{units.long_duration(seconds)} ({units.number(images / seconds)} images/s)"


def timing_sentence(trained: Trained) -> str:
    """How the time of steps was found."""
    timing = trained.timing
    if timing.kind == "races":
        return f"every one of {trained.steps:,} steps simulated, for values depend on timing"
    steady = units.duration(timing.steady_ps / PS_PER_S)
    if timing.kind == "repeats":
        return f"timing of a step simulated once ({steady}), reused for {trained.steps:,} steps"
    least, most = (units.duration(end / PS_PER_S) for end in (min(timing.first_ps), max(timing.first_ps)))
    return (
        f"the {len(timing.first_ps)} steps simulated take {least} to {most}; "
        f"each further one of {trained.steps:,} counts as their mean, {steady}"
    )


def _latency_sentence(trained: Trained) -> list[str]:
    told = trained.latency
    if told is None:
        return []
    if not told.drawn:
        return [f"one inference: {units.duration(told.p50_s)}"]
    times = f"p50 {units.duration(told.p50_s)}, p99 {units.duration(told.p99_s)} of {told.count}"
    return [f"one inference: {times}, latencies drawn within their published ranges"]


def _missing_sentence(trained: Trained) -> list[str]:
    shares = [curve.missing for curve in trained.curves if curve.missing is not None]
    if not shares:
        return []
    rate = mean_and_range(shares)
    missed = f"{rate} of what forward tasks read had not been stored at their signal, taken as zero"
    return [f"race: {missed}; tests have all inputs"]


def _comparison_sentence(trained: Trained) -> list[str]:
    if trained.against is None:
        return []
    own, other = accuracies(trained.curves), accuracies(trained.against.curves)
    difference = fmean(own) - fmean(other)
    beside = f"in {trained.against.dtype}, with the same starts and order, {mean_and_range(other)}"
    return [f"test accuracy {mean_and_range(own)}; {beside}: {100 * difference:+.1f} points"]


def accuracies(curves: Sequence[Curve]) -> list[float]:
    """The test accuracy of each curve in the end."""
    return [curve.last.test_accuracy for curve in curves]


def mean_and_range(shares: Sequence[float]) -> str:
    """Such as ``66.2 % (53.1 to 73.3 %)``."""
    mean = f"{100 * fmean(shares):.1f}"
    if len(shares) == 1:
        return f"{mean} %"
    return f"{mean} % ({100 * min(shares):.1f} to {100 * max(shares):.1f} %)"


def results(trained: Trained) -> Grid:
    """A row for each seed, and their mean: the network in the end, beside the other format's."""
    names = ("seed", "train loss", "right", "test loss", "right", "best", "simulated")
    others: Sequence[Curve] = () if trained.against is None else trained.against.curves
    rows = [_result(curve, other) for curve, other in _pairs(trained.curves, others)]
    if len(trained.curves) > 1:
        rows.append(_mean(trained.curves, others))
    compared = () if trained.against is None else (f"in {trained.against.dtype}", "difference")
    return Grid(
        "After the last epoch", (*names, *compared), tuple(rows), note=f"{_RIGHT}; best: over all epochs"
    )


def _pairs(own: Sequence[Curve], others: Sequence[Curve]) -> list[tuple[Curve, Curve | None]]:
    if not others:
        return [(curve, None) for curve in own]
    return list(zip(own, others, strict=True))


def _result(curve: Curve, other: Curve | None) -> Row:
    last = curve.last
    accuracy = last.test_accuracy
    cells = (str(curve.seed), *_learned(last), _share(curve.best.test_accuracy))
    row = (*cells, units.long_duration(last.simulated_s))
    if other is None:
        return row
    beside = other.last.test_accuracy
    return (*row, _share(beside), f"{100 * (accuracy - beside):+.1f}")


def _mean(curves: Sequence[Curve], others: Sequence[Curve]) -> Row:
    last = [curve.last for curve in curves]
    mean = CurvePoint(
        epoch=last[0].epoch,
        step=last[0].step,
        simulated_s=fmean(point.simulated_s for point in last),
        wall_s=fmean(point.wall_s for point in last),
        train_loss=fmean(point.train_loss or 0.0 for point in last),
        train_accuracy=fmean(point.train_accuracy or 0.0 for point in last),
        test_loss=fmean(point.test_loss for point in last),
        test_accuracy=fmean(point.test_accuracy for point in last),
    )
    best = _share(fmean(curve.best.test_accuracy for curve in curves))
    row = ("mean", *_learned(mean), best, units.long_duration(mean.simulated_s))
    if not others:
        return row
    beside = fmean(accuracies(others))
    return (*row, _share(beside), f"{100 * (mean.test_accuracy - beside):+.1f}")


def _learned(point: CurvePoint) -> Row:
    return (
        _loss(point.train_loss),
        _share(point.train_accuracy),
        _loss(point.test_loss),
        _share(point.test_accuracy),
    )


def curve(trained: Trained, most: int) -> Grid:
    """The curve of the first seed: at most so many rows, evenly spaced, the first and the last among them."""
    points = trained.curves[0].points
    count = min(most, len(points))
    chosen = [points[round(row * (len(points) - 1) / max(1, count - 1))] for row in range(count)]
    of_seed = f" (seed {trained.curves[0].seed})" if len(trained.curves) > 1 else ""
    return Grid(
        f"Learning curve{of_seed}",
        ("epoch", "step", "simulated", "train loss", "right", "test loss", "right", "wall"),
        tuple(
            (
                str(point.epoch),
                f"{point.step:,}",
                units.long_duration(point.simulated_s),
                *_learned(point),
                units.long_duration(point.wall_s, 3),
            )
            for point in chosen
        ),
        note=f"{_RIGHT}; train: mean over the steps of the epoch; test: after it",
    )


def _loss(loss: float | None) -> str:
    return "-" if loss is None else units.number(loss)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
