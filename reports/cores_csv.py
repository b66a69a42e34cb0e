"""cores.csv: where the time of each core goes, for programs."""

from __future__ import annotations

import csv
from io import StringIO

from reports.core_tables import CAUSES, times
from reports.schema import Report

COLUMNS = ("core", "busy_s", *(f"{cause}_s" for cause in CAUSES))


def cores_csv(report: Report) -> str:
    """A line for each core, in seconds of a step; all but ``busy_s`` add up to the run over its steps."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for core, parts in times(report).items():
        seconds = (repr(part_s) for part_s in parts.values())
        writer.writerow((core, repr(report.processors[core].busy_s), *seconds))
    return text.getvalue()
