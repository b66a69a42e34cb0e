"""What starting tasks took: signals of a controller, or semaphores."""

from __future__ import annotations

from collections.abc import Mapping

from dataflow.measurement.measured import Measured
from dataflow.metrics import ControlUse, Idleness
from dataflow.placement import PlacedGraph, TaskKind


def control_use(placed: PlacedGraph, measured: Measured, idle: Mapping[str, Idleness]) -> ControlUse | None:
    """What control took in a step; None where there is no controller, and tasks start at no cost."""
    if placed.hardware.controller is None:
        return None
    kind, steps = placed.plan.control.kind, measured.trace.steps
    if kind == "dataflow":
        tests = [span for spans in measured.computing.values() for span in spans if span.semaphore_ps]
        busy_ps = sum(span.semaphore_ps for span in tests)
        working = sum(1 for spans in measured.computing.values() if spans)
        return ControlUse(
            kind=kind,
            signals=len(tests) / steps,
            busy_s=measured.per_step(busy_ps),
            utilisation=busy_ps / (measured.length_ps * working),
            overhead_s=measured.per_step(busy_ps),
        )
    messages = [span for span in measured.spans if span.kind is TaskKind.SIGNAL]
    busy_ps = sum(span.length_ps for span in messages)
    return ControlUse(
        kind=kind,
        signals=len(messages) / steps,
        busy_s=measured.per_step(busy_ps),
        utilisation=busy_ps / measured.length_ps,
        overhead_s=sum(each.signal_s for each in idle.values()),
    )
