"""Moves, played on data, give what the collective is defined to give."""

from __future__ import annotations

from random import Random

import pytest

from dataflow.collectives import ALGORITHMS, Collective, lower
from tests.collectives.interpreter import initial, lowerings, must_have, run

RANKS = (*range(1, 10), 16)


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("collective", Collective)
def test_every_rank_ends_with_what_it_must_have(collective: Collective, ranks: int) -> None:
    """Sums and copies of random integers are exact for all algorithms, roots, pieces and groupings."""
    random = Random(ranks)
    for lowering, root in lowerings(collective, ranks, most_pieces=3):
        start = initial(lowering, root, lambda _rank, _chunk: random.randrange(-(10**9), 10**9))
        final = run(lowering, start)
        for rank, wanted in enumerate(must_have(lowering, root, start)):
            held = {chunk: final[rank].get(chunk) for chunk in wanted}
            assert held == wanted, (lowering.algorithm, root, rank)


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("collective", Collective)
def test_moves_are_between_different_ranks_and_carry_something(collective: Collective, ranks: int) -> None:
    """A move names two ranks, only "server" one more, and distinct chunks that exist."""
    for lowering, _ in lowerings(collective, ranks, most_pieces=2):
        known = ranks + 1 if lowering.algorithm == "server" else ranks
        for move in lowering.moves:
            assert move.source != move.destination
            assert {move.source, move.destination} <= set(range(known))
            assert len(set(move.chunks)) == len(move.chunks) > 0
            assert set(move.chunks) <= set(range(lowering.chunks))


def together(a: frozenset[int], b: frozenset[int]) -> frozenset[int]:
    """The sum of two sets of contributions, which must have none in common."""
    assert not a & b
    return a | b


@pytest.mark.parametrize("ranks", RANKS)
@pytest.mark.parametrize("collective", [Collective.ALL_REDUCE, Collective.REDUCE_SCATTER, Collective.REDUCE])
def test_no_contribution_is_added_twice(collective: Collective, ranks: int) -> None:
    """Whatever is added to a sum has no contribution in common with it."""
    for lowering, root in lowerings(collective, ranks, most_pieces=2):
        run(lowering, initial(lowering, root, lambda rank, _chunk: frozenset([rank])), together)


@pytest.mark.parametrize("ranks", RANKS)
def test_all_reduce_gives_every_rank_the_same_rounding(ranks: int) -> None:
    """All ranks get each sum with the same brackets, so that replicas stay equal; not so "direct"."""
    for lowering, root in lowerings(Collective.ALL_REDUCE, ranks, most_pieces=2):
        if lowering.algorithm == "direct":
            continue
        final = run(lowering, initial(lowering, root, lambda rank, _: str(rank)), lambda a, b: f"({a}+{b})")
        assert all(final[rank] == final[0] for rank in range(ranks))


@pytest.mark.parametrize("collective", Collective)
def test_one_rank_alone_makes_no_moves(collective: Collective) -> None:
    """A collective of one rank is over before it begins."""
    for algorithm in ALGORITHMS[collective]:
        assert lower(collective, algorithm, 1, groups=((0,),)).moves == ()


def test_lowering_twice_gives_the_same_object() -> None:
    """Lowerings are remembered, so that a thousand equal collectives cost one."""
    assert lower(Collective.ALL_REDUCE, "ring", 4) is lower(Collective.ALL_REDUCE, "ring", 4)


def test_ring_all_reduce_of_two_ranks() -> None:
    """Two ranks: each sends the other's half, adds what it gets, and sends its finished half back."""
    moves = [
        (m.source, m.destination, m.chunks, m.adds) for m in lower(Collective.ALL_REDUCE, "ring", 2).moves
    ]
    assert moves == [
        (0, 1, (1,), True),
        (1, 0, (0,), True),
        (0, 1, (0,), False),
        (1, 0, (1,), False),
    ]
