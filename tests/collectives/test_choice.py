"""The choice: the least predicted time among what is possible, ties in a fixed order."""

from __future__ import annotations

import pytest

from dataflow.collectives import (
    ALGORITHMS,
    Collective,
    HopCost,
    best,
    choice,
    chunk_bytes,
    lower,
    predicted_ps,
    predictions,
)

EIGHT = ((0, 1, 2, 3), (4, 5, 6, 7))


def slow_start(_source: int, _destination: int) -> HopCost:
    """10 us and 10 GB/s everywhere."""
    return 10_000_000, 10e9


def two_islands(source: int, destination: int) -> HopCost:
    """100 GB/s inside groups of four, 10 GB/s between them."""
    return 1_000_000, 100e9 if source // 4 == destination // 4 else 10e9


def test_small_messages_go_in_few_rounds_and_large_ones_round_the_ring() -> None:
    """All-reduce of 9 ranks: 4 KB by doubling, which needs 8 rounds; 1 GB by the ring, which moves the least.

    With 9 ranks doubling folds one rank, which costs two messages of the whole.
    """
    assert best(Collective.ALL_REDUCE, 9, 4_000, slow_start) == ("halving-doubling", 1)
    assert best(Collective.ALL_REDUCE, 9, 10**9, slow_start)[0] == "ring"


def test_three_ranks_exchange_directly_when_latency_counts() -> None:
    """With 3 ranks two messages of all beat four of a third at 1 KB, 20.2 us to 40.1, not at 1 GB."""
    assert best(Collective.ALL_REDUCE, 3, 1_000, slow_start) == ("direct", 1)
    assert best(Collective.ALL_REDUCE, 3, 10**9, slow_start) == ("ring", 1)


def test_two_ranks_always_exchange_directly() -> None:
    """With 2 ranks one message of everything costs a latency less than two of a half."""
    assert best(Collective.ALL_REDUCE, 2, 10**9, slow_start) == ("direct", 1)


def test_groups_are_used_where_wires_between_them_are_slow() -> None:
    """Two islands of four: a gigabyte is reduced inside first."""
    assert best(Collective.ALL_REDUCE, 8, 10**9, two_islands, groups=EIGHT)[0] == "hierarchical"
    assert "hierarchical" not in [
        p.algorithm for p in predictions(Collective.ALL_REDUCE, 8, 10**9, two_islands)
    ]


def test_large_broadcasts_are_cut_into_pieces() -> None:
    """A kilobyte goes whole, a gigabyte in as many pieces as are tried."""
    assert best(Collective.BROADCAST, 8, 1_000, slow_start, candidates=("ring",)) == ("ring", 1)
    assert best(Collective.BROADCAST, 8, 10**9, slow_start, candidates=("ring",)) == ("ring", 32)


def test_a_server_is_a_candidate_only_when_there_is_one() -> None:
    """A server with a port a hundred times as fast wins against slow wires between ranks."""

    def star(source: int, destination: int) -> HopCost:
        return 1_000, 100e9 if 4 in (source, destination) else 1e9

    assert best(Collective.ALL_REDUCE, 4, 10**8, star)[0] != "server"
    assert best(Collective.ALL_REDUCE, 4, 10**8, star, server=True)[0] == "server"


@pytest.mark.parametrize("collective", Collective)
def test_predictions_are_sorted_and_true(collective: Collective) -> None:
    """Each is what the prediction of its lowering says; ties stand in the order of the table."""
    found = predictions(collective, 8, 4096, two_islands, groups=EIGHT, server=True)
    order = ALGORITHMS[collective]
    keys = [(p.time_ps, order.index(p.algorithm), p.pieces) for p in found]
    assert keys == sorted(keys)
    assert {p.algorithm for p in found} == set(order)
    for p in found:
        lowering = lower(collective, p.algorithm, 8, pieces=p.pieces, groups=EIGHT)
        assert predicted_ps(lowering, chunk_bytes(lowering, 4096), two_islands) == p.time_ps


def test_sizes_of_parts_may_differ() -> None:
    """One rank has nearly all: the time of a gather is at least that of its part through one port."""
    sizes = (10**6, 0, 1, 0)
    first = predictions(Collective.ALL_GATHER, 4, sizes, slow_start)[0]
    assert first.time_ps >= 10_000_000 + 100_000_000


def test_many_ranks_are_not_cut_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tree of 32 ranks has 4 x 31 = 124 moves: with at most 1,000 allowed, up to 8 pieces are tried."""
    monkeypatch.setattr(choice, "MOST_MOVES", 1000)
    found = predictions(Collective.ALL_REDUCE, 32, 987_654, slow_start, candidates=("tree",))
    assert sorted(p.pieces for p in found) == [1, 2, 4, 8]


def test_a_ring_of_very_many_is_no_candidate_for_all_to_all() -> None:
    """Up to 64 ranks it is."""
    for ranks, there in ((64, True), (65, False)):
        found = predictions(Collective.ALL_TO_ALL, ranks, 10**6, slow_start)
        assert ("ring" in [p.algorithm for p in found]) is there
