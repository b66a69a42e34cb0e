"""trace.json: the run as ui.perfetto.dev and chrome://tracing show it.

The Trace Event Format, "JSON Object Format". Times are microseconds with three decimals:
the viewer keeps whole nanoseconds, so both ends of a span are cut to them, which leaves
spans that follow one another without overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from dataflow.hardware import Hardware
from dataflow.measurement import links_passed
from dataflow.placement import TaskKind
from dataflow.result import Result
from dataflow.simulation.resources import host_of
from dataflow.trace import MemoryEvent, Span, Trace
from reports.document import Json
from reports.lanes import lanes
from reports.timeline_hosts import is_preparation
from reports.timeline_signals import is_signal

_PROCESSORS, _COPY_ENGINES, _LINKS, _MEMORIES, _CONTROLLER, _HOSTS = range(1, 7)
_PROCESS_NAMES = {
    _CONTROLLER: "control",
    _PROCESSORS: "processors",
    _COPY_ENGINES: "copy engines",
    _LINKS: "links",
    _MEMORIES: "memories",
    _HOSTS: "hosts",
}

Track = tuple[int, int]
"""A process and a thread of it, as the format calls them."""


def perfetto_trace(result: Result) -> Json:
    """The trace as a JSON object: tracks of spans, arrows along the data, counters of memory."""
    trace, hardware = result.trace, result.experiment.hardware
    tracks = _Tracks(trace, hardware)
    timed = [*tracks.spans(), *_flows(trace, tracks), *_counters(trace.memory_events)]
    timed.sort(key=lambda event: event["ts"])
    return {
        "traceEvents": [*tracks.metadata(), *timed],
        "displayTimeUnit": "ms",
        "otherData": {"experiment": result.experiment.name, "steps": trace.steps, **result.versions},
    }


def _ns(time_ps: int) -> int:
    return time_ps // 1000


def _us(time_ns: int) -> float:
    return time_ns / 1000


class _Tracks:
    """Which tracks there are, and which of them each span is on."""

    def __init__(self, trace: Trace, hardware: Hardware) -> None:
        self.trace, self.hardware = trace, hardware
        on: dict[tuple[int, str], list[Span]] = {}
        for name, processor in hardware.processors.items():
            on[_PROCESSORS, name] = []
            if not processor.memory:
                on[_COPY_ENGINES, f"{name}.copy"] = []
        for link in hardware.links:
            on[_LINKS, link.name] = []
        for span in trace.spans:
            for key in _resources(span, hardware):
                on.setdefault(key, []).append(span)
        self.names: dict[Track, str] = {}
        self.by_span: dict[int, list[Track]] = {}
        for (process, resource), spans in on.items():
            for number, lane in enumerate(lanes(spans) or [[]], 1):
                track = (process, len(self.names) + 1)
                self.names[track] = resource if number == 1 else f"{resource} ({number})"
                for span in lane:
                    self.by_span.setdefault(span.index, []).append(track)

    def metadata(self) -> Iterator[Json]:
        """The names and the order of processes and threads."""
        used = {process for process, _ in self.names} | {_MEMORIES}
        for process, name in _PROCESS_NAMES.items():
            if process in (_CONTROLLER, _HOSTS) and process not in used:
                continue
            yield _meta("process_name", process, 0, {"name": name})
            order = 0 if process == _CONTROLLER else process
            yield _meta("process_sort_index", process, 0, {"sort_index": order})
        for (process, thread), name in self.names.items():
            yield _meta("thread_name", process, thread, {"name": name})
            yield _meta("thread_sort_index", process, thread, {"sort_index": thread})

    def spans(self) -> Iterator[Json]:
        """A complete event for each span on each of its tracks."""
        for span in self.trace.spans:
            for process, thread in self.by_span[span.index]:
                yield {
                    "name": _name(span),
                    "cat": "exchange" if _is_exchange(span) else span.phase.label,
                    "ph": "X",
                    "ts": _us(_ns(span.start_ps)),
                    "dur": _us(_ns(span.end_ps) - _ns(span.start_ps)),
                    "pid": process,
                    "tid": thread,
                    "args": _arguments(span),
                }


def _meta(name: str, process: int, thread: int, arguments: Json) -> Json:
    return {"name": name, "ph": "M", "pid": process, "tid": thread, "args": arguments}


def _resources(span: Span, hardware: Hardware) -> Iterator[tuple[int, str]]:
    """The processor, host or controller; of a transfer the copy engine and each link it passes."""
    if is_preparation(span):
        yield _HOSTS, span.resources[0]
        return
    if span.source is None or span.destination is None:
        yield _CONTROLLER if span.processor is None else _PROCESSORS, span.resources[0]
        return
    if span.resources[0].removesuffix(".copy") in hardware.memories:
        yield _COPY_ENGINES, span.resources[0]
    for link in links_passed(span, hardware):
        yield _LINKS, link.name


def _is_exchange(span: Span) -> bool:
    return span.kind is TaskKind.TRANSFER and span.phase.label != "load"


def _name(span: Span) -> str:
    if span.kind is TaskKind.TRANSFER:
        return f"{span.layer} {span.source}->{span.destination}"
    return f"{span.layer} {span.operation.rpartition(' ')[2].replace('_', ' ')}"


def _arguments(span: Span) -> Json:
    return {
        "task": span.name,
        "operation": span.operation,
        "layer": span.layer,
        "phase": span.phase.label,
        "step": span.step,
        "flop": span.flop,
        "bytes": span.bytes,
        "bound": span.bound,
        "waited_us": _us(_ns(span.start_ps - span.ready_ps)),
    }


# -- arrows -----------------------------------------------------------------------------------


def _flows(trace: Trace, tracks: _Tracks) -> Iterator[Json]:
    """Arrows from what made a transfer ready to it, from it to what it let start, and from signals."""
    number = 0
    makers = _Makers(trace, tracks.hardware)
    for span in trace.spans:
        maker = makers.of(span)
        if maker is not None:
            number += 1
            yield _flow("s", number, maker, tracks)
            yield _flow("f", number, span, tracks)


class _Makers:
    """What made each span ready."""

    def __init__(self, trace: Trace, hardware: Hardware) -> None:
        self.trace, self.hardware = trace, hardware
        self.ended: dict[tuple[str, int], Span] = {}
        for span in trace.spans:
            self.ended[self._reaches(span), span.end_ps] = span

    def of(self, span: Span) -> Span | None:
        """The span that made this one ready, where one of the two is a transfer, or is its signal.

        A span that had to queue has as its cause the one it queued behind; what it had waited for
        before that ended where its data comes from, at the instant it became ready. In an address
        space several may have ended there at that instant, so that only a cause is certain.
        """
        cause = None if span.cause is None else self.trace.spans[span.cause]
        if cause is not None and is_signal(cause):
            return None if is_signal(span) else cause
        wanted = self._memory(span) if span.source is None else span.source
        found = cause if cause is not None and cause.end_ps == span.ready_ps else None
        shared = wanted in self.hardware.memories and bool(self.hardware.memories[wanted].banks)
        if found is None and not shared:
            found = self.ended.get((wanted, span.ready_ps))
        if found is None or found is span or self._reaches(found) != wanted:
            return None
        return found if TaskKind.TRANSFER in (span.kind, found.kind) else None

    def _reaches(self, span: Span) -> str:
        """Where what it made is."""
        return self._memory(span) if span.destination is None else span.destination

    def _memory(self, span: Span) -> str:
        """Where a task computes, or prepares; of a signal the controller's name."""
        if is_preparation(span):
            return host_of(span.resources[0])
        return span.resources[0] if span.processor is None else self.hardware.memory_of(span.processor)


def _flow(phase: str, number: int, span: Span, tracks: _Tracks) -> Json:
    """One end of an arrow: in the middle of its span, so that no other one is meant."""
    process, thread = tracks.by_span[span.index][0]
    event: Json = {
        "name": "data",
        "cat": "flow",
        "ph": phase,
        "id": number,
        "ts": _us((_ns(span.start_ps) + _ns(span.end_ps)) // 2),
        "pid": process,
        "tid": thread,
    }
    return event | {"bp": "e"} if phase == "f" else event


# -- memories -----------------------------------------------------------------------------------


def _counters(events: Iterable[MemoryEvent]) -> Iterator[Json]:
    """The bytes in use in each memory: of several changes at one instant the last."""
    last: dict[tuple[str, int], int] = {}
    for event in events:
        last[event.memory, _ns(event.time_ps)] = event.used_bytes
    for (memory, time_ns), used_bytes in last.items():
        yield {
            "name": f"{memory} memory",
            "ph": "C",
            "ts": _us(time_ns),
            "pid": _MEMORIES,
            "tid": 0,
            "args": {"bytes": used_bytes},
        }
