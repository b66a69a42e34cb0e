"""The buffers between the stages of a hardware pipeline: how full they were, and whom they kept waiting."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dataflow.measurement.measured import Measured
from dataflow.metrics import BufferUse
from dataflow.picoseconds import PS_PER_S
from dataflow.placement import PlacedGraph, PlacedTask, TaskKind
from dataflow.simulation.schedule import Schedule
from dataflow.trace import Span

Spans = Mapping[tuple[int, int], Span]
"""By step and task."""


def buffers(placed: PlacedGraph, measured: Measured) -> tuple[BufferUse, ...]:
    """Every shard that one processor or transfer writes and another reads, in the order of the tasks.

    A sample is in a buffer from when its writer starts until its last reader has ended.
    """
    spans = {(s.step, s.task): s for s in measured.spans if s.kind is not TaskKind.SIGNAL}
    schedule = Schedule(placed)
    before = _before(measured)
    found: list[BufferUse] = []
    for shard, writer in placed.writer.items():
        task = placed.tasks[writer]
        readers = [r for r in placed.readers[shard] if not _same(task, placed.tasks[r])]
        if readers:
            stalled_ps = sum(
                _stalled_ps(schedule, spans[step, writer], readers, spans, before)
                for step in range(measured.trace.steps)
            )
            found.append(_use(placed, shard, (writer, readers), spans, measured, stalled_ps))
    return tuple(found)


def _before(measured: Measured) -> dict[int, int]:
    """When who does it had done what comes before, by the span's place in the trace.

    Before a computation comes another on its processor, before a transfer the same one of the step
    before: of samples that all wait at a source only the next one keeps it waiting.
    """
    transfers: dict[int, list[Span]] = {}
    for span in measured.transfers:
        transfers.setdefault(span.task, []).append(span)
    found: dict[int, int] = {}
    for computing in (*measured.computing.values(), *transfers.values()):
        free_ps = 0
        for span in sorted(computing, key=lambda span: (span.start_ps, span.step)):
            found[span.index] = free_ps
            free_ps = span.end_ps
    return found


def _stalled_ps(
    schedule: Schedule, span: Span, readers: list[int], spans: Spans, free_ps: Mapping[int, int]
) -> int:
    """How long a writer waited for readers of earlier steps, itself free and its input there."""
    room_ps, other_ps = 0, free_ps.get(span.index, 0)
    for step, index in schedule.predecessors(span.step, span.task):
        before = spans.get((step, index))
        if before is None:
            continue
        if step < span.step and index in readers:
            room_ps = max(room_ps, before.end_ps)
        else:
            other_ps = max(other_ps, before.end_ps)
    return max(0, min(room_ps, span.start_ps) - other_ps)


def _same(writer: PlacedTask, reader: PlacedTask) -> bool:
    return writer.processor is not None and writer.processor == reader.processor


def _who(tasks: Iterable[PlacedTask]) -> str:
    names = dict.fromkeys(t.processor or f"{t.route[0]}->{t.route[1]}" for t in tasks)
    return ", ".join(names)


def _use(
    placed: PlacedGraph,
    shard: str,
    ends: tuple[int, list[int]],
    spans: Spans,
    measured: Measured,
    stalled_ps: int,
) -> BufferUse:
    writer, readers = ends
    trace, capacity = measured.trace, placed.plan.buffers
    changes: list[tuple[int, int]] = []
    for step in range(trace.steps):
        start_ps = max(spans[step, writer].start_ps, trace.start_ps)
        end_ps = max(spans[step, reader].end_ps for reader in readers)
        changes += [(start_ps, 1), (end_ps, -1)]
    held = peak = full_ps = held_ps = 0
    since_ps = trace.start_ps
    for time_ps, change in sorted(changes):
        held_ps += held * (time_ps - since_ps)
        full_ps += (time_ps - since_ps) * (held >= capacity)
        held, since_ps = held + change, time_ps
        peak = max(peak, held)
    return BufferUse(
        tensor=placed.shards[shard].place,
        holds=placed.shards[shard].tensor.base,
        producer=_who([placed.tasks[writer]]),
        consumer=_who(placed.tasks[reader] for reader in readers),
        capacity=capacity,
        mean=held_ps / measured.length_ps,
        peak=peak,
        full_fraction=full_ps / measured.length_ps,
        stalled_s=stalled_ps / PS_PER_S,
    )
