"""Direct algorithms: whoever has something sends it to whoever needs it.

In round d every rank sends to the rank d places to its right, so that nobody receives twice in a round
(Thakur, Rabenseifner and Gropp 2005 call this pairwise exchange).
"""

from __future__ import annotations

from collections.abc import Sequence

from dataflow.collectives.moves import Move, mirrored


def direct_all_reduce(ranks: int) -> list[list[Move]]:
    """Everyone sends all it had at first to everyone, who adds; one block.

    Ranks add in different orders: each its own first, then its left neighbours', nearest first.
    """
    return [
        [Move(rank, (rank + d) % ranks, (0,), adds=True, own=True) for rank in range(ranks)]
        for d in range(1, ranks)
    ]


def direct_all_gather(parts: Sequence[tuple[int, ...]]) -> list[list[Move]]:
    """Everyone sends its part to everyone."""
    n = len(parts)
    return [[Move(rank, (rank + d) % n, parts[rank], adds=False) for rank in range(n)] for d in range(1, n)]


def direct_reduce_scatter(parts: Sequence[tuple[int, ...]]) -> list[list[Move]]:
    """Everyone sends to everyone its contribution to that rank's part."""
    n = len(parts)
    return [
        [Move(rank, (rank + d) % n, parts[(rank + d) % n], adds=True) for rank in range(n)]
        for d in range(1, n)
    ]


def direct_all_to_all(ranks: int) -> list[list[Move]]:
    """Everyone sends everyone what is for it."""
    return [
        [
            Move(rank, (rank + d) % ranks, (rank * ranks + (rank + d) % ranks,), adds=False)
            for rank in range(ranks)
        ]
        for d in range(1, ranks)
    ]


def direct_broadcast(ranks: int, root: int) -> list[list[Move]]:
    """The root sends to each other rank; one block."""
    return [[Move(root, (root + d) % ranks, (0,), adds=False) for d in range(1, ranks)]]


def direct_reduce(ranks: int, root: int) -> list[list[Move]]:
    """Each other rank sends to the root, which adds; one block."""
    return mirrored(direct_broadcast(ranks, root))
