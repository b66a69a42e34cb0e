"""Latency against offered load as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from dataflow.serving.load_curve import LoadCurve, LoadPoint
from reports import units
from reports.document import Json
from reports.grid import Grid, Row

if TYPE_CHECKING:
    from rich.console import RenderableType

_NUMBERS = (
    *("load", "offered_per_s", "served_per_s", "served", "p50_s", "p90_s", "p99_s", "max_s", "mean_s"),
    *("mean_wait_s", "wait_error_s", "loss_share", "busiest", "utilisation", "steady"),
)
_PREDICTED = ("p50_s", "p99_s", "mean_s", "mean_wait_s")


def show_load_curve(curve: LoadCurve) -> RenderableType:
    """What was run, the loads, and the knee, for ``rich.print``."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [load_curve_grid(curve).rich(), Text("")]
    if any(point.predicted for point in curve.points):
        parts += [prediction_grid(curve).rich(), Text("")]
    parts += [Text(line) for line in findings(curve)]
    return Group(*parts)


def load_curve_grid(curve: LoadCurve) -> Grid:
    """A row for each load; the knee has a star."""
    knee = curve.knee
    return Grid(
        f"{curve.experiment} on {curve.hardware}: latency against offered load",
        ("load", "offered/s", "served/s", "p50", "p90", "p99", "max", "wait", "lost", "busy"),
        tuple(_row(point, point is knee) for point in curve.points),
        note="load: of the capacity"
        + ("" if knee is None else ", * the knee")
        + ("" if all(point.steady for point in curve.points) else ", ^ waits grow with the requests")
        + "; p50 to max: from arrival to answer; wait: mean, beyond the latency of a request alone; "
        "busy: share of the time that the busiest processor computes",
    )


def _row(point: LoadPoint, knee: bool) -> Row:
    marks = f"{' *' if knee else ''}{'' if point.steady else ' ^'}"
    times_s = (point.p50_s, point.p90_s, point.p99_s, point.max_s, point.mean_wait_s)
    return (
        f"{units.percent(point.load)}{marks}",
        units.number(point.offered_per_s),
        units.number(point.served_per_s),
        *(units.duration(each) for each in times_s),
        units.percent(point.loss_share),
        units.percent(point.utilisation),
    )


def prediction_grid(curve: LoadCurve) -> Grid:
    """Queueing theory beside what was measured, for the loads of which it says something."""
    rows: list[Row] = []
    for point in curve.points:
        theory = point.predicted
        if theory is not None:
            times_s = (theory.mean_wait_s, point.p50_s, theory.p50_s, point.p99_s, theory.p99_s)
            rows.append(
                (
                    units.percent(point.load),
                    units.duration(point.mean_wait_s),
                    "-" if point.wait_error_s is None else units.duration(point.wait_error_s, 2),
                    *(units.duration(each) for each in times_s),
                )
            )
    name = theory_name(curve)
    columns = ("load", "mean wait", "+-", f"wait {name}", "p50", f"p50 {name}", "p99", f"p99 {name}")
    note = f"{_assumption(curve)}; +-: standard error of the mean wait"
    return Grid(f"Beside queueing theory ({name})", columns, tuple(rows), note=note)


def theory_name(curve: LoadCurve) -> str:
    """The queue in Kendall's notation: arrivals, service, servers."""
    return "D/D/1" if curve.arrivals == "fixed" else "M/D/1"


def _assumption(curve: LoadCurve) -> str:
    if curve.one_server:
        return "one request after the other, each in the same time"
    return (
        "a pipeline whose stages take constant times waits as its slowest stage alone would (Avi-Itzhak 1965)"
    )


def findings(curve: LoadCurve) -> tuple[str, ...]:
    """Capacity, knee and how it was measured, a sentence each."""
    images = "1 image" if curve.images == 1 else f"{curve.images} images"
    queue = "a queue without limit" if curve.queue is None else f"a queue of {curve.queue}"
    kinds = {
        "poisson": f"Poisson (seed {curve.seed})",
        "fixed": "equidistant",
        "recorded": "as in the file",
    }
    capacity = (
        f"capacity: {units.number(curve.capacity_per_s)} requests/s of {images} in mode {curve.mode}, one "
        f"every {units.duration(curve.interval_s)}; alone a request takes {units.duration(curve.service_s)}"
    )
    offered = (
        f"arrivals: {curve.requests:,} requests a load, {kinds[curve.arrivals]}, the first {curve.warm_up:,} "
        f"not counted; {queue}"
    )
    return (capacity, _bend(curve), offered, *(f"note: {note}" for note in curve.notes))


def _bend(curve: LoadCurve) -> str:
    knee = curve.knee
    if knee is None:
        return f"no knee: one load; busiest: {curve.points[0].busiest}"
    return (
        f"knee: of these loads {units.percent(knee.load)}, {units.number(knee.offered_per_s)} requests/s "
        f"with p99 {units.duration(knee.p99_s)}: the greatest served rate over mean latency; "
        f"busiest: {knee.busiest}"
    )


def load_curve_json(curve: LoadCurve) -> Json:
    """The same for programs; docs/serving.md says what is in it."""
    return {
        "version": "1",
        "experiment": curve.experiment,
        "hardware": curve.hardware,
        "mode": curve.mode,
        "images": curve.images,
        "arrivals": curve.arrivals,
        "seed": curve.seed,
        "requests": curve.requests,
        "warm_up": curve.warm_up,
        "queue": curve.queue,
        "capacity_per_s": curve.capacity_per_s,
        "service_s": curve.service_s,
        "knee": None if curve.knee is None else curve.knee.load,
        "theory": theory_name(curve) if any(point.predicted for point in curve.points) else None,
        "points": [_point_json(point) for point in curve.points],
        "notes": list(curve.notes),
    }


def _point_json(point: LoadPoint) -> Json:
    theory = point.predicted
    return {
        "load": point.load,
        "offered_per_s": point.offered_per_s,
        "served_per_s": point.served_per_s,
        "served": point.served,
        "p50_s": point.p50_s,
        "p90_s": point.p90_s,
        "p99_s": point.p99_s,
        "max_s": point.max_s,
        "mean_s": point.mean_s,
        "mean_wait_s": point.mean_wait_s,
        "wait_error_s": point.wait_error_s,
        "loss_share": point.loss_share,
        "busiest": point.busiest,
        "utilisation": point.utilisation,
        "steady": point.steady,
        "predicted": None
        if theory is None
        else {
            "p50_s": theory.p50_s,
            "p99_s": theory.p99_s,
            "mean_s": theory.mean_s,
            "mean_wait_s": theory.mean_wait_s,
        },
    }


def load_curve_csv(curve: LoadCurve) -> str:
    """A header, then a line for each load; what theory says stands empty where it says nothing."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow((*_NUMBERS, *(f"predicted_{name}" for name in _PREDICTED)))
    for point in load_curve_json(curve)["points"]:
        theory = point["predicted"] or {}
        rows.writerow((*(point[name] for name in _NUMBERS), *(theory.get(name, "") for name in _PREDICTED)))
    return text.getvalue()
