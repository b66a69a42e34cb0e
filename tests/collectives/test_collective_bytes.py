"""How many bytes cross each rank's port: the algebra of each algorithm, and the least that is possible."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import pytest

from dataflow.collectives import Collective, Lowering, chunk_bytes, lower
from dataflow.collectives.moves import PARTED
from tests.collectives.interpreter import lowerings

SIZE = 16 * 9 * 7 * 5 * 3
"""Bytes that divide evenly among up to ten ranks, sixteen, and two or three pieces of each."""


def sent_and_received(lowering: Lowering, size: int) -> tuple[Counter[int], Counter[int]]:
    """The bytes that each rank sends and receives."""
    sizes = chunk_bytes(lowering, size)
    sent: Counter[int] = Counter()
    received: Counter[int] = Counter()
    for move in lowering.moves:
        carried = sum(sizes[chunk] for chunk in move.chunks)
        sent[move.source] += carried
        received[move.destination] += carried
    return sent, received


@pytest.mark.parametrize(
    ("collective", "algorithm", "share"),
    [
        (Collective.ALL_REDUCE, "ring", lambda n: Fraction(2 * (n - 1), n)),
        (Collective.ALL_REDUCE, "direct", lambda n: Fraction(n - 1)),
        (Collective.ALL_GATHER, "ring", lambda n: Fraction(n - 1, n)),
        (Collective.ALL_GATHER, "direct", lambda n: Fraction(n - 1, n)),
        (Collective.REDUCE_SCATTER, "ring", lambda n: Fraction(n - 1, n)),
        (Collective.REDUCE_SCATTER, "direct", lambda n: Fraction(n - 1, n)),
        (Collective.ALL_TO_ALL, "direct", lambda n: Fraction(n - 1, n)),
        (Collective.ALL_TO_ALL, "ring", lambda n: Fraction(n - 1, 2)),
    ],
)
@pytest.mark.parametrize("ranks", [2, 3, 4, 5, 8, 9, 16])
def test_every_rank_sends_and_receives_the_algebra(
    collective: Collective, algorithm: str, share: Callable[[int], Fraction], ranks: int
) -> None:
    """Ring all-reduce: 2 (n - 1) / n of the bytes each way; gathers and scatters half of that; and so on."""
    sent, received = sent_and_received(lower(collective, algorithm, ranks), SIZE)
    assert sent == received == {rank: share(ranks) * SIZE for rank in range(ranks)}


@pytest.mark.parametrize("ranks", [2, 4, 8, 16])
@pytest.mark.parametrize("collective", [Collective.ALL_REDUCE, *PARTED])
def test_halving_doubling_sends_as_little_as_a_ring(collective: Collective, ranks: int) -> None:
    """On powers of two it is optimal in bandwidth too, with log2 n messages for each phase."""
    doubling = lower(collective, "halving-doubling", ranks)
    assert sent_and_received(doubling, SIZE) == sent_and_received(lower(collective, "ring", ranks), SIZE)
    phases = 2 if collective is Collective.ALL_REDUCE else 1
    assert len(doubling.moves) == phases * ranks * (ranks.bit_length() - 1)


@pytest.mark.parametrize("ranks", range(2, 34))
def test_double_tree_balances_the_ports(ranks: int) -> None:
    """No rank but a root sends or receives more than once the bytes for a broadcast, twice for an all-reduce.

    That is what two complementary trees are for: an inner rank passes half of the data to two children.
    """
    sent, received = sent_and_received(lower(Collective.BROADCAST, "tree", ranks, root=1), SIZE)
    assert sent[1] == SIZE
    assert max(sent.values()) <= SIZE
    assert received == {rank: SIZE for rank in range(ranks) if rank != 1}
    for side in sent_and_received(lower(Collective.ALL_REDUCE, "tree", ranks), SIZE):
        assert max(side.values()) <= 2 * SIZE
        assert sum(side.values()) == 2 * (ranks - 1) * SIZE


@pytest.mark.parametrize("ranks", range(1, 34))
def test_no_rank_is_inside_both_trees(ranks: int) -> None:
    """In a double binary tree a rank that passes on one half only receives the other."""
    moves = lower(Collective.ALL_REDUCE, "tree", ranks).moves
    parents = [{move.source for move in moves if move.chunks == (half,) and not move.adds} for half in (0, 1)]
    assert not parents[0] & parents[1]
    for half, inner in enumerate(parents):
        children = Counter(m.source for m in moves if m.chunks == (half,) and not m.adds)
        assert all(children[rank] <= 2 for rank in inner)


@pytest.mark.parametrize(("groups", "size"), [(2, 4), (4, 2), (3, 3), (2, 8)])
def test_hierarchical_all_reduce_sends_a_share_between_groups(groups: int, size: int) -> None:
    """Between m groups of g ranks each rank sends 2 (m - 1) / (m g) of the bytes, inside 2 (g - 1) / g."""
    members = tuple(tuple(range(a * size, (a + 1) * size)) for a in range(groups))
    lowering = lower(Collective.ALL_REDUCE, "hierarchical", groups * size, groups=members)
    sizes = chunk_bytes(lowering, SIZE)
    between: Counter[int] = Counter()
    inside: Counter[int] = Counter()
    for move in lowering.moves:
        near = move.source // size == move.destination // size
        (inside if near else between)[move.source] += sum(sizes[chunk] for chunk in move.chunks)
    ranks = range(groups * size)
    assert between == {rank: Fraction(2 * (groups - 1), groups * size) * SIZE for rank in ranks}
    assert inside == {rank: Fraction(2 * (size - 1), size) * SIZE for rank in ranks}


@pytest.mark.parametrize("collective", Collective)
def test_pieces_carry_the_same_bytes_over_the_same_wires(collective: Collective) -> None:
    """Cutting changes how many messages there are, not what each rank sends to each other."""
    seen: dict[tuple[object, ...], Counter[tuple[int, int]]] = {}
    for lowering, root in lowerings(collective, 6, most_pieces=3):
        sizes = chunk_bytes(lowering, SIZE)
        flows: Counter[tuple[int, int]] = Counter()
        for move in lowering.moves:
            flows[move.source, move.destination] += sum(sizes[chunk] for chunk in move.chunks)
        if lowering.algorithm != "hierarchical":
            assert seen.setdefault((lowering.algorithm, root), flows) == flows


def test_unequal_parts() -> None:
    """A part of 10 bytes in 3 pieces is 3, 3 and 4; an empty part stays empty."""
    lowering = lower(Collective.ALL_GATHER, "ring", 2, pieces=3)
    assert chunk_bytes(lowering, (10, 0)) == (3, 3, 4, 0, 0, 0)
    assert lowering.owners == (0, 0, 0, 1, 1, 1)
    assert chunk_bytes(lower(Collective.BROADCAST, "ring", 2, pieces=3), 10) == (3, 3, 4)
