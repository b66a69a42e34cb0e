"""From a run to its metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from dataflow.cost import PS_PER_S, Roofline
from dataflow.hardware import Hardware
from dataflow.metrics import (
    Holding,
    Latencies,
    LayerTime,
    Limit,
    LinkUse,
    MemoryUse,
    Metrics,
    Movement,
    PathPart,
    ProcessorUse,
    Transfer,
)
from dataflow.ops import Phase
from dataflow.placement import PlacedGraph, TaskKind
from dataflow.simulation import Run, simulate
from dataflow.trace import Span, Trace
from dataflow.waiting import Wait, path_to, union_ps, waits_of

SECONDS_PER_DAY = 86_400
_PLENTY = 2**62


def measure(run: Run) -> Metrics:
    """What a run's trace says in numbers, and what faster resources would make of it.

    See ``dataflow.metrics`` for what each number means.
    """
    metrics = measure_trace(run)
    return replace(metrics, limits=limits(run.placed, metrics.steps, metrics.step_time_s))


def measure_trace(run: Run) -> Metrics:
    """The same without simulating faster machines: ``limits`` is empty."""
    trace, training = run.trace, run.placed.task_graph.training
    step_s = _per_step(trace.end_ps - trace.start_ps, trace)
    images_per_s = training.batch / step_s
    return Metrics(
        steps=trace.steps,
        batch=training.batch,
        step_time_s=step_s,
        images_per_s=images_per_s,
        training_days=training.epochs * training.images_per_epoch / images_per_s / SECONDS_PER_DAY,
        cold_start_s=trace.start_ps / PS_PER_S,
        phases=_phases(trace),
        processors={
            name: _processor_use(name, processor.model, processor.cost.peak_flops, trace)
            for name, processor in run.placed.hardware.processors.items()
        },
        memories={
            name: _memory_use(name, memory.capacity_bytes, trace)
            for name, memory in run.placed.hardware.memories.items()
        },
        links=_links(run.placed.hardware, trace),
        transfers=tuple(_transfer(span, trace.start_ps) for span in _transfers(trace)),
        transfer_latency=_latencies(
            [span.latency_ps for span in _transfers(trace) if span.phase is not Phase.LOAD]
        ),
        layers=_layers(trace),
        critical_path=critical_path(trace),
        limits=(),
    )


def _per_step(time_ps: int, trace: Trace) -> float:
    return time_ps / trace.steps / PS_PER_S


def _transfers(trace: Trace) -> list[Span]:
    return [span for span in trace.measured if span.kind is TaskKind.TRANSFER]


def _phases(trace: Trace) -> dict[str, float]:
    """Busy time of all processors together, by phase."""
    total = dict.fromkeys((p.label for p in Phase if p is not Phase.LOAD), 0)
    for span in trace.measured:
        if span.processor:
            total[span.phase.label] += span.length_ps
    return {phase: _per_step(time_ps, trace) for phase, time_ps in total.items()}


# -- processors and memories --------------------------------------------------------------


def _processor_use(name: str, model: str, peak_flops: float, trace: Trace) -> ProcessorUse:
    computing = [span for span in trace.measured if span.processor == name]
    waits = waits_of(name, trace)
    exposed = [wait for wait in waits if wait.transfer is not None]
    busy_ps = sum(span.length_ps for span in computing)
    own = [(s.start_ps, s.end_ps) for s in _transfers(trace) if name in (s.source, s.destination)]
    hidden_ps = union_ps(own) - _overlap_ps(own, exposed)
    by: dict[tuple[str, str], int] = {}
    for wait in exposed:
        assert wait.transfer is not None
        key = (wait.transfer.layer, wait.transfer.phase.label)
        by[key] = by.get(key, 0) + wait.length_ps
    return ProcessorUse(
        model=model,
        busy_s=_per_step(busy_ps, trace),
        utilisation=busy_ps / (trace.end_ps - trace.start_ps),
        flop=sum(span.flop for span in computing) // trace.steps,
        peak_flops=peak_flops,
        communication_exposed_s=_per_step(sum(w.length_ps for w in exposed), trace),
        communication_hidden_s=_per_step(hidden_ps, trace),
        waiting_for_others_s=_per_step(sum(w.length_ps for w in waits if w.transfer is None), trace),
        exposed_by={key: _per_step(time_ps, trace) for key, time_ps in by.items()},
    )


def _overlap_ps(intervals: Sequence[tuple[int, int]], waits: Sequence[Wait]) -> int:
    """Time that is in any of the intervals and in any of the waits."""
    waited = [(wait.start_ps, wait.end_ps) for wait in waits]
    return union_ps(intervals) + union_ps(waited) - union_ps([*intervals, *waited])


def _memory_use(name: str, capacity_bytes: int, trace: Trace) -> MemoryUse:
    events = [event for event in trace.memory_events if event.memory == name]
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
    peak_at_s = (peak.time_ps - trace.start_ps) / PS_PER_S
    return MemoryUse(capacity_bytes, peak.used_bytes, peak_at_s, tuple(largest))


# -- communication ------------------------------------------------------------------------


def _transfer(span: Span, start_ps: int) -> Transfer:
    source, destination = span.ends
    return Transfer(
        layer=span.layer,
        phase=span.phase.label,
        step=span.step,
        source=source,
        destination=destination,
        bytes=span.bytes,
        ready_s=(span.ready_ps - start_ps) / PS_PER_S,
        start_s=(span.start_ps - start_ps) / PS_PER_S,
        end_s=(span.end_ps - start_ps) / PS_PER_S,
    )


def _latencies(latencies_ps: Sequence[int]) -> Latencies:
    """Nearest-rank percentiles: the smallest value that at least p percent do not exceed."""
    if not latencies_ps:
        return Latencies(0, 0.0, 0.0, 0.0)
    ordered = sorted(latencies_ps)

    def percentile(p: int) -> float:
        return ordered[-(-p * len(ordered) // 100) - 1] / PS_PER_S

    return Latencies(len(ordered), percentile(50), percentile(99), percentile(100))


def _links(hardware: Hardware, trace: Trace) -> dict[str, LinkUse]:
    """Every direction of every link, and every pair of memories that data went between."""
    transfers = _transfers(trace)
    passed: dict[str, list[Span]] = {link.name: [] for link in hardware.links}
    routes: dict[str, list[Span]] = {}
    for span in transfers:
        route = hardware.route(*span.ends)
        for link in route:
            passed[link.name].append(span)
        if len(route) > 1:
            routes.setdefault(f"{span.source}->{span.destination}", []).append(span)
    links = {name: _link_use("link", spans, trace) for name, spans in passed.items()}
    links |= {name: _link_use("route", spans, trace) for name, spans in sorted(routes.items())}
    return links


def _link_use(kind: str, spans: Sequence[Span], trace: Trace) -> LinkUse:
    window = [(max(s.start_ps, trace.start_ps), s.end_ps) for s in spans]
    busy_ps = union_ps(window)
    moved: dict[tuple[str, str], tuple[int, int]] = {}
    for span in spans:
        key = (span.layer, span.phase.label)
        size, time_ps = moved.get(key, (0, 0))
        moved[key] = (size + span.bytes, time_ps + span.length_ps)
    return LinkUse(
        kind=kind,
        bytes=sum(span.bytes for span in spans) // trace.steps,
        busy_s=_per_step(busy_ps, trace),
        utilisation=busy_ps / (trace.end_ps - trace.start_ps),
        movements=tuple(
            Movement(layer, phase, size // trace.steps, _per_step(time_ps, trace))
            for (layer, phase), (size, time_ps) in moved.items()
        ),
    )


# -- layers and the critical path ---------------------------------------------------------


def _layers(trace: Trace) -> tuple[LayerTime, ...]:
    groups: dict[tuple[str, str], list[Span]] = {}
    ordered = sorted(trace.measured, key=lambda span: (span.phase, span.task))
    for span in ordered:
        groups.setdefault((span.layer, span.phase.label), []).append(span)
    return tuple(_layer_time(layer, phase, spans, trace) for (layer, phase), spans in groups.items())


def _layer_time(layer: str, phase: str, spans: Sequence[Span], trace: Trace) -> LayerTime:
    computing = [span for span in spans if span.processor]
    bounds: dict[str, int] = {}
    for span in computing:
        bounds[span.bound] = bounds.get(span.bound, 0) + span.length_ps
    return LayerTime(
        name=layer,
        phase=phase,
        time_s=_per_step(sum(span.length_ps for span in computing), trace),
        flop=sum(span.flop for span in computing) // trace.steps,
        bytes=sum(span.bytes for span in computing) // trace.steps,
        transfer_bytes=sum(span.bytes for span in spans if not span.processor) // trace.steps,
        bound=max(bounds, key=lambda bound: bounds[bound]) if bounds else "link",
    )


def critical_path(trace: Trace) -> tuple[PathPart, ...]:
    """What the longest chain of causes was spent on, largest share first.

    From the span that ended last back through what each start had waited for, to the
    beginning of step 0; the parts add up to the whole time.
    """
    last = max(trace.measured, key=lambda span: (span.end_ps, -span.index))
    total_ps = trace.end_ps - trace.start_ps
    spent: dict[str, int] = {}
    for span, start_ps, end_ps in path_to(last, trace, trace.start_ps):
        what = _what(span)
        spent[what] = spent.get(what, 0) + end_ps - start_ps
    parts = sorted(spent.items(), key=lambda item: (-item[1], item[0]))
    return tuple(PathPart(what, _per_step(ps, trace), ps / total_ps) for what, ps in parts)


def _what(span: Span) -> str:
    if span.processor is None:
        return f"{span.phase.label} transfers {span.source}->{span.destination}"
    if span.kind is TaskKind.SUM:
        return f"{span.phase.label} sums on {span.processor}"
    return f"{span.operation.replace('_', ' ')} on {span.processor}"


# -- what if ------------------------------------------------------------------------------


def limits(placed: PlacedGraph, steps: int, step_s: float) -> tuple[Limit, ...]:
    """The step time, simulated again, with each kind of resource twice as fast; best first."""
    found: list[Limit] = []
    # A faster machine may hold more at once: how much its memories hold is another question.
    memories = {name: replace(m, capacity_bytes=_PLENTY) for name, m in placed.hardware.memories.items()}
    roomy = replace(placed.hardware, memories=memories)
    for resource, hardware in _doubled(roomy).items():
        trace = simulate(replace(placed, hardware=hardware), steps).trace
        faster_s = _per_step(trace.end_ps - trace.start_ps, trace)
        found.append(Limit(resource, faster_s, step_s / faster_s))
    return tuple(sorted(found, key=lambda limit: (limit.step_time_s, limit.resource)))


def _doubled(hardware: Hardware) -> dict[str, Hardware]:
    """The machine with one kind of resource twice as fast, by that resource's name."""

    def with_costs(change: Callable[[Roofline], Roofline]) -> Hardware:
        processors = {
            name: replace(p, cost=change(p.cost)) if isinstance(p.cost, Roofline) else p
            for name, p in hardware.processors.items()
        }
        return replace(hardware, processors=processors)

    return {
        "arithmetic": with_costs(lambda c: replace(c, peak_flops=2 * c.peak_flops)),
        "memory bandwidth": with_costs(
            lambda c: replace(c, bandwidth_bytes_per_s=2 * c.bandwidth_bytes_per_s)
        ),
        "kernel launches": with_costs(lambda c: replace(c, launch_overhead_ps=c.launch_overhead_ps // 2)),
        "links": replace(
            hardware,
            processors={
                name: replace(p, copy_overhead_ps=p.copy_overhead_ps // 2)
                for name, p in hardware.processors.items()
            },
            links=tuple(
                replace(
                    link,
                    bandwidth_bytes_per_s=2 * link.bandwidth_bytes_per_s,
                    latency_ps=link.latency_ps // 2,
                )
                for link in hardware.links
            ),
        ),
    }
