"""Collectives, and the moves they are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum


class Collective(Enum):
    """What every rank of a group does together, as MPI and NCCL name it."""

    ALL_REDUCE = "all-reduce"
    ALL_GATHER = "all-gather"
    REDUCE_SCATTER = "reduce-scatter"
    ALL_TO_ALL = "all-to-all"
    BROADCAST = "broadcast"
    REDUCE = "reduce"


PARTED = (Collective.ALL_GATHER, Collective.REDUCE_SCATTER)
"""The collectives in which each rank has a part of its own, that need not be as large as the others'."""


@dataclass(frozen=True, slots=True)
class Move:
    """One message from rank to rank: what ``source`` holds of these chunks is sent.

    The destination replaces what it holds, or adds. chunks: indices of the chunks that travel
    together, as one message with one latency. adds: whether the destination's holding becomes
    holding + received; otherwise it becomes what was received. own: whether the source sends its
    original contribution instead of what it holds by now.
    """

    source: int
    destination: int
    chunks: tuple[int, ...]
    adds: bool
    own: bool = False


@dataclass(frozen=True, slots=True)
class Lowering:
    """A collective as moves, in an order in which each sees the effect of all that come before it.

    ranks: how many take part, 0 to ranks - 1; a server is rank ``ranks``. chunks: how many pieces the
    data is cut into. owners: for all-gather and reduce-scatter the rank that each chunk belongs to,
    otherwise None.

    All-reduce, broadcast and reduce cut one payload into ``chunks`` nearly equal pieces. For
    all-gather and reduce-scatter chunk ``rank * pieces + k`` is the k-th piece of the rank's own part.
    For all-to-all chunk ``i * ranks + j`` is what rank i has for rank j.
    """

    collective: Collective
    algorithm: str
    ranks: int
    chunks: int
    owners: tuple[int, ...] | None
    moves: tuple[Move, ...]


Stages = Sequence[Sequence[Move]]
"""An algorithm on blocks that are not cut: its moves, stage after stage."""


def cut_and_overlap(stages: Stages, pieces: int) -> tuple[Move, ...]:
    """The moves of an algorithm that cuts each block into pieces, piece k one stage behind piece k - 1.

    Chunk ``block * pieces + k`` is the k-th piece of a block. Moves of the same stage keep their order,
    and of what may happen at the same time the earlier piece goes first.
    """
    return tuple(
        piece_of(move, k, pieces)
        for slot in range(len(stages) + pieces - 1)
        for k in range(pieces)
        if 0 <= slot - k < len(stages)
        for move in stages[slot - k]
    )


def without_repeats(moves: Sequence[Move], holders: Mapping[int, Sequence[int]]) -> tuple[Move, ...]:
    """The moves that copy, without the chunks that their destination holds already.

    holders: for each chunk the ranks that hold it at first.
    """
    held = {(rank, chunk) for chunk, ranks in holders.items() for rank in ranks}
    found: list[Move] = []
    for move in moves:
        chunks = tuple(chunk for chunk in move.chunks if (move.destination, chunk) not in held)
        held.update((move.destination, chunk) for chunk in chunks)
        if chunks:
            found.append(Move(move.source, move.destination, chunks, move.adds, move.own))
    return tuple(found)


def piece_of(move: Move, piece: int, pieces: int) -> Move:
    """The message that carries the given piece of each block of a move."""
    chunks = tuple(block * pieces + piece for block in move.chunks)
    return Move(move.source, move.destination, chunks, move.adds, move.own)


def mirrored(stages: Stages) -> list[list[Move]]:
    """A reduction made from a broadcast: every move the other way round, the last one first, and added.

    Chan, Heimlich, Purkayastha and van de Geijn, "Collective communication: theory, practice, and
    experience" (2007), section 3: a reduction is a broadcast run backwards.
    """
    return [
        [Move(move.destination, move.source, move.chunks, adds=True) for move in reversed(stage)]
        for stage in reversed(stages)
    ]


def relabelled(stages: Stages, ranks: Sequence[int]) -> list[list[Move]]:
    """The same stages played by other ranks: ``ranks[i]`` takes the part of rank i."""
    return [
        [Move(ranks[m.source], ranks[m.destination], m.chunks, m.adds, m.own) for m in stage]
        for stage in stages
    ]


def merged(sides: Sequence[Stages]) -> list[list[Move]]:
    """Stages of groups that work at the same time, all of equal length, as one."""
    return [[move for moves in together for move in moves] for together in zip(*sides, strict=True)]


def rotation(ranks: int, first: int) -> tuple[int, ...]:
    """All ranks in cyclic order, beginning with ``first``."""
    return tuple((first + offset) % ranks for offset in range(ranks))
