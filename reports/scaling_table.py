"""An experiment at several sizes as a table, as JSON and as CSV."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from io import StringIO
from typing import TYPE_CHECKING

from dataflow.scaling.curve import Scaling, ScalingPoint, Unfit
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
    *("exposed_share", "bubble", "busiest", "busiest_utilisation", "mean_busy"),
)


def show_scaling(scaling: Scaling) -> RenderableType:
    """The sizes side by side, and where they stop being faster and why, for ``rich.print``."""
    from rich.console import Group
    from rich.text import Text

    tables = (scaling_grid(scaling).rich(), Text(""), bottleneck_grid(scaling).rich())
    return Group(*tables, *(Text(line) for line in (*_misfits(scaling), *findings(scaling))))


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


def bottleneck_grid(scaling: Scaling) -> Grid:
    """Where the time of each size goes: the busiest resource, and the largest parts of the critical path."""
    names = tuple(scaling.points[0].setting)
    rows = tuple(
        (
            *point.setting.values(),
            point.bottleneck.busiest.told,
            units.percent(point.bottleneck.busiest.utilisation),
            units.percent(point.bottleneck.mean_busy),
            ", ".join(f"{part.what} {units.percent(part.share, 2)}" for part in point.bottleneck.chain[:2]),
        )
        for point in scaling.points
    )
    return Grid(
        "Where the time goes",
        (*(name.rpartition(".")[2] for name in names), "busiest", "busy", "mean", "critical path"),
        rows,
        left=("busiest", "critical path"),
        note="busy: share of the step, of the busiest resource; mean: of the processors that compute",
    )


def findings(scaling: Scaling) -> tuple[str, ...]:
    """Where more processors stop helping, and why; empty where that was not asked."""
    stop, largest = scaling.stop, max(scaling.points, key=lambda point: point.processors)
    if stop is not None:
        told = (
            f"Scaling stops at {stop.processors} processors ({units.times(stop.speed_up)}); more gain less "
        )
        return (
            f"{told}than 5 %. There {stop.bottleneck.reason}.",
            f"With {largest.processors} {largest.bottleneck.reason}{_grown(scaling)}.",
        )
    if len({point.processors for point in scaling.points}) > 1 and len(largest.setting) == 1:
        told = f"The largest size, {largest.processors} processors ({units.times(largest.speed_up)}), still "
        return (f"{told}gains. There {largest.bottleneck.reason}{_grown(scaling)}.",)
    return ()


def _misfits(scaling: Scaling) -> Iterator[str]:
    """A line for each size that does not fit on the cores, which has no room in the table."""
    for unfit in scaling.unfit:
        if unfit.reason is not None:
            size = ", ".join(f"{name.rpartition('.')[2]} {value}" for name, value in unfit.setting.items())
            yield f"With {size} it does not fit: {unfit.reason}."


def _grown(scaling: Scaling) -> str:
    """What more processors make longer rather than shorter."""
    if scaling.growing is None:
        return ""
    smallest = min(point.processors for point in scaling.points)
    before, after = scaling.growing
    changed = f"from {units.duration(before.time_s)} with {smallest} to {units.duration(after.time_s)}"
    return f"; what more processors make longer is {after.what}, {changed}"


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
    told = "does not fit"
    if unfit.capacity_bytes is not None:
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
        "stops_at": None if scaling.stop is None else scaling.stop.processors,
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
                "busiest": point.bottleneck.busiest.told,
                "busiest_utilisation": point.bottleneck.busiest.utilisation,
                "mean_busy": point.bottleneck.mean_busy,
                "critical_path": [
                    {"what": part.what, "time_s": part.time_s, "share": part.share}
                    for part in point.bottleneck.chain
                ],
                "reason": point.bottleneck.reason,
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
                "reason": unfit.reason,
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
