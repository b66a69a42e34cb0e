"""What processors and memories were used for."""

from __future__ import annotations

from collections.abc import Sequence

from dataflow.hardware import Hardware, Processor
from dataflow.intervals import Intervals
from dataflow.measurement.measured import Measured
from dataflow.metrics import Holding, MemoryUse, ProcessorUse
from dataflow.ops import Phase
from dataflow.picoseconds import PS_PER_S
from dataflow.trace import MemoryEvent, Span


def phases(measured: Measured) -> dict[str, float]:
    """Busy time of all processors together, by phase."""
    total = dict.fromkeys((p.label for p in Phase if p is not Phase.LOAD), 0)
    for spans in measured.computing.values():
        for span in spans:
            total[span.phase.label] += span.length_ps
    return {phase: measured.per_step(time_ps) for phase, time_ps in total.items()}


def processor_use(hardware: Hardware, measured: Measured) -> dict[str, ProcessorUse]:
    """What each processor did."""
    own: dict[str, list[Span]] = {name: [] for name in hardware.processors}
    for span in measured.transfers:
        for end in span.ends:
            if end in own:
                own[end].append(span)
    return {
        name: _use(processor, measured.going_on(own[name]), measured)
        for name, processor in hardware.processors.items()
    }


def _use(processor: Processor, transfers: Intervals, measured: Measured) -> ProcessorUse:
    """transfers: when any transfer that leaves or reaches the processor was on its way."""
    name = processor.name
    computing, exposed = measured.computing[name], measured.exposed[name]
    busy_ps = sum(span.length_ps for span in computing)
    by: dict[tuple[str, str], int] = {}
    for wait in exposed:
        assert wait.transfer is not None
        key = (wait.transfer.layer, wait.transfer.phase.label)
        by[key] = by.get(key, 0) + wait.length_ps
    hidden_ps = transfers.length_ps - transfers.overlap_ps(measured.exposed_intervals[name])
    return ProcessorUse(
        model=processor.model,
        busy_s=measured.per_step(busy_ps),
        utilisation=busy_ps / measured.length_ps,
        flop=measured.count_per_step(sum(span.flop for span in computing)),
        peak_flops=processor.cost.peak_flops,
        communication_exposed_s=measured.per_step(sum(wait.length_ps for wait in exposed)),
        communication_hidden_s=measured.per_step(hidden_ps),
        waiting_for_others_s=measured.per_step(sum(wait.length_ps for wait in measured.others[name])),
        exposed_by={key: measured.per_step(time_ps) for key, time_ps in by.items()},
        waiting_for_input_s=measured.per_step(sum(wait.length_ps for wait in measured.prepared[name])),
    )


def memory_use(capacity_bytes: int, events: Sequence[MemoryEvent], start_ps: int) -> MemoryUse:
    """A memory at the first of the instants at which it was fullest. start_ps: when step 0 began."""
    peak = max(events, key=lambda event: event.used_bytes, default=None)
    if peak is None:
        return MemoryUse(capacity_bytes, 0, 0.0, ())
    held: dict[str, Holding] = {}
    for event in events:
        if event.bytes > 0:
            held[event.tensor] = Holding(event.tensor, event.kind, event.bytes)
        else:
            held.pop(event.tensor, None)
        if event is peak:
            break
    largest = sorted(held.values(), key=lambda holding: (-holding.bytes, holding.tensor))
    return MemoryUse(capacity_bytes, peak.used_bytes, (peak.time_ps - start_ps) / PS_PER_S, tuple(largest))
