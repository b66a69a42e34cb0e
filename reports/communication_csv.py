"""communication.csv: every pair of memories that anything went between."""

from __future__ import annotations

import csv
from io import StringIO

from reports.schema import Report

COLUMNS = ("from", "to", "transfers", "bytes", "loaded_bytes", "busy_s")


def communication_csv(report: Report) -> str:
    """A header, then a line for each pair, in the order of report.json."""
    text = StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(COLUMNS)
    rows.writerows(
        (pair.source, pair.destination, pair.transfers, pair.bytes, pair.loaded_bytes, pair.busy_s)
        for pair in report.traffic
    )
    return text.getvalue()
