"""Ring algorithms: every rank sends to its right neighbour alone.

Patarasu and Yuan, "Bandwidth optimal all-reduce algorithms for clusters of workstations" (2009).
Each function takes ``parts``: the blocks of each rank's part, that travel as one message.
"""

from __future__ import annotations

from collections.abc import Sequence

from dataflow.collectives.moves import Move, mirrored, relabelled, rotation

Parts = Sequence[tuple[int, ...]]


def ring_reduce_scatter(parts: Parts) -> list[list[Move]]:
    """In n - 1 steps. A part starts at its owner's right neighbour and ends, summed, at its owner."""
    n = len(parts)
    return [
        [Move(rank, (rank + 1) % n, parts[(rank - 1 - step) % n], adds=True) for rank in range(n)]
        for step in range(n - 1)
    ]


def ring_all_gather(parts: Parts) -> list[list[Move]]:
    """In n - 1 steps. A part starts at its owner and passes every other rank."""
    n = len(parts)
    return [
        [Move(rank, (rank + 1) % n, parts[(rank - step) % n], adds=False) for rank in range(n)]
        for step in range(n - 1)
    ]


def ring_all_reduce(parts: Parts) -> list[list[Move]]:
    """In 2(n - 1) steps each part is summed at its owner, then passes all the others."""
    return [*ring_reduce_scatter(parts), *ring_all_gather(parts)]


def ring_all_to_all(ranks: int) -> list[list[Move]]:
    """In n - 1 steps; in step s a rank passes on what rank - s still has for ranks further to the right."""
    return [
        [
            Move(
                rank,
                (rank + 1) % ranks,
                tuple(
                    (rank - step) % ranks * ranks + (rank - step + distance) % ranks
                    for distance in range(step + 1, ranks)
                ),
                adds=False,
            )
            for rank in range(ranks)
        ]
        for step in range(ranks - 1)
    ]


def chain_broadcast(ranks: int, root: int) -> list[list[Move]]:
    """Over n - 1 hops from the root to its left neighbour, all the way round; one block."""
    stages = [[Move(rank, rank + 1, (0,), adds=False)] for rank in range(ranks - 1)]
    return relabelled(stages, rotation(ranks, root))


def chain_reduce(ranks: int, root: int) -> list[list[Move]]:
    """Over n - 1 hops against the ring's sense, each rank adding its own; one block."""
    return mirrored(chain_broadcast(ranks, root))
