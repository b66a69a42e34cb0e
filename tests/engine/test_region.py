"""Regions: intersections, differences and splits obey the laws of sets of indices."""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dataflow.region import Region, share_of, uncovered
from tests.engine.strategies import LAW, regions


def cells(region: Region) -> set[tuple[int, ...]]:
    """Every index a region holds: the oracle of these tests."""
    return set(product(*(range(start, stop) for start, stop in region.ranges)))


@LAW
@given(regions(3), regions(3))
def test_intersection_is_that_of_the_indices(a: Region, b: Region) -> None:
    """An intersection holds exactly the indices that both regions hold, and is None when there are none."""
    common = a.intersection(b)
    assert (set() if common is None else cells(common)) == cells(a) & cells(b)
    assert common == b.intersection(a)


@LAW
@given(regions(3), regions(3))
def test_difference_is_a_partition(a: Region, b: Region) -> None:
    """The boxes of a difference are disjoint and hold exactly the indices of one region without the other."""
    boxes = a.difference(b)
    assert sum(box.size for box in boxes) == len(cells(a) - cells(b))
    assert set().union(*map(cells, boxes)) == cells(a) - cells(b)


@LAW
@given(regions(2), regions(2))
def test_sizes_add_up(a: Region, b: Region) -> None:
    """A region is as large as what it shares with another and what it does not."""
    common = a.intersection(b)
    shared = 0 if common is None else common.size
    assert a.size == shared + sum(box.size for box in a.difference(b)) == len(cells(a))


@LAW
@given(regions(2), st.lists(regions(2), max_size=4))
def test_uncovered_is_what_no_cover_holds(region: Region, covers: list[Region]) -> None:
    """The uncovered boxes are disjoint and hold what is in the region and in none of its covers."""
    rest = uncovered(region, covers)
    left = cells(region) - set().union(*map(cells, covers))
    assert set().union(*map(cells, rest)) == left
    assert sum(box.size for box in rest) == len(left)


@LAW
@given(regions(2), regions(2))
def test_contains_is_that_of_the_indices(a: Region, b: Region) -> None:
    """One region contains another when it holds each of its indices, which is when nothing is left over."""
    assert a.contains(b) == (cells(b) <= cells(a)) == (b.difference(a) == ())


@LAW
@given(regions(2), regions(2))
def test_slices_within_pick_the_same_elements(a: Region, b: Region) -> None:
    """Cutting a part out of an array of a region gives what cutting it out of the whole array gives."""
    part = a.intersection(b)
    if part is None:
        return
    whole = Region.whole((6, 6))
    array = np.arange(36).reshape(6, 6)
    held = array[a.slices_within(whole)]
    assert (held[part.slices_within(a)] == array[part.slices_within(whole)]).all()


@LAW
@given(st.integers(0, 40), st.integers(1, 12))
def test_split_is_a_partition_into_nearly_equal_ranges(extent: int, parts: int) -> None:
    """The ranges of a split follow one another, cover everything and differ by one element at most."""
    ranges = [share_of((0, extent), (1,) * parts, index) for index in range(parts)]
    assert ranges[0][0] == 0
    assert ranges[-1][1] == extent
    assert all(before[1] == after[0] for before, after in pairwise(ranges))
    lengths = {stop - start for start, stop in ranges}
    assert max(lengths) - min(lengths) <= 1


def test_uneven_split() -> None:
    """Seven over three is floor(7 i / 3): 0, 2, 4, 7."""
    assert [share_of((0, 7), (1, 1, 1), index) for index in range(3)] == [(0, 2), (2, 4), (4, 7)]


def test_a_scalar_has_one_element() -> None:
    """The region of no dimensions is the whole of a scalar."""
    assert Region.whole(()).size == 1
    assert Region(()).shape == ()


@pytest.mark.parametrize(
    ("ranges", "text"),
    [
        (((0, 2), (0, 4), (0, 5)), ""),
        (((0, 1), (0, 4), (0, 5)), "[0:1]"),
        (((0, 2), (1, 3), (0, 5)), "[:,1:3]"),
        (((1, 2), (0, 4), (2, 5)), "[1:2,:,2:5]"),
    ],
)
def test_description(ranges: tuple[tuple[int, int], ...], text: str) -> None:
    """A region's text gives the ranges that are not all of their dimension, without trailing colons."""
    assert Region(ranges).describe(Region.whole((2, 4, 5))) == text


def test_dimensions_must_agree() -> None:
    """Regions of tensors with different numbers of dimensions cannot be compared."""
    with pytest.raises(ValueError, match="shorter"):
        Region.whole((2, 2)).intersection(Region.whole((2,)))
