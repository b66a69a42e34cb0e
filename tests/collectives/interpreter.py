"""What moves do to data: an abstract machine in which each rank holds a value for some of the chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from operator import add
from typing import Any

from dataflow.collectives import ALGORITHMS, Collective, Lowering, lower

Holdings = list[dict[int, Any]]

SUMMED = (Collective.ALL_REDUCE, Collective.REDUCE_SCATTER, Collective.REDUCE)


def run(lowering: Lowering, start: Holdings, plus: Callable[[Any, Any], Any] = add) -> Holdings:
    """Play the moves one after the other; a KeyError tells of a rank that sends or adds to what it lacks."""
    now = [dict(held) for held in start]
    for move in lowering.moves:
        sender = (start if move.own else now)[move.source]
        sent = {chunk: sender[chunk] for chunk in move.chunks}
        held = now[move.destination]
        held |= {chunk: plus(held[chunk], value) for chunk, value in sent.items()} if move.adds else sent
    return now


def initial(lowering: Lowering, root: int, value: Callable[[int, int], Any]) -> Holdings:
    """What each rank, and a server, holds at first: ``value(rank, chunk)`` where it holds anything."""
    chunks = range(lowering.chunks)
    ranks = range(lowering.ranks)
    if lowering.collective in SUMMED:
        wanted = [list(chunks) for _ in ranks]
    elif lowering.collective is Collective.BROADCAST:
        wanted = [list(chunks) if rank == root else [] for rank in ranks]
    elif lowering.collective is Collective.ALL_GATHER:
        assert lowering.owners is not None
        wanted = [[chunk for chunk in chunks if lowering.owners[chunk] == rank] for rank in ranks]
    else:
        wanted = [[rank * lowering.ranks + peer for peer in ranks] for rank in ranks]
    return [{chunk: value(rank, chunk) for chunk in wanted[rank]} for rank in ranks] + [{}]


def must_have(lowering: Lowering, root: int, start: Holdings) -> Holdings:
    """What each rank must hold in the end, by the definition of the collective."""
    n = lowering.ranks
    chunks = range(lowering.chunks)
    ranks = range(n)
    if lowering.collective is Collective.ALL_TO_ALL:
        return [{peer * n + rank: start[peer][peer * n + rank] for peer in ranks} for rank in ranks]
    if lowering.collective not in SUMMED:
        everything = {chunk: value for held in start for chunk, value in held.items()}
        return [everything for _ in ranks]
    total = {chunk: sum(start[rank][chunk] for rank in ranks) for chunk in chunks}
    if lowering.collective is Collective.ALL_REDUCE:
        return [total for _ in ranks]
    if lowering.collective is Collective.REDUCE:
        return [total if rank == root else {} for rank in ranks]
    assert lowering.owners is not None
    return [{c: total[c] for c in chunks if lowering.owners[c] == rank} for rank in ranks]


def groupings(ranks: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Ranks in groups of every size that divides them: neighbours together, and every m-th together."""
    for size in (size for size in range(1, ranks + 1) if ranks % size == 0):
        yield tuple(tuple(range(first, first + size)) for first in range(0, ranks, size))
        yield tuple(tuple(range(first, ranks, ranks // size))[::-1] for first in range(ranks // size))


def lowerings(collective: Collective, ranks: int, most_pieces: int) -> Iterator[tuple[Lowering, int]]:
    """Every lowering of a collective, with its root: all algorithms, roots, pieces and groupings."""
    roots = range(ranks) if collective in (Collective.BROADCAST, Collective.REDUCE) else (0,)
    cuts = (1,) if collective is Collective.ALL_TO_ALL else range(1, most_pieces + 1)
    for algorithm in ALGORITHMS[collective]:
        for root in roots:
            for pieces in cuts:
                for groups in groupings(ranks) if algorithm == "hierarchical" else (None,):
                    yield lower(collective, algorithm, ranks, root=root, pieces=pieces, groups=groups), root
