"""Which files a report has beyond those that every one has, and which pictures."""

from __future__ import annotations

from reports.schema import Report


def of(report: Report) -> dict[str, str]:
    """The pictures of a report: file name to what is to be seen."""
    told = {
        "timeline.png": "timeline of the run",
        "cores.png": "where the cores' time goes",
        "pipeline.png": "stages and buffers of the pipeline",
        "memory_map.png": "what is stored in which bank",
        "memory.png": "memory over time",
        "communication.png": "who sent how much to whom",
    }
    some = some_of(report)
    every = ("timeline.png", "memory.png", "communication.png")
    return {name: what for name, what in told.items() if name in (*every, *some)}


def some_of(report: Report) -> tuple[str, ...]:
    """The files that this report has and others have not."""
    found: list[str] = []
    if report.idleness:
        found += ["cores.png", "cores.csv"]
    if any(bank.stored for bank in report.memory_map):
        found.append("memory_map.png")
    if report.pipeline is not None:
        found.append("pipeline.png")
    return tuple(found)
