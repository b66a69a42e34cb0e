"""What a trace says of communication in numbers: part of ``dataflow.metrics``, where units are told."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Movement:
    """Bytes that one layer and phase put on a link, and how long any of them were passing."""

    layer: str
    phase: str
    bytes: int
    time_s: float


@dataclass(frozen=True)
class LinkUse:
    """One direction of a link. busy_s: while anything passed, however many shared it."""

    bytes: int
    busy_s: float
    utilisation: float
    movements: tuple[Movement, ...]


@dataclass(frozen=True)
class Traffic:
    """All that went from one memory to another, over however many links.

    loaded_bytes: of the bytes those of the next batch; the others were exchanged. busy_s: while
    at least one of the transfers was on its way.
    """

    transfers: int
    bytes: int
    loaded_bytes: int
    busy_s: float
    movements: tuple[Movement, ...]

    @property
    def exchanged_bytes(self) -> int:
        """All but the load of the next batch."""
        return self.bytes - self.loaded_bytes


@dataclass(frozen=True)
class CommunicationTime:
    """What transfers of one kind took: those of a collective, or those along a mesh axis.

    busy_s: while at least one of its transfers, or of the sums that belong to it, went on.
    exposed_s: what processors were idle for its transfers, all together.
    """

    name: str
    transfers: int
    bytes: int
    busy_s: float
    exposed_s: float


@dataclass(frozen=True)
class Transfer:
    """One transfer. ready_s: when what it carries was there; waiting until start_s is queueing.

    collective, dimension: what it is part of and the mesh axes it goes along, empty for none.
    """

    layer: str
    phase: str
    step: int
    source: str
    destination: str
    bytes: int
    ready_s: float
    start_s: float
    end_s: float
    collective: str = ""
    dimension: str = ""
