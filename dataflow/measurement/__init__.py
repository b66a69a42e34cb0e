"""From a run to its metrics."""

from __future__ import annotations

from dataflow.measurement.communication import links_passed
from dataflow.measurement.critical_path import critical_path
from dataflow.measurement.inference_latency import has_ranges, inference_latency
from dataflow.measurement.limits import limits
from dataflow.measurement.measuring import measure, measure_trace

__all__ = [
    "critical_path",
    "has_ranges",
    "inference_latency",
    "limits",
    "links_passed",
    "measure",
    "measure_trace",
]
