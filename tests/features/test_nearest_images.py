"""The nearest images: distances as anyone would compute them, and who counts as a neighbour."""

from __future__ import annotations

import numpy as np
import pytest

from dataflow.errors import OptionError
from dataflow.features import nearest as module
from dataflow.features.nearest import Near, Neighbours, nearest, spread

LINE = np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0], [0.0, 1.0]], dtype=np.float32)


def test_distances_by_hand() -> None:
    """3, 4, 5 and 6, 8, 10 are right triangles; of the two at 5 from (3, 4) the first counts as nearer; from
    there to (0, 1) it is 3 times the root of 2.
    """
    assert nearest(LINE, [0], 3) == (Neighbours(0, (Near(3, 1.0), Near(1, 5.0), Near(2, 10.0))),)
    (found,) = nearest(LINE, [1], 2)
    assert found.nearest[0] == Near(3, pytest.approx(3 * 2**0.5))
    assert found.nearest[1] == Near(0, 5.0)


def test_all_distances_computed_with_loops() -> None:
    """For random features the same as sorting all differences by length and then by number."""
    values = np.random.default_rng(4).normal(size=(23, 5)).astype(np.float32)
    for found in nearest(values, range(23), 22):
        query = values[found.query].astype(np.float64)
        lengths = {
            other: sum((query[k] - float(values[other, k])) ** 2 for k in range(5)) ** 0.5
            for other in range(23)
            if other != found.query
        }
        assert [near.index for near in found.nearest] == sorted(lengths, key=lambda i: (lengths[i], i))
        assert [near.distance for near in found.nearest] == pytest.approx(sorted(lengths.values()), rel=1e-12)


def test_a_query_is_not_its_own_neighbour_but_its_copies_are() -> None:
    """Equal features are at distance 0, those of the smallest number first."""
    values = np.random.default_rng(1).normal(size=(9, 3)).astype(np.float32)
    values[[2, 6]] = values[4]
    (found,) = nearest(values, [4], 3)
    assert found.nearest[:2] == (Near(2, 0.0), Near(6, 0.0))
    assert found.nearest[2].distance > 0


def test_the_parts_that_are_looked_at_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """All at once, or three images at a time: the same neighbours to the last bit."""
    values = np.random.default_rng(2).normal(size=(20, 4)).astype(np.float32)
    values[15] = values[3]
    whole = nearest(values, [3, 19, 0], 6)
    monkeypatch.setattr(module, "_AT_A_TIME", 3 * 4 * 8)
    assert nearest(values, [3, 19, 0], 6) == whole


def test_more_than_there_are() -> None:
    """Each image has one fewer beside it than there are; queries are images."""
    with pytest.raises(OptionError, match="--neighbours 4: each of the images has 3 others beside it"):
        nearest(LINE, [0], 4)
    with pytest.raises(OptionError, match="--neighbours 1: each of the images has no other beside it"):
        nearest(LINE[:1], [0], 1)
    with pytest.raises(OptionError, match="--queries 5: there are 4 images; ask for fewer"):
        spread(5, 4)


def test_queries_are_spread_evenly() -> None:
    """Of ten images the 0th, 3rd and 6th are three of them."""
    assert spread(3, 10) == (0, 3, 6)
    assert spread(0, 10) == ()
    assert spread(4, 4) == (0, 1, 2, 3)
