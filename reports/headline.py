"""What a report says first where hosts prepare batches, tasks are signalled, samples stream, and so on."""

from __future__ import annotations

from reports import core_tables, input_tables, pipeline_tables, precision_tables, units
from reports.schema import Report


def lines(report: Report) -> list[tuple[str, str]]:
    """Label and text of what this run has to say beyond every other, in the order of reading."""
    found = (
        ("epoch", input_tables.epoch(report)),
        ("input", input_tables.verdict(report)),
        ("latency", latency(report)),
        ("pipeline", pipeline_tables.pace(report)),
        ("bottleneck", pipeline_tables.bottleneck(report)),
        ("cores", cores(report)),
        ("engines", engines(report)),
        ("control", core_tables.control(report)),
        ("numbers", precision_tables.summary(report)),
    )
    return [(label, text) for label, text in found if text]


def latency(report: Report) -> str:
    """How long samples took; empty of a training step, and of pipelines, whose pace has it."""
    told = report.sample_latency
    if told is None or report.pipeline is not None:
        return ""
    return (
        f"of {told.count} inferences, one after the other: median {units.duration(told.p50_s)}, "
        f"99th percentile {units.duration(told.p99_s)}, longest {units.duration(told.max_s)}"
        f"{'; latencies drawn within their published ranges' if told.drawn else ''}"
    )


def cores(report: Report) -> str:
    """Where the time of all cores went, in one line; empty where no cores share an address space."""
    each = core_tables.working(report)
    if not each:
        return ""
    mean = core_tables.mean_share(each)
    waits = {
        "memory": "wait for memory",
        "engine": "for engines",
        "signal": "for signals",
        "input": "for inputs",
    }
    told = [f"{units.percent(mean[cause])} {text}" for cause, text in waits.items() if mean[cause] > 0]
    idle = f"{units.percent(mean['idle'])} have no more to do"
    parts = [f"{units.percent(mean['compute'])} compute", *told, idle]
    unused = len(report.idleness) - len(each)
    count = f"{len(each)} with tasks, {unused} without" if unused else str(len(each))
    return f"{count}: on average {', '.join(parts)}"


def engines(report: Report) -> str:
    """How busy what all cores share is; empty where nothing is shared or none of it used."""
    used = {name: share for name, share in report.engines.items() if share > 0}
    return ", ".join(f"{name} busy {units.percent(share)} of the time" for name, share in used.items())
