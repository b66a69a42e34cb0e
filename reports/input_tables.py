"""What a report says of hosts that make batches of files, and whether training waits for them."""

from __future__ import annotations

from reports import units
from reports.grid import Grid
from reports.input_schema import InputPathEntry
from reports.schema import Report


def verdict(report: Report) -> str:
    """Whether the step is input-bound, and what hosts could do; empty where batches lie ready."""
    path = report.input
    if path is None:
        return ""
    what = "input-bound" if path.bound else "not input-bound"
    examples = report.network.examples
    text = f"{what}: {_hosts(path)} {units.number(path.images_per_s)} {examples}/s"
    if path.needed_images_per_s is not None:
        text += f", the rest takes {units.number(path.needed_images_per_s)} {examples}/s"
    busiest = max(path.hosts.values(), key=lambda use: use.busy)
    by = " by their memory" if busiest.bound == "memory" else ""
    each = " each" if len(path.hosts) > 1 else ""
    told = [f"{_cores(busiest.cores)}{each} busy {units.percent(busiest.busy)} of the step{by}"]
    if path.waiting > 0:
        told.append(f"processors wait for batches up to {units.percent(path.waiting)} of it")
    return f"{text}; {', '.join(told)}"


def epoch(report: Report) -> str:
    """How long an epoch takes; empty where batches lie ready, whose reports have the whole training alone."""
    if report.input is None or report.mode != "training" or not report.images_per_s:
        return ""
    count = report.training.images_per_epoch
    took = units.long_duration(count / report.images_per_s)
    return f"{took} for {count:,} {report.network.examples}"


def _hosts(path: InputPathEntry) -> str:
    several = len(path.hosts) > 1
    return f"{len(path.hosts)} hosts prepare" if several else f"{next(iter(path.hosts))!r} prepares"


def _cores(count: int) -> str:
    return "1 core" if count == 1 else f"{count} cores"


def hosts(report: Report) -> Grid:
    """A row for each host that makes batches."""
    path = report.input
    rows = tuple(
        (
            name,
            str(use.images),
            str(use.cores),
            str(use.buffers),
            units.duration(use.prepare_s),
            units.percent(use.busy),
            units.number(use.images_per_s),
            use.bound,
        )
        for name, use in (path.hosts.items() if path else ())
    )
    columns = ("host", "images", "cores", "buffers", "a batch", "of step", "images/s", "bound")
    note = "a batch: how long its images keep the cores busy; bound: by cores (compute) or host memory"
    return Grid("Input", columns, rows, left=("bound",), note=note)
