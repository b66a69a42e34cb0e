"""What a report says of communication: who sent how much to whom, for what, and who waited for it."""

from __future__ import annotations

from collections.abc import Sequence

from reports import units
from reports.grid import Grid, Row
from reports.schema import CommunicationEntry, LayerEntry, Report, TrafficEntry

WIDEST_MATRIX = 16
"""Memories up to which a page shows all pairs; of more it shows those with the most bytes."""

PAIRS_SHOWN = 20

_MATRIX = "Communication matrix"


def matrix(report: Report, widest: int = WIDEST_MATRIX, pairs: int = PAIRS_SHOWN) -> Grid:
    """Bytes from each memory to each; the largest ``pairs`` when more memories than ``widest`` take part."""
    names = communicating(report)
    if not names or len(names) > widest:
        return _largest_pairs(report.traffic, pairs)
    sizes = {(pair.source, pair.destination): pair.bytes for pair in report.traffic}
    rows = tuple(
        (source, *(_cell(sizes.get((source, destination), 0)) for destination in names)) for source in names
    )
    note = "bytes of a step, the next batch included; a row for each sender"
    return Grid(_MATRIX, ("from \\ to", *names), rows, note=note)


def communicating(report: Report) -> list[str]:
    """The memories that send or receive anything, in the order of the machine."""
    taking_part = {name for pair in report.traffic for name in (pair.source, pair.destination)}
    return [name for name in report.memories if name in taking_part]


def _cell(byte_count: int) -> str:
    return units.size(byte_count, 3) if byte_count else "\N{MIDDLE DOT}"


def _largest_pairs(traffic: Sequence[TrafficEntry], shown: int) -> Grid:
    largest = sorted(traffic, key=lambda pair: (-pair.bytes, pair.source, pair.destination))
    rows = tuple(
        (
            f"{pair.source}->{pair.destination}",
            units.size(pair.bytes),
            units.size(pair.bytes - pair.loaded_bytes),
            str(pair.transfers),
            units.duration(pair.busy_s),
        )
        for pair in largest[:shown]
    )
    left_out = largest[shown:]
    rest = sum(pair.bytes for pair in left_out)
    more = f"; {len(left_out)} more pairs ({units.size(rest)}) in report.json" if left_out else ""
    return Grid(
        _MATRIX,
        ("from->to", "bytes", "exchanged", "transfers", "busy"),
        rows,
        note=f"the pairs of memories with the most bytes{more}",
    )


def collectives(report: Report) -> Grid:
    """A row for each collective and algorithm, one for plain sends and one for the load."""
    note = "busy: while any of it went on; exposed: what processors were idle for it, all together"
    return _times("Communication by collective", "collective", report.collectives, note)


def dimensions(report: Report) -> Grid:
    """A row for each mesh axis, or axes together, that communication went along."""
    note = "by the mesh axes along which those who communicate differ; other: along none"
    return _times("Communication by dimension", "along", report.dimensions, note)


def _times(title: str, column: str, times: Sequence[CommunicationEntry], note: str) -> Grid:
    rows = tuple(
        (
            time.name,
            f"{time.transfers:,}",
            units.size(time.bytes),
            units.duration(time.busy_s),
            units.duration(time.exposed_s),
        )
        for time in times
    )
    return Grid(title, (column, "transfers", "bytes", "busy", "exposed"), rows, note=note)


def overlap(report: Report) -> Grid:
    """For each layer and phase that moved anything: how much of it computation hid."""
    moving = [layer for layer in report.layers if layer.transfer_bytes]
    return Grid(
        "Exposed and hidden communication",
        ("layer", "phase", "bytes", "exposed", "hidden", "of it hidden"),
        tuple(_overlap_row(layer) for layer in moving),
        left=("phase",),
        note="exposed: what processors were idle for the layer's transfers; hidden: the transfers, at each "
        "processor they leave or reach, while it waited for none; both summed over processors",
    )


def _overlap_row(layer: LayerEntry) -> Row:
    total_s = layer.exposed_s + layer.hidden_s
    return (
        layer.name,
        layer.phase,
        units.size(layer.transfer_bytes),
        units.duration(layer.exposed_s),
        units.duration(layer.hidden_s),
        units.percent(layer.hidden_s / total_s) if total_s else "-",
    )


def bubble(report: Report) -> str:
    """The bubble in a sentence."""
    found = report.bubble
    if not found.processors:
        return "no forward tasks"
    worst = max(found.processors, key=lambda name: found.processors[name])
    return (
        f"{units.percent(found.fraction)} idle from the first forward to the last gradient task "
        f"({units.duration(found.span_s)}); most on {worst}: {units.percent(found.processors[worst])}"
    )


def bubbles(report: Report) -> Grid:
    """Each processor's idle share from the first forward to the last gradient task."""
    rows = tuple((name, units.percent(share)) for name, share in report.bubble.processors.items())
    return Grid("Bubble by processor", ("processor", "idle"), rows, note=bubble(report))
