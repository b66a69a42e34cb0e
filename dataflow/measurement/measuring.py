"""All measures of a run, put together."""

from __future__ import annotations

from dataclasses import replace

from dataflow.measurement.bubble import bubble
from dataflow.measurement.communication import (
    collectives,
    dimensions,
    exchange_latencies,
    links,
    traffic,
    transfers,
)
from dataflow.measurement.control import control_use
from dataflow.measurement.critical_path import critical_path
from dataflow.measurement.idleness import engines, idleness
from dataflow.measurement.input_path import input_path, with_batches_ready
from dataflow.measurement.layers import layers
from dataflow.measurement.limits import limits
from dataflow.measurement.measured import sample_latency, sort_trace
from dataflow.measurement.pipeline import pipeline, step_ps
from dataflow.measurement.usage import memory_use, phases, processor_use
from dataflow.memory_map import memory_map
from dataflow.metrics import Metrics
from dataflow.picoseconds import PS_PER_S
from dataflow.simulation import Run

SECONDS_PER_DAY = 86_400


def measure(run: Run) -> Metrics:
    """What a run's trace says in numbers, and what faster resources would make of it.

    See ``dataflow.metrics`` for what each number means.
    """
    metrics = measure_trace(run)
    found = replace(metrics, limits=limits(run.placed, metrics.steps, metrics.step_time_s))
    if found.input is None:
        return found
    needed = found.batch / with_batches_ready(run.placed, found.steps)
    return replace(found, input=replace(found.input, needed_images_per_s=needed))


def measure_trace(run: Run) -> Metrics:
    """The same without simulating faster machines: ``limits`` is empty, what they would need not known."""
    trace, training, hardware = run.trace, run.placed.task_graph.training, run.placed.hardware
    measured = sort_trace(trace, tuple(hardware.processors))
    streaming = run.placed.task_graph.mode == "pipeline"
    step_s = step_ps(trace, streaming=streaming) / PS_PER_S
    idle = idleness(hardware, measured, streaming=streaming)
    images_per_s = training.batch / step_s
    pipelined = pipeline(run.placed, measured) if streaming else None
    latency = pipelined.latency if pipelined else None
    if run.placed.task_graph.mode == "inference":
        latency = sample_latency(trace)
    return Metrics(
        steps=trace.steps,
        batch=training.batch,
        step_time_s=step_s,
        images_per_s=images_per_s,
        training_days=training.epochs * training.images_per_epoch / images_per_s / SECONDS_PER_DAY,
        cold_start_s=trace.start_ps / PS_PER_S,
        phases=phases(measured),
        processors=processor_use(hardware, measured),
        memories={
            name: memory_use(memory.capacity_bytes, measured.memory_events.get(name, ()), trace.start_ps)
            for name, memory in hardware.memories.items()
        },
        links=links(hardware, measured),
        traffic=traffic(hardware, measured),
        collectives=collectives(measured),
        dimensions=dimensions(measured),
        bubble=bubble(measured),
        transfers=transfers(measured),
        transfer_latency=exchange_latencies(measured),
        layers=layers(measured),
        critical_path=critical_path(trace),
        limits=(),
        idleness=idle,
        control=control_use(run.placed, measured, idle),
        pipeline=pipelined,
        memory_map=memory_map(run.placed),
        engines=engines(hardware, measured),
        sample_latency=latency,
        input=input_path(run.placed, measured, step_s),
    )
