"""What each layer took, phase by phase."""

from __future__ import annotations

from dataflow.measurement.measured import Measured
from dataflow.metrics import LayerTime
from dataflow.placement import TaskKind
from dataflow.trace import Span

Part = tuple[str, str]
"""A layer and the label of a phase."""


def layers(measured: Measured) -> tuple[LayerTime, ...]:
    """Every layer in every phase in which it had tasks or transfers, in the order of phases."""
    groups: dict[Part, list[Span]] = {}
    for span in sorted(measured.spans, key=lambda span: (span.phase, span.task)):
        groups.setdefault((span.layer, span.phase.label), []).append(span)
    exposed = _exposed_ps(measured)
    return tuple(_layer_time(part, spans, exposed.get(part, 0), measured) for part, spans in groups.items())


def _exposed_ps(measured: Measured) -> dict[Part, int]:
    """What all processors together were idle for each layer's transfers."""
    found: dict[Part, int] = {}
    for waits in measured.exposed.values():
        for wait in waits:
            assert wait.transfer is not None
            part = (wait.transfer.layer, wait.transfer.phase.label)
            found[part] = found.get(part, 0) + wait.length_ps
    return found


def _hidden_ps(transfers: list[Span], measured: Measured) -> int:
    """How long processors had these on their way, to them or from them, and waited for no transfer."""
    own: dict[str, list[Span]] = {}
    for span in transfers:
        for end in span.ends:
            if end in measured.computing:
                own.setdefault(end, []).append(span)
    hidden_ps = 0
    for name, spans in own.items():
        moving = measured.going_on(spans)
        hidden_ps += moving.length_ps - moving.overlap_ps(measured.exposed_intervals[name])
    return hidden_ps


def _layer_time(part: Part, spans: list[Span], exposed_ps: int, measured: Measured) -> LayerTime:
    computing = [span for span in spans if span.processor]
    transfers = [span for span in spans if span.kind is TaskKind.TRANSFER]
    bounds: dict[str, int] = {}
    for span in computing:
        bounds[span.bound] = bounds.get(span.bound, 0) + span.length_ps
    return LayerTime(
        name=part[0],
        phase=part[1],
        time_s=measured.per_step(sum(span.length_ps for span in computing)),
        flop=measured.count_per_step(sum(span.flop for span in computing)),
        bytes=measured.count_per_step(sum(span.bytes for span in computing)),
        transfer_bytes=measured.count_per_step(sum(span.bytes for span in transfers)),
        exposed_s=measured.per_step(exposed_ps),
        hidden_s=measured.per_step(_hidden_ps(transfers, measured)),
        bound=max(bounds, key=lambda bound: bounds[bound]) if bounds else "link",
    )
