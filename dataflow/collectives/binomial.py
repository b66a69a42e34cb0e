"""Binomial trees: in every round each rank that has the data sends all of it to one that has not.

Fewest messages one after the other, so best for few bytes (Thakur, Rabenseifner and Gropp 2005).
"""

from __future__ import annotations

from dataflow.collectives.moves import Move, mirrored, relabelled, rotation


def binomial_broadcast(ranks: int, root: int) -> list[list[Move]]:
    """In ceil(log2 n) rounds, in which the number of ranks that have the payload doubles; one block."""
    stages = []
    informed = 1
    while informed < ranks:
        senders = range(min(informed, ranks - informed))
        stages.append([Move(sender, sender + informed, (0,), adds=False) for sender in senders])
        informed *= 2
    return relabelled(stages, rotation(ranks, root))


def binomial_reduce(ranks: int, root: int) -> list[list[Move]]:
    """In ceil(log2 n) rounds, each of which halves the number of partial sums; one block."""
    return mirrored(binomial_broadcast(ranks, root))
