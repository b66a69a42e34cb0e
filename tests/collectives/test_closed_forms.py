"""Predicted times on equal hops equal the closed forms to the picosecond."""

from __future__ import annotations

from math import log2

import pytest

from dataflow.collectives import (
    ALGORITHMS,
    Collective,
    HopCost,
    chunk_bytes,
    closed_form_ps,
    hierarchical_ps,
    lower,
    predicted_ps,
)

SIZE = 16 * 9 * 7 * 5 * 4
LATENCY_PS = 1_300_000
RATE = 11_700_000_007
"""Bytes per second that leave a remainder, so that rounding counts."""


def predict(collective: Collective, algorithm: str, ranks: int, pieces: int = 1, root: int = 0) -> int:
    """The prediction with equal hops."""
    lowering = lower(collective, algorithm, ranks, pieces=pieces, root=root)
    return predicted_ps(lowering, chunk_bytes(lowering, SIZE), lambda _a, _b: (LATENCY_PS, RATE))


def closed(collective: Collective, algorithm: str, ranks: int, pieces: int = 1) -> int:
    """The closed form of the same."""
    return closed_form_ps(collective, algorithm, ranks, SIZE, LATENCY_PS, RATE, pieces=pieces)


def has_form(collective: Collective, algorithm: str, ranks: int, pieces: int) -> bool:
    """Whether a closed form is documented for this many ranks and pieces."""
    power = ranks & (ranks - 1) == 0
    rooted = collective in (Collective.BROADCAST, Collective.REDUCE)
    if algorithm == "hierarchical":
        return False
    if algorithm == "halving-doubling":
        return power and (pieces == 1 or not rooted)
    if algorithm == "binomial":
        return pieces == 1
    if algorithm == "tree":
        return rooted or (power and pieces == 1)
    return True


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 5, 6, 7, 8, 9, 16])
@pytest.mark.parametrize("collective", Collective)
def test_prediction_is_the_closed_form(collective: Collective, ranks: int) -> None:
    """For every algorithm, number of ranks and pieces for which a form is documented."""
    for algorithm in ALGORITHMS[collective]:
        for pieces in (1,) if collective is Collective.ALL_TO_ALL else (1, 2, 4):
            if has_form(collective, algorithm, ranks, pieces):
                wanted = closed(collective, algorithm, ranks, pieces)
                root = ranks // 2 if collective in (Collective.BROADCAST, Collective.REDUCE) else 0
                assert predict(collective, algorithm, ranks, pieces, root) == wanted, (algorithm, pieces)


@pytest.mark.parametrize("ranks", [*range(17, 70), 100, 128])
def test_rounds_of_the_tree_for_many_ranks(ranks: int) -> None:
    """A broadcast takes floor(log2 n) + ceil(log2 n) messages, two more for each further piece, for all n."""
    for collective in (Collective.BROADCAST, Collective.REDUCE):
        for pieces in (1, 2, 5):
            lowering = lower(collective, "tree", ranks, pieces=pieces)
            wanted = closed_form_ps(collective, "tree", ranks, 2 * pieces, 0, 1e12, pieces=pieces)
            assert predicted_ps(lowering, [1] * lowering.chunks, lambda _a, _b: (0, 1e12)) == wanted
    if ranks & (ranks - 1) == 0:
        assert predict(Collective.ALL_REDUCE, "tree", ranks) == closed(Collective.ALL_REDUCE, "tree", ranks)


@pytest.mark.parametrize("ranks", [4, 8, 12, 16, 32, 64])
@pytest.mark.parametrize("pieces", [4, 8, 16])
def test_pipelined_tree_all_reduce_comes_near_a_full_pipeline(ranks: int, pieces: int) -> None:
    """Within 15 % of 4 log2 n - 2 slots and four more for each further piece."""
    lowering = lower(Collective.ALL_REDUCE, "tree", ranks, pieces=pieces)
    slots = predicted_ps(lowering, [1] * lowering.chunks, lambda _a, _b: (0, 1e12))
    assert slots <= 1.15 * (4 * log2(ranks) - 2 + 4 * (pieces - 1))


def test_ring_all_reduce_by_hand() -> None:
    """4 ranks, 4,000 bytes, 5 us, 1 GB/s: 6 steps of 5 us + 1,000 bytes / 1 GB/s = 1 us are 36 us."""
    wanted = 36_000_000
    assert closed_form_ps(Collective.ALL_REDUCE, "ring", 4, 4000, 5_000_000, 1e9) == wanted
    lowering = lower(Collective.ALL_REDUCE, "ring", 4)
    assert predicted_ps(lowering, chunk_bytes(lowering, 4000), lambda _a, _b: (5_000_000, 1e9)) == wanted


def test_a_ring_does_not_gain_by_pieces_but_a_chain_does() -> None:
    """Cutting a ring's steps in four adds latencies; cutting a chain's payload hides all hops but one."""
    times = [predict(Collective.ALL_REDUCE, "ring", 8, pieces) for pieces in (1, 4)]
    assert times[1] - times[0] == pytest.approx(14 * 3 * LATENCY_PS, abs=100)
    large = 10**9
    chain = [
        closed_form_ps(Collective.BROADCAST, "ring", 8, large, LATENCY_PS, RATE, pieces=pieces)
        for pieces in (1, 64)
    ]
    assert chain[1] / chain[0] == pytest.approx((7 + 63) / 64 / 7, rel=1e-2)


@pytest.mark.parametrize(("groups", "size"), [(1, 4), (4, 1), (2, 2), (2, 4), (4, 2), (3, 3), (2, 8)])
@pytest.mark.parametrize("collective", Collective)
def test_hierarchical_on_two_kinds_of_hops(collective: Collective, groups: int, size: int) -> None:
    """With fast hops inside groups and slow ones between them; in pieces, too, where there is no root."""
    members = tuple(tuple(range(a * size, (a + 1) * size)) for a in range(groups))
    inside: HopCost = (700_000, 45_000_000_003)
    between: HopCost = (2_900_000, 1_200_000_007)

    def hop(source: int, destination: int) -> HopCost:
        return inside if source // size == destination // size else between

    symmetric = (Collective.ALL_REDUCE, Collective.ALL_GATHER, Collective.REDUCE_SCATTER)
    for pieces in (1, 2, 4) if collective in symmetric else (1,):
        lowering = lower(collective, "hierarchical", groups * size, pieces=pieces, groups=members)
        wanted = hierarchical_ps(collective, groups, size, SIZE, inside, between, pieces=pieces)
        assert predicted_ps(lowering, chunk_bytes(lowering, SIZE), hop) == wanted
