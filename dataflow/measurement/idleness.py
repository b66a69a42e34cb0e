"""Why the cores of an address space do not compute."""

from __future__ import annotations

from collections.abc import Sequence

from dataflow.hardware import Hardware
from dataflow.measurement.measured import Measured
from dataflow.metrics import Idleness
from dataflow.trace import Span


def idleness(hardware: Hardware, measured: Measured, *, streaming: bool) -> dict[str, Idleness]:
    """By core; with the time it is busy, in which waits for memory and engines are, they make up the run.

    Each is of the whole run over its steps, so that of samples that stream fill and drain are in them.
    streaming: whether steps overlap, so that a core which has done its part of one waits for
    what it reads in the next; else it has no more to do until its step has ended.
    """
    return {
        name: _of(measured.computing[name], measured, streaming=streaming)
        for name, processor in hardware.processors.items()
        if processor.memory
    }


def _of(computing: Sequence[Span], measured: Measured, *, streaming: bool) -> Idleness:
    trace = measured.trace
    signal_ps = input_ps = idle_ps = 0
    free_ps, step = trace.start_ps, -1
    for span in sorted(computing, key=lambda span: (span.start_ps, span.index)):
        if not streaming and step not in (-1, span.step):
            over_ps = min(max(trace.step_ends_ps[step], free_ps), span.start_ps)
            idle_ps += over_ps - free_ps
            free_ps = over_ps
        ready_ps = min(max(span.ready_ps, free_ps), span.start_ps)
        input_ps += ready_ps - free_ps
        signal_ps += span.start_ps - ready_ps
        free_ps, step = span.end_ps, span.step
    idle_ps += trace.end_ps - free_ps
    return Idleness(
        signal_s=measured.per_step(signal_ps),
        input_s=measured.per_step(input_ps),
        memory_s=measured.per_step(sum(span.stalled_ps for span in computing)),
        engine_s=measured.per_step(sum(span.engine_ps for span in computing)),
        idle_s=measured.per_step(idle_ps),
    )


def engines(hardware: Hardware, measured: Measured) -> dict[str, float]:
    """The part of the time that each shared engine was busy: what was asked of it at its own rate."""
    asked = dict.fromkeys(hardware.engines, 0.0)
    for spans in measured.computing.values():
        for span in spans:
            for name, count in span.engine_operations:
                asked[name] += count
    return {
        name: count / hardware.engines[name].operations_per_s / measured.length_s
        for name, count in asked.items()
    }
