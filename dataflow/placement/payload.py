"""What goes through a collective, and how it is cut into the chunks that an algorithm moves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dataflow.collectives import Collective
from dataflow.collectives.moves import PARTED
from dataflow.placement.placed_task import Shard
from dataflow.region import Region, share_of
from dataflow.tensor import Tensor


@dataclass(frozen=True)
class Payload:
    """A region of one tensor that goes through a collective.

    into: the tensor that comes out. sources: by memory the shard it goes in from; all of them
    when it is summed, else one. owner: the memory whose part it is, of a collective in which
    each has its own. target: of an all-to-all the memory it is for. homes: the memories in
    which what comes out is a home of its tensor. use: see ``Ledger.add_shard``.
    """

    into: Tensor
    region: Region
    sources: Mapping[str, Shard]
    owner: str | None = None
    target: str | None = None
    homes: tuple[str, ...] = ()
    use: str = ""

    @property
    def bytes(self) -> int:
        """Bytes of the region."""
        return self.region.size * self.into.itemsize


Chunk = list[tuple[Payload, Region]]
"""Regions of payloads that an algorithm moves together."""


def sizes_of(kind: Collective, memories: Sequence[str], payloads: Sequence[Payload]) -> int | tuple[int, ...]:
    """Bytes of a collective, as ``dataflow.collectives`` wants them."""
    if kind is Collective.ALL_TO_ALL:
        sizes = dict.fromkeys(((i, j) for i in memories for j in memories), 0)
        for payload in payloads:
            assert payload.owner is not None
            assert payload.target is not None
            sizes[payload.owner, payload.target] += payload.bytes
        return tuple(sizes.values())
    if kind in PARTED:
        parts = dict.fromkeys(memories, 0)
        for payload in payloads:
            assert payload.owner is not None
            parts[payload.owner] += payload.bytes
        return tuple(parts.values())
    return sum(payload.bytes for payload in payloads)


def chunks_of(kind: Collective, count: int, ranks: Sequence[str], payloads: Sequence[Payload]) -> list[Chunk]:
    """Which regions of the payloads make up each chunk."""
    if kind is Collective.ALL_TO_ALL:
        pairs: list[Chunk] = [[] for _ in range(count)]
        for payload in payloads:
            assert payload.owner is not None
            assert payload.target is not None
            index = ranks.index(payload.owner) * len(ranks) + ranks.index(payload.target)
            pairs[index].append((payload, payload.region))
        return pairs
    if kind in PARTED:
        pieces = count // len(ranks)
        return [
            chunk
            for memory in ranks
            for chunk in _cut([payload for payload in payloads if payload.owner == memory], pieces)
        ]
    return _cut(payloads, count)


def _cut(payloads: Sequence[Payload], count: int) -> list[Chunk]:
    """Payloads one after the other, cut into so many chunks of nearly equal size.

    A single payload is cut along an axis that so many divide, if there is one.
    """
    chunks: list[Chunk] = [[] for _ in range(count)]
    whole = sum(payload.region.size for payload in payloads)
    before = 0
    for payload in payloads:
        axis = _axis(payload.region, count)
        if axis is None:
            chunks[min(count - 1, before * count // max(1, whole))].append((payload, payload.region))
        else:
            start, stop = payload.region.ranges[axis]
            row = payload.region.size // (stop - start)
            cuts = [
                min(stop, max(start, start + round((whole * index / count - before) / row)))
                if len(payloads) > 1
                else share_of((start, stop), (1,) * count, index)[0]
                for index in range(count)
            ]
            for index, (first, last) in enumerate(zip(cuts, [*cuts[1:], stop], strict=True)):
                if first < last:
                    chunks[index].append((payload, _with_range(payload.region, axis, (first, last))))
        before += payload.region.size
    return chunks


def _axis(region: Region, count: int) -> int | None:
    """The axis to cut a region along: the first that so many divide, else the longest; None for a scalar."""
    if not region.ranges:
        return None
    shape = region.shape
    even = [axis for axis, extent in enumerate(shape) if extent % count == 0]
    return even[0] if even else shape.index(max(shape))


def _with_range(region: Region, axis: int, within: tuple[int, int]) -> Region:
    ranges = list(region.ranges)
    ranges[axis] = within
    return Region(tuple(ranges))
