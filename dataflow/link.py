"""Links: what carries data from one node of a machine to the next, and how long a message takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from dataflow.picoseconds import PS_PER_S

Sharing = Literal["fifo", "fair"]


@dataclass(frozen=True)
class Packets:
    """How a link cuts a message: at most ``payload_bytes`` a packet, each with ``header_bytes`` more."""

    payload_bytes: int
    header_bytes: int

    def wire_bytes(self, size_bytes: int) -> int:
        """The bytes of a message with the headers of all its packets."""
        return size_bytes + -(-size_bytes // self.payload_bytes) * self.header_bytes


@dataclass(frozen=True)
class Link:
    """One direction of a connection between two nodes.

    name: ``A->B``. kind: its name in the description. channel: what transfers share or hold
    while they pass; both directions of a half-duplex link have the same one. sharing: ``fifo``,
    one transfer at a time from start to end, or ``fair``, bandwidth shared max-min among all.
    message_overhead_ps: what each message costs this link beside its latency. packets: how many
    bytes go in one, and how many more its header takes. attained: (message bytes, fraction of
    the bandwidth) pairs by size, linear between them, constant beyond; all of it when empty.
    """

    name: str
    kind: str
    source: str
    destination: str
    bandwidth_bytes_per_s: float
    latency_ps: int
    channel: str
    sharing: Sharing = "fifo"
    message_overhead_ps: int = 0
    packets: Packets | None = None
    attained: tuple[tuple[int, float], ...] = ()

    def wire_bytes(self, size_bytes: int) -> int:
        """What a message puts on this link, headers included."""
        return size_bytes if self.packets is None else self.packets.wire_bytes(size_bytes)

    def fraction(self, size_bytes: int) -> float:
        """The part of the bandwidth that one message of this size attains."""
        if not self.attained:
            return 1.0
        for (small, low), (large, high) in pairwise(self.attained):
            if small <= size_bytes < large:
                return low + (high - low) * (size_bytes - small) / (large - small)
        return self.attained[0 if size_bytes < self.attained[0][0] else -1][1]

    def time_ps(self, size_bytes: int) -> float:
        """How long the bytes of a message take when nothing shares this link, latency not included."""
        attained = self.bandwidth_bytes_per_s * self.fraction(size_bytes)
        return self.wire_bytes(size_bytes) * PS_PER_S / attained

    def occupied_ps(self, size_bytes: int) -> float:
        """How long the bytes of a message would take all of the bandwidth: their share of the channel."""
        return self.wire_bytes(size_bytes) * PS_PER_S / self.bandwidth_bytes_per_s

    @property
    def attainable_bytes_per_s(self) -> float:
        """Bytes/s of large messages, headers not counted."""
        attained = self.bandwidth_bytes_per_s * (self.attained[-1][1] if self.attained else 1.0)
        if self.packets is None:
            return attained
        packets = self.packets
        return attained * packets.payload_bytes / (packets.payload_bytes + packets.header_bytes)


def link_faults(links: Sequence[Link]) -> Iterator[str]:
    """Everything about links that cannot be."""
    joined = Counter((link.source, link.destination) for link in links)
    for (source, destination), count in joined.items():
        if count > 1:
            yield f"{count} links go from {source!r} to {destination!r}; keep one"
    sharing: dict[str, Sharing] = {}
    for link in links:
        if sharing.setdefault(link.channel, link.sharing) != link.sharing:
            yield f"link {link.name!r} is {link.sharing}, but not all of channel {link.channel!r}; choose one"
        for text in _number_faults(link):
            yield f"link {link.name!r} has {text}"


def _number_faults(link: Link) -> Iterator[str]:
    if not link.bandwidth_bytes_per_s > 0:
        yield f"bandwidth {link.bandwidth_bytes_per_s} B/s, which must be more than 0"
    for name, value in (("latency", link.latency_ps), ("message overhead", link.message_overhead_ps)):
        if value < 0:
            yield f"a {name} of {value} ps, which must not be negative"
    if link.packets is not None and (link.packets.payload_bytes < 1 or link.packets.header_bytes < 0):
        yield (
            f"packets of {link.packets.payload_bytes} B and headers of {link.packets.header_bytes} B; "
            "a packet carries at least 1 B, a header has at least 0"
        )
    sizes = [size for size, _ in link.attained]
    if any(small >= large for small, large in pairwise(sizes)):
        yield f"attained fractions for {sizes} B; list the sizes from small to large, each once"
    for size, fraction in link.attained:
        if not 0 < fraction <= 1:
            yield f"an attained fraction of {fraction} at {size} B; it must be more than 0 and at most 1"
