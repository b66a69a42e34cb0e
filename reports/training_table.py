"""A training as tables: what it came to for each seed, beside another format, and how it got there."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import TYPE_CHECKING

from dataflow.picoseconds import PS_PER_S
from dataflow.training.curve import Curve, CurvePoint
from dataflow.training.intervals import Interval, mean_interval
from dataflow.training.step_losses import FEW, StepLosses
from dataflow.training.trained import Trained
from reports import units
from reports.grid import Grid, Row

if TYPE_CHECKING:
    from rich.console import RenderableType

_ERROR = "error: share of the images whose class did not get the largest score"

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
    decided = f", {examples.validation:,} to decide by" if examples.validation else ""
    parts = f"{examples.train:,} images to learn from{decided}, {examples.test:,} for the test{dropped}"
    simulated, wall = fmean(point.simulated_s for point in last), fmean(point.wall_s for point in last)
    images = fmean(curve.images for curve in trained.curves)
    return [
        f"{per_epoch} on {examples.description}: {parts}",
        timing_sentence(trained),
        f"simulated {_at_rate(simulated, images)}, computed in {_at_rate(wall, images)}",
        *_input_sentence(trained),
        *_latency_sentence(trained),
        *_schedule_sentence(trained),
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


def _input_sentence(trained: Trained) -> list[str]:
    path = trained.result.metrics.input
    if path is None:
        return []
    what = "input-bound" if path.bound else "not input-bound"
    return [f"{what}: hosts decode and augment at most {units.number(path.images_per_s)} images/s"]


def _latency_sentence(trained: Trained) -> list[str]:
    told = trained.latency
    if told is None:
        return []
    if not told.drawn:
        return [f"one inference: {units.duration(told.p50_s)}"]
    times = f"p50 {units.duration(told.p50_s)}, p99 {units.duration(told.p99_s)} of {told.count}"
    return [f"one inference: {times}, latencies drawn within their published ranges"]


def _schedule_sentence(trained: Trained) -> list[str]:
    schedule = trained.result.experiment.training.schedule
    if schedule is None:
        return []
    told = [
        f"after epoch{'s' * (len(curve.drops) > 1)} {', '.join(map(str, curve.drops))}"
        if curve.drops
        else "never"
        for curve in trained.curves
    ]
    seeds = [curve.seed for curve in trained.curves]
    each = told[0] if len(told) == 1 else "; ".join(f"seed {s} {t}" for s, t in zip(seeds, told, strict=True))
    return [f"learning rate divided by {schedule.divide_by:g}, at most {schedule.at_most} times: {each}"]


def _missing_sentence(trained: Trained) -> list[str]:
    shares = [curve.missing for curve in trained.curves if curve.missing is not None]
    if not shares:
        return []
    rate = mean_and_interval(shares)
    missed = f"{rate} of what forward tasks read had not been stored at their signal, taken as zero"
    return [f"race: {missed}; tests have all inputs"]


def _comparison_sentence(trained: Trained) -> list[str]:
    against = trained.against
    if against is None:
        return []
    own = f"test error {mean_and_interval(errors(trained.curves))}"
    sentences = [_loss_sentence(trained, against.name, each) for each in against.losses if each.steps]
    if not against.curves or against.losses:
        return [own, *sentences]
    other = errors(against.curves)
    difference = 100 * (fmean(errors(trained.curves)) - fmean(other))
    beside = f"in {against.name}, with the same starts and order, {mean_and_interval(other)}"
    return [f"{own}; {beside}: {difference:+.1f} points"]


def _loss_sentence(trained: Trained, name: str, losses: StepLosses) -> str:
    """How far the losses of two computations of the same steps are apart."""
    whole, early = losses.largest(), losses.largest(FEW)
    assert whole is not None
    way = "PyTorch" if name == "torch" else "one processor"
    text = f"losses of {len(losses.steps):,} steps beside {way} in {trained.result.experiment.training.dtype}"
    of_seed = f" (seed {losses.seed})" if len(trained.curves) > 1 else ""
    if whole.relative == 0:
        return f"{text}{of_seed}: the same to the last bit"
    parts = [f"apart by at most {whole.relative:.1e} of the loss, at step {whole.step:,}"]
    if early is not None and losses.steps[-1] > FEW:
        parts.append(f"in the first {FEW} steps by {early.relative:.1e}, at step {early.step}")
    return f"{text}{of_seed}: {'; '.join(parts)}"


def errors(curves: Sequence[Curve]) -> list[float]:
    """The test error of each curve in the end."""
    return [curve.last.test_error for curve in curves]


def mean_and_interval(shares: Sequence[float]) -> str:
    """Such as ``66.2 % ± 3.1 (95 %, 5 seeds)``; of one share that alone."""
    interval = mean_interval(shares)
    mean = f"{100 * interval.mean:.1f} %"
    if interval.half_width is None:
        return mean
    return f"{mean} ± {100 * interval.half_width:.1f} (95 %, {interval.count} seeds)"


def results(trained: Trained) -> Grid:
    """A row for each seed, and their mean with its interval: the network in the end, beside another way's."""
    names = ("seed", "train loss", "error", "test loss", "error", "top-5", "best", "simulated")
    others: Sequence[Curve] = () if trained.against is None else trained.against.curves
    pairs = _pairs(trained.curves, others)
    columns = [_numbers(curve, other) for curve, other in pairs]
    rows = [(str(curve.seed), *_cells(numbers)) for (curve, _), numbers in zip(pairs, columns, strict=True)]
    if len(columns) > 1:
        gathered = list(zip(*columns, strict=True))
        intervals = [_interval(column) for column in gathered]
        rows.append(("mean", *_cells([None if each is None else each.mean for each in intervals])))
        widths = _cells([None if each is None else each.half_width for each in intervals])
        rows.append(("±", *(cell.lstrip("+") for cell in widths)))
    compared = () if trained.against is None or not others else (f"in {trained.against.name}", "difference")
    told = "; ±: of the mean, 95 % confidence" if len(columns) > 1 else ""
    validated = all(curve.best.validation_error is not None for curve in trained.curves)
    best = "after the epoch of least validation error" if validated else "least of all epochs"
    return Grid(
        "After the last epoch",
        (*names, *compared),
        tuple(rows),
        note=f"{_ERROR}; top-5: nor one of the five largest; best: {best}{told}",
    )


