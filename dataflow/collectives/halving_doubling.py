"""Recursive halving and doubling: log2 n exchanges with ranks at distances that halve or double.

Thakur, Rabenseifner and Gropp, "Optimization of collective communication operations in MPICH" (2005),
sections 4 and 5. When n is no power of two, of the first 2(n - p) ranks every odd one hands its data to the
even one before it, p ranks run the algorithm, and what the odd ones need is handed back.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dataflow.collectives.moves import Move, relabelled, rotation


@dataclass(frozen=True, slots=True)
class Fold:
    """n ranks folded onto the largest power of two that is not larger.

    actors: the rank that plays virtual rank v. extras: (rank, its actor) of those who do not play.
    """

    actors: tuple[int, ...]
    extras: tuple[tuple[int, int], ...]


def folded(ranks: int) -> Fold:
    """The fold of this many ranks."""
    power = 1 << (ranks.bit_length() - 1)
    rest = ranks - power
    actors = tuple(2 * v if v < rest else v + rest for v in range(power))
    return Fold(actors, tuple((2 * v + 1, 2 * v) for v in range(rest)))


def halving_doubling_all_reduce(ranks: int) -> list[list[Move]]:
    """Rabenseifner's: recursive halving sums, recursive doubling gathers; a block for each actor."""
    fold = folded(ranks)
    parts = [(v,) for v in range(len(fold.actors))]
    everything = tuple(range(len(parts)))
    return [
        *_fold_in(fold, [everything] * len(fold.extras), adds=True),
        *relabelled([*_halving(parts), *_doubling(parts)], fold.actors),
        *_fold_out(fold, [everything] * len(fold.extras)),
    ]


def halving_reduce_scatter(parts: Sequence[tuple[int, ...]]) -> list[list[Move]]:
    """Recursive halving; an actor stands for its own part and that of the rank folded onto it."""
    fold = folded(len(parts))
    everything = tuple(block for part in parts for block in part)
    return [
        *_fold_in(fold, [everything] * len(fold.extras), adds=True),
        *relabelled(_halving(_joint_parts(fold, parts)), fold.actors),
        *_fold_out(fold, [parts[extra] for extra, _ in fold.extras]),
    ]


def doubling_all_gather(parts: Sequence[tuple[int, ...]]) -> list[list[Move]]:
    """Recursive doubling; an actor stands for its own part and that of the rank folded onto it."""
    fold = folded(len(parts))
    missing = [
        tuple(block for owner, part in enumerate(parts) if owner != extra for block in part)
        for extra, _ in fold.extras
    ]
    return [
        *_fold_in(fold, [parts[extra] for extra, _ in fold.extras], adds=False),
        *relabelled(_doubling(_joint_parts(fold, parts)), fold.actors),
        *_fold_out(fold, missing),
    ]


def scatter_doubling_broadcast(ranks: int, root: int) -> list[list[Move]]:
    """Van de Geijn's broadcast: a binomial scatter, then recursive doubling; a block for each actor."""
    fold = folded(ranks)
    parts = [(v,) for v in range(len(fold.actors))]
    everything = tuple(range(len(parts)))
    stages = [
        *relabelled([*_scatter(len(parts)), *_doubling(parts)], fold.actors),
        *_fold_out(fold, [everything] * len(fold.extras)),
    ]
    return relabelled(stages, rotation(ranks, root))


def halving_gather_reduce(ranks: int, root: int) -> list[list[Move]]:
    """Rabenseifner's reduce: recursive halving, then a binomial gather; a block for each actor."""
    fold = folded(ranks)
    parts = [(v,) for v in range(len(fold.actors))]
    everything = tuple(range(len(parts)))
    gather = [
        [Move(move.destination, move.source, move.chunks, adds=False) for move in stage]
        for stage in reversed(_scatter(len(parts)))
    ]
    stages = [
        *_fold_in(fold, [everything] * len(fold.extras), adds=True),
        *relabelled([*_halving(parts), *gather], fold.actors),
    ]
    return relabelled(stages, rotation(ranks, root))


def _halving(parts: Sequence[tuple[int, ...]]) -> list[list[Move]]:
    """Each rank sends half of what it is still responsible for; in the end that is its own part."""
    return [
        [Move(v, v ^ mask, _aligned(parts, v ^ mask, mask), adds=True) for v in range(len(parts))]
        for mask in reversed(list(_masks(len(parts))))
    ]


def _doubling(parts: Sequence[tuple[int, ...]]) -> list[list[Move]]:
    """Each rank sends all it has gathered; what it has doubles."""
    return [
        [Move(v, v ^ mask, _aligned(parts, v, mask), adds=False) for v in range(len(parts))]
        for mask in _masks(len(parts))
    ]


def _scatter(power: int) -> list[list[Move]]:
    """Binomial tree from rank 0: who has blocks v to v + 2 mask sends the upper half to v + mask."""
    return [
        [
            Move(v, v + mask, tuple(range(v + mask, v + 2 * mask)), adds=False)
            for v in range(0, power, 2 * mask)
        ]
        for mask in reversed(list(_masks(power)))
    ]


def _masks(power: int) -> Iterator[int]:
    """1, 2, 4, ... below a power of two."""
    mask = 1
    while mask < power:
        yield mask
        mask *= 2


def _aligned(parts: Sequence[tuple[int, ...]], v: int, width: int) -> tuple[int, ...]:
    """The blocks of the ``width`` neighbouring parts, aligned to ``width``, that part v lies among."""
    first = v - v % width
    return tuple(block for part in parts[first : first + width] for block in part)


def _joint_parts(fold: Fold, parts: Sequence[tuple[int, ...]]) -> list[tuple[int, ...]]:
    """For each actor its own part and that of the rank folded onto it."""
    folded_onto = {actor: extra for extra, actor in fold.extras}
    return [
        (*parts[actor], *parts[folded_onto[actor]]) if actor in folded_onto else parts[actor]
        for actor in fold.actors
    ]


def _fold_in(fold: Fold, blocks: Sequence[tuple[int, ...]], *, adds: bool) -> list[list[Move]]:
    """Those who do not play hand their blocks to their actors: a stage, or none when all play."""
    moves = [
        Move(extra, actor, chunks, adds) for (extra, actor), chunks in zip(fold.extras, blocks, strict=True)
    ]
    return [moves] if moves else []


def _fold_out(fold: Fold, blocks: Sequence[tuple[int, ...]]) -> list[list[Move]]:
    """Actors hand results to those who do not play: a stage, or none when all play."""
    moves = [
        Move(actor, extra, chunks, adds=False)
        for (extra, actor), chunks in zip(fold.extras, blocks, strict=True)
    ]
    return [moves] if moves else []
