"""Whether steps wait for their batches, and what it would take that they do not."""

from __future__ import annotations

from dataclasses import replace

from dataflow.hardware import Hardware
from dataflow.input_metrics import InputPath, InputUse
from dataflow.measurement.measured import Measured, is_load
from dataflow.measurement.pipeline import step_ps
from dataflow.picoseconds import PS_PER_S
from dataflow.placement import PlacedGraph, PlacedTask, TaskKind
from dataflow.simulation.event_loop import Simulation

INPUT_PATH = "input path"
"""What is twice as fast with twice as many cores and memory that is twice as fast."""


def preparing(placed: PlacedGraph) -> tuple[PlacedTask, ...]:
    """The tasks of hosts that make batches of files; none where batches lie there ready."""
    return tuple(task for task in placed.tasks if task.kind is TaskKind.PREPARE)


def input_path(placed: PlacedGraph, measured: Measured, step_s: float) -> InputPath | None:
    """How busy hosts are with making batches, and whether that is what steps wait for; None where none do."""
    tasks = preparing(placed)
    if not tasks:
        return None
    hosts = {task.computes_in: _use(task, placed.hardware, step_s) for task in tasks}
    slowest_s = max(use.prepare_s for use in hosts.values())
    return InputPath(
        waiting=_waiting(measured),
        ahead=placed.task_graph.mode != "inference",
        images_per_s=placed.task_graph.training.batch / slowest_s,
        needed_images_per_s=None,
        hosts=hosts,
    )


def _use(task: PlacedTask, hardware: Hardware, step_s: float) -> InputUse:
    host, pictures = hardware.inputs[task.computes_in], task.pictures
    assert pictures is not None
    prepare_s = host.time_ps(pictures, task.bytes) / PS_PER_S
    return InputUse(
        images=pictures.images,
        cores=host.cores,
        buffers=host.buffers,
        prepare_s=prepare_s,
        busy=prepare_s / step_s,
        images_per_s=pictures.images / prepare_s,
        bound=host.bound(pictures, task.bytes),
    )


def _waiting(measured: Measured) -> float:
    """The part of the steps in which the processor that waits longest for batches does so."""
    waited_ps = [
        sum(
            wait.length_ps
            for wait in (*measured.prepared[name], *measured.exposed[name])
            if wait.transfer is None or is_load(wait.transfer)
        )
        for name in measured.computing
    ]
    return max(waited_ps) / measured.length_ps


def with_batches_ready(placed: PlacedGraph, steps: int) -> float:
    """The step time in seconds if hosts took no time for batches."""
    hardware = placed.hardware.roomy()
    ready = replace(hardware, inputs={name: host.instant() for name, host in hardware.inputs.items()})
    trace = Simulation(placed.on(ready), steps).run()
    return step_ps(trace, streaming=placed.task_graph.mode == "pipeline") / PS_PER_S


def with_faster_input(hardware: Hardware) -> Hardware:
    """The machine with twice as many cores for batches in each host, and memory twice as fast for them."""
    return replace(hardware, inputs={name: host.faster() for name, host in hardware.inputs.items()})
