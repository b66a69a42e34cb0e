"""How long a collective takes by itself, when a rank sends one message at a time and receives one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache

from dataflow.collectives.moves import PARTED, Collective, Lowering
from dataflow.errors import PlanError

_PS_PER_S = 10**12  # Of its own: collectives stand alone.

HopCost = tuple[int, float]
"""Latency in ps and bandwidth in bytes/s of a message from one rank to another."""

Hop = Callable[[int, int], HopCost]
"""The cost of a message from a source to a destination."""

Way = Callable[[int], tuple[int, tuple[tuple[str, int], ...]]]
"""For the bytes of a message: the ps it takes alone, and for how many ps of which links it uses them up."""

Ways = Callable[[int, int], HopCost | Way]
"""How messages go from a source to a destination: at a constant rate, or over links they may share."""

Sizes = int | tuple[int, ...]
"""Bytes of a collective.

All-reduce, broadcast and reduce: of the payload. All-gather and reduce-scatter: of each rank's part, or of
all parts together when they are equal. All-to-all: of what rank i has for rank j at index i * ranks + j, or
of all that each rank has when all messages are equal.
"""


def message_ps(size_bytes: int | Fraction, latency_ps: int, bytes_per_s: float) -> int:
    """How long one message takes: latency + bytes / bandwidth, to the picosecond."""
    return latency_ps + round(size_bytes * _PS_PER_S / bytes_per_s)


def chunk_bytes(lowering: Lowering, sizes: Sizes) -> tuple[int, ...]:
    """How large each chunk of a lowering is; raises PlanError when the number of sizes is wrong."""
    ranks = lowering.ranks
    if lowering.collective is Collective.ALL_TO_ALL:
        return (
            _cut(sizes, ranks) * ranks if isinstance(sizes, int) else _expect(lowering, sizes, ranks * ranks)
        )
    if lowering.collective in PARTED:
        parts = _cut(sizes, ranks) if isinstance(sizes, int) else _expect(lowering, sizes, ranks)
        return tuple(piece for part in parts for piece in _cut(part, lowering.chunks // ranks))
    return (
        _cut(sizes, lowering.chunks) if isinstance(sizes, int) else _expect(lowering, sizes, lowering.chunks)
    )


def predicted_ps(lowering: Lowering, sizes_bytes: Sequence[int], hop: Ways) -> int:
    """The time at which the last message of a lowering has arrived, beginning at 0.

    sizes_bytes: of each chunk. Every rank, and the server, sends one message and receives one message at a
    time, both at once, in the order of the moves; a message starts when what its source holds of the
    chunks is there. What shares links follows one another on them, each for as long as it needs all of
    their bandwidth: nobody is served in between, but all is served as early as when they share it. A message
    of no bytes is not sent and takes no time. Summing takes none either. Needs one pass over the moves.
    """
    duration_ps = lru_cache(maxsize=None)(message_ps)
    sending_ps: dict[int, int] = {}
    receiving_ps: dict[int, int] = {}
    there_ps: dict[tuple[int, int], int] = {}
    busy_ps: dict[str, int] = {}
    last_ps = 0
    for move in lowering.moves:
        size = sum(sizes_bytes[chunk] for chunk in move.chunks)
        if size == 0:
            continue
        source, destination = move.source, move.destination
        start_ps = max(sending_ps.get(source, 0), receiving_ps.get(destination, 0))
        if not move.own:
            start_ps = max(start_ps, *(there_ps.get((source, chunk), 0) for chunk in move.chunks))
        way = hop(source, destination)
        taken_ps, used = way(size) if callable(way) else (duration_ps(size, *way), ())
        start_ps = max([start_ps, *(busy_ps.get(link, 0) for link, _ in used)])
        end_ps = start_ps + taken_ps
        busy_ps.update((link, start_ps + used_ps) for link, used_ps in used)
        sending_ps[source] = receiving_ps[destination] = end_ps
        there_ps.update(((destination, chunk), end_ps) for chunk in move.chunks)
        last_ps = max(last_ps, end_ps)
    return last_ps


def _cut(size_bytes: int, parts: int) -> tuple[int, ...]:
    """A size in nearly equal parts."""
    return tuple(size_bytes * (part + 1) // parts - size_bytes * part // parts for part in range(parts))


def _expect(lowering: Lowering, sizes: Sequence[int], count: int) -> tuple[int, ...]:
    """The sizes, when there are as many as there should be."""
    if len(sizes) != count:
        raise PlanError(
            f"{lowering.collective.value} of {lowering.ranks} ranks: {len(sizes)} sizes given, "
            f"{count} needed; or give one number when all are equal"
        )
    return tuple(sizes)
