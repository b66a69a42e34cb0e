"""What moved: over which links, between which memories, for which collective and mesh axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dataflow.communication_metrics import CommunicationTime, LinkUse, Movement, Traffic, Transfer
from dataflow.hardware import Hardware, Link
from dataflow.measurement.measured import Measured, is_load, percentiles
from dataflow.metrics import Latencies
from dataflow.placement import TaskKind
from dataflow.trace import Span

LOAD, SEND, OTHER = "load", "send", "other"
"""What is part of no collective, and what goes along no mesh axis."""


def transfers(measured: Measured) -> tuple[Transfer, ...]:
    """Every transfer of every step."""
    return tuple(_transfer(span, measured) for span in measured.transfers)


def _transfer(span: Span, measured: Measured) -> Transfer:
    source, destination = span.ends
    return Transfer(
        layer=span.layer,
        phase=span.phase.label,
        step=span.step,
        source=source,
        destination=destination,
        bytes=span.bytes,
        ready_s=measured.since_start_s(span.ready_ps),
        start_s=measured.since_start_s(span.start_ps),
        end_s=measured.since_start_s(span.end_ps),
        collective=span.collective,
        dimension=span.dimension,
    )


def exchange_latencies(measured: Measured) -> Latencies:
    """Of every transfer but loads, from when what it carries was there."""
    return percentiles([span.latency_ps for span in measured.transfers if not is_load(span)])


def links_passed(span: Span, hardware: Hardware) -> tuple[Link, ...]:
    """The links of a transfer's route; none for a computation."""
    return () if span.source is None else hardware.route(*span.ends)


def links(hardware: Hardware, measured: Measured) -> dict[str, LinkUse]:
    """Every direction of every link."""
    passed: dict[str, list[Span]] = {link.name: [] for link in hardware.links}
    for span in measured.transfers:
        for link in links_passed(span, hardware):
            passed[link.name].append(span)
    return {name: _link_use(spans, measured) for name, spans in passed.items()}


def _link_use(spans: list[Span], measured: Measured) -> LinkUse:
    busy_ps = measured.going_on(spans).length_ps
    return LinkUse(
        bytes=measured.count_per_step(sum(span.bytes for span in spans)),
        busy_s=measured.per_step(busy_ps),
        utilisation=busy_ps / measured.length_ps,
        movements=_movements(spans, measured),
    )


def _movements(spans: list[Span], measured: Measured) -> tuple[Movement, ...]:
    moved: dict[tuple[str, str], list[Span]] = {}
    for span in spans:
        moved.setdefault((span.layer, span.phase.label), []).append(span)
    return tuple(
        Movement(
            layer,
            phase,
            measured.count_per_step(sum(span.bytes for span in found)),
            measured.per_step(measured.going_on(found).length_ps),
        )
        for (layer, phase), found in moved.items()
    )


def traffic(hardware: Hardware, measured: Measured) -> dict[tuple[str, str], Traffic]:
    """Every pair of memories that anything went between, in the order of the machine's memories."""
    between: dict[tuple[str, str], list[Span]] = {}
    for span in measured.transfers:
        between.setdefault(span.ends, []).append(span)
    place = {name: index for index, name in enumerate(hardware.memories)}
    ordered = sorted(between, key=lambda ends: (place[ends[0]], place[ends[1]]))
    return {ends: _traffic(between[ends], measured) for ends in ordered}


def _traffic(spans: list[Span], measured: Measured) -> Traffic:
    return Traffic(
        transfers=measured.count_per_step(len(spans)),
        bytes=measured.count_per_step(sum(span.bytes for span in spans)),
        loaded_bytes=measured.count_per_step(sum(span.bytes for span in spans if is_load(span))),
        busy_s=measured.per_step(measured.going_on(spans).length_ps),
        movements=_movements(spans, measured),
    )


def collectives(measured: Measured) -> tuple[CommunicationTime, ...]:
    """Communication by collective and algorithm, longest first."""
    return _by(lambda span: span.collective or (LOAD if is_load(span) else SEND), measured)


def dimensions(measured: Measured) -> tuple[CommunicationTime, ...]:
    """Communication by the mesh axes it goes along, longest first."""
    return _by(lambda span: LOAD if is_load(span) else span.dimension or OTHER, measured)


def _by(name_of: Callable[[Span], str], measured: Measured) -> tuple[CommunicationTime, ...]:
    parts: dict[str, list[Span]] = {}
    for span in measured.spans:
        if span.kind is TaskKind.TRANSFER or span.collective:
            parts.setdefault(name_of(span), []).append(span)
    exposed = dict.fromkeys(parts, 0)
    for waits in measured.exposed.values():
        for wait in waits:
            assert wait.transfer is not None
            exposed[name_of(wait.transfer)] += wait.length_ps
    times = [_time(name, spans, exposed[name], measured) for name, spans in parts.items()]
    return tuple(sorted(times, key=lambda time: (-time.busy_s, time.name)))


def _time(name: str, spans: Sequence[Span], exposed_ps: int, measured: Measured) -> CommunicationTime:
    moved = [span for span in spans if span.kind is TaskKind.TRANSFER]
    return CommunicationTime(
        name=name,
        transfers=measured.count_per_step(len(moved)),
        bytes=measured.count_per_step(sum(span.bytes for span in moved)),
        busy_s=measured.per_step(measured.going_on(list(spans)).length_ps),
        exposed_s=measured.per_step(exposed_ps),
    )
