"""Regions: a range in each dimension of a tensor.

A region is the truth about who holds or needs what; shards, halos and copies are
all intersections and differences of regions.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import prod

Range = tuple[int, int]
"""A half-open range of indices, ``(start, stop)``."""


def share_of(whole: Range, shares: Sequence[int], index: int) -> Range:
    """The ``index``-th of the ranges that cut ``whole`` in these proportions, rounded down.

    Of p equal shares of n elements it is floor(n i / p) to floor(n (i+1) / p).
    """
    start, extent, total = whole[0], whole[1] - whole[0], sum(shares)
    before = sum(shares[:index])
    return start + extent * before // total, start + extent * (before + shares[index]) // total


@dataclass(frozen=True, slots=True, order=True)
class Region:
    """A box of indices: one half-open range for each dimension.

    A region of no dimensions is the whole of a scalar and has size 1.
    """

    ranges: tuple[Range, ...]

    @classmethod
    def whole(cls, shape: Iterable[int]) -> Region:
        """The region that covers a tensor of this shape."""
        return cls(tuple((0, extent) for extent in shape))

    @property
    def shape(self) -> tuple[int, ...]:
        """The length of each range."""
        return tuple(stop - start for start, stop in self.ranges)

    @property
    def size(self) -> int:
        """How many elements the region holds; 0 when any range is empty."""
        return prod(max(0, stop - start) for start, stop in self.ranges)

    def intersection(self, other: Region) -> Region | None:
        """What both regions hold, or None when they have nothing in common."""
        ranges: list[Range] = []
        for (a, b), (c, d) in zip(self.ranges, other.ranges, strict=True):
            low, high = max(a, c), min(b, d)
            if low >= high:
                return None
            ranges.append((low, high))
        return Region(tuple(ranges))

    def contains(self, other: Region) -> bool:
        """Whether every element of ``other`` is in this region."""
        return all(a <= c and d <= b for (a, b), (c, d) in zip(self.ranges, other.ranges, strict=True))

    def difference(self, other: Region) -> tuple[Region, ...]:
        """This region without ``other``, as disjoint boxes in a fixed order."""
        common = self.intersection(other)
        if common is None:
            return (self,)
        if common.ranges == self.ranges:
            return ()
        return tuple(self._slabs_around(common))

    def _slabs_around(self, inner: Region) -> Iterator[Region]:
        done: list[Range] = []
        for index, ((a, b), (c, d)) in enumerate(zip(self.ranges, inner.ranges, strict=True)):
            rest = self.ranges[index + 1 :]
            if a < c:
                yield Region((*done, (a, c), *rest))
            if d < b:
                yield Region((*done, (d, b), *rest))
            done.append((c, d))

    def slices_within(self, outer: Region) -> tuple[slice, ...]:
        """Slices that pick this region out of an array that holds ``outer``."""
        return tuple(slice(a - c, b - c) for (a, b), (c, _) in zip(self.ranges, outer.ranges, strict=True))

    def describe(self, whole: Region) -> str:
        """Short text such as ``[:, 0:48]``; empty when the region is all of ``whole``."""
        if self == whole:
            return ""
        parts = [
            ":" if mine == full else f"{mine[0]}:{mine[1]}"
            for mine, full in zip(self.ranges, whole.ranges, strict=True)
        ]
        while parts and parts[-1] == ":":
            parts.pop()
        return f"[{','.join(parts)}]"


def around(regions: Sequence[Region]) -> Region:
    """The smallest region that contains all of these."""
    axes = zip(*(region.ranges for region in regions), strict=True)
    return Region(tuple((min(a for a, _ in along), max(b for _, b in along)) for along in axes))


def uncovered(region: Region, covers: Iterable[Region]) -> tuple[Region, ...]:
    """The parts of ``region`` that none of ``covers`` holds."""
    rest: tuple[Region, ...] = (region,)
    for cover in covers:
        if not rest:
            break
        rest = tuple(piece for part in rest for piece in part.difference(cover))
    return rest


class RegionIndex:
    """Finds, among many regions of one tensor, those that overlap another.

    They are sorted along the axis on which most of them begin apart, so that few are looked at.
    """

    def __init__(self, regions: Sequence[Region]) -> None:
        self._regions = regions
        dimensions = len(regions[0].ranges) if regions else 0
        starts = [len({region.ranges[axis][0] for region in regions}) for axis in range(dimensions)]
        self._axis = starts.index(max(starts)) if starts else -1
        if self._axis < 0:
            self._order, self._starts, self._longest = list(range(len(regions))), [], 0
            return
        along = [region.ranges[self._axis] for region in regions]
        self._order = sorted(range(len(regions)), key=lambda index: (along[index][0], index))
        self._starts = [along[index][0] for index in self._order]
        self._longest = max(stop - start for start, stop in along)

    def overlapping(self, region: Region) -> list[int]:
        """The places of those that share an element with a region, in their order."""
        if self._axis < 0:
            return self._order
        start, stop = region.ranges[self._axis]
        first = bisect_right(self._starts, start - self._longest)
        last = bisect_left(self._starts, stop)
        near = self._order[first:last]
        return sorted(index for index in near if self._regions[index].intersection(region) is not None)