def _pairs(own: Sequence[Curve], others: Sequence[Curve]) -> list[tuple[Curve, Curve | None]]:
    if not others:
        return [(curve, None) for curve in own]
    return list(zip(own, others, strict=True))


Numbers = Sequence[float | None]


def _numbers(curve: Curve, other: Curve | None) -> Numbers:
    """What a row of the results says of a curve and the one that it is compared with."""
    last, best = curve.last, curve.best.test_error
    numbers = (last.train_loss, last.train_error, last.test_loss, last.test_error, last.test_top5_error)
    own = (*numbers, best, last.simulated_s)
    return own if other is None else (*own, other.last.test_error, last.test_error - other.last.test_error)


def _interval(values: Numbers) -> Interval | None:
    given = [value for value in values if value is not None]
    return mean_interval(given) if given else None


def _cells(numbers: Numbers) -> Row:
    """Those of ``_numbers`` as they are written."""
    loss, error, test_loss, test_error, top5, best, simulated, *compared = numbers
    beside = [_share(compared[0]), _points(compared[1])] if compared else []
    learned = (_loss(loss), _share(error), _loss(test_loss), _share(test_error))
    long = "-" if simulated is None else units.long_duration(simulated)
    return (*learned, _share(top5), _share(best), long, *beside)


def _points(difference: float | None) -> str:
    return "-" if difference is None else f"{100 * difference:+.1f}"


def _learned(point: CurvePoint) -> Row:
    return (
        _loss(point.train_loss),
        _share(point.train_error),
        _loss(point.test_loss),
        _share(point.test_error),
    )


def curve(trained: Trained, most: int) -> Grid:
    """The curve of the first seed: at most so many rows, evenly spaced, the first and the last among them."""
    points = trained.curves[0].points
    count = min(most, len(points))
    chosen = [points[round(row * (len(points) - 1) / max(1, count - 1))] for row in range(count)]
    of_seed = f" (seed {trained.curves[0].seed})" if len(trained.curves) > 1 else ""
    scheduled = trained.result.experiment.training.schedule is not None
    validated, also = (("validation", "rate"), " and validation") if scheduled else ((), "")
    return Grid(
        f"Learning curve{of_seed}",
        ("epoch", "step", "simulated", "train loss", "error", "test loss", "error", *validated, "wall"),
        tuple(
            (
                str(point.epoch),
                f"{point.step:,}",
                units.long_duration(point.simulated_s),
                *_learned(point),
                *((_share(point.validation_error), _rate(point.learning_rate)) if scheduled else ()),
                units.long_duration(point.wall_s, 3),
            )
            for point in chosen
        ),
        note=f"{_ERROR}; train: mean over the steps of the epoch; test{also}: after it",
    )


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:g}"


def _loss(loss: float | None) -> str:
    return "-" if loss is None else units.number(loss)


def _share(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"
