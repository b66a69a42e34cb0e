"""An experiment at several sizes as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
from io import StringIO
from typing import TYPE_CHECKING

from dataflow.scaling import Scaling, ScalingPoint, Unfit
from reports import units
from reports.document import Json
from reports.grid import Grid, Row

if TYPE_CHECKING:
    from rich.console import RenderableType

NOTHING = "nothing alone"
"""What limits a step that no resource makes faster by itself."""

UNKNOWN = "unknown"
"""What limits a step of which no faster machine was simulated."""

_NUMBERS = (
    *("processors", "batch", "step_time_s", "examples_per_s", "speed_up", "efficiency"),
    *("exposed_share", "bubble"),
)


def show_scaling(scaling: Scaling) -> RenderableType:
    """The sizes side by side, for ``rich.print``."""
    return scaling_grid(scaling).rich()


def scaling_grid(scaling: Scaling) -> Grid:
    """A row for each size, then one for each that does not fit in memory."""
    names = tuple(scaling.points[0].setting)
    shown = tuple(name.rpartition(".")[2] for name in names)
    numbers = ("procs", "batch", "step", "examples/s", "speed-up", "efficiency", "exposed", "bubble")
    rows = [_row(point) for point in scaling.points]
    rows += [_unfit_row(unfit, len(numbers)) for unfit in scaling.unfit]
    return Grid(
        f"{scaling.experiment}: {scaling.kind} scaling",
        (*shown, *numbers, "limited by"),
        tuple(rows),
        left=("limited by",),
        note="exposed: share of the processors' time in wait for transfers; limited by: what, twice as fast, "
        "makes the step so many times faster",
    )


def _row(point: ScalingPoint) -> Row:
    return (
        *point.setting.values(),
        str(point.processors),
        str(point.batch),
        units.duration(point.step_time_s),
        units.number(point.examples_per_s),
        units.times(point.speed_up),
        units.percent(point.efficiency),
        units.percent(point.exposed_share),
        units.percent(point.bubble),
        _limited_by(point),
    )


def _unfit_row(unfit: Unfit, numbers: int) -> Row:
    told = f"does not fit in {unfit.memory} ({units.size(unfit.capacity_bytes)})"
    return (*unfit.setting.values(), "-", str(unfit.batch), *["-"] * (numbers - 2), told)


def limiting_resource(point: ScalingPoint) -> str:
    """The name of the resource whose doubling helps most."""
    if not point.limits:
        return UNKNOWN
    return NOTHING if point.limiting is None else point.limiting.resource


def _limited_by(point: ScalingPoint) -> str:
    """That resource, and how much its doubling helps."""
    best = point.limiting
    return limiting_resource(point) if best is None else f"{best.resource} {units.times(best.gain)}"


def scaling_json(scaling: Scaling) -> Json:
    """The same for programs; docs/report.md says what is in it."""
    return {
        "version": "1",
        "experiment": scaling.experiment,
        "kind": scaling.kind,
        "points": [
            {
                "setting": dict(point.setting),
                "processors": point.processors,
                "batch": point.batch,
                "step_time_s": point.step_time_s,
                "examples_per_s": point.examples_per_s,
                "speed_up": point.speed_up,
                "efficiency": point.efficiency,
                "exposed_share": point.exposed_share,
                "bubble": point.bubble,
                "limited_by": None if point.limiting is None else point.limiting.resource,
                "limits": [
                    {"resource": limit.resource, "step_time_s": limit.step_time_s, "gain": limit.gain}
                    for limit in point.limits
                ],
            }
            for point in scaling.points
        ],
        "unfit": [
            {
                "setting": dict(unfit.setting),
                "batch": unfit.batch,
                "memory": unfit.memory,
                "capacity_bytes": unfit.capacity_bytes,
            }
            for unfit in scaling.unfit
        ],
    }


def scaling_csv(scaling: Scaling) -> str:
    """A header, then a line for each size that fits."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow((*scaling.points[0].setting, *_NUMBERS, "limited_by"))
    for point in scaling_json(scaling)["points"]:
        rows.writerow((*point["setting"].values(), *(point[name] for name in _NUMBERS), point["limited_by"]))
    return text.getvalue()
