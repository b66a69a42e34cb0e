"""Double binary trees: two trees, each carries half of the data, no rank is inner in both.

Sanders, Speck and Träff, "Two-tree algorithms for full bandwidth broadcast, reduction and scan" (2009);
NCCL uses them since version 2.4. A binary tree that is numbered in order has its leaves at the odd
positions; in the second tree every rank moves up one position, so that even positions become leaves.
The root of a broadcast or a reduction stands above both trees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dataflow.collectives.moves import Move, piece_of, rotation


@dataclass(frozen=True, slots=True)
class TimedMove:
    """A move on the timetable: its piece, and the stage at which it could happen were all ports free."""

    move: Move
    stage: int
    piece: int


def in_order_parents(positions: int) -> dict[int, int]:
    """The parent of each position 1, 2, ... of a binary tree numbered in order; 0 above its root.

    The lowest set bit of a position is its height; where the parent at the next height lies outside,
    the one at the other side is taken.
    """
    parents = {}
    for position in range(1, positions + 1):
        bit = position & -position
        above = (position - bit) | (bit << 1)
        parents[position] = above if above <= positions else position - bit
    return parents


def double_trees(members: Sequence[int], above: int | None) -> tuple[dict[int, int], dict[int, int]]:
    """Two complementary trees over the members: the parent of each rank.

    above: the rank that both trees hang from, or None when each has its own root among the members,
    which then has no parent.
    """
    parents = in_order_parents(len(members))
    first = list(members)
    second = [*members[-1:], *members[:-1]]

    def tree(order: Sequence[int]) -> dict[int, int]:
        named = {order[child - 1]: order[up - 1] for child, up in parents.items() if up}
        if above is not None:
            named |= {order[child - 1]: above for child, up in parents.items() if not up}
        return named

    return tree(first), tree(second)


def two_colours(trees: tuple[dict[int, int], dict[int, int]]) -> dict[tuple[int, int], int]:
    """A colour, 0 or 1, for each edge (tree, child): no rank sends or receives on two of one colour.

    Sanders, Speck and Träff (2009) prove that there is one: a rank sends to two children of one tree at most
    and receives from a parent in each, so that edges which meet at a port form paths and even cycles.
    """
    edges = [(tree, child) for tree, parents in enumerate(trees) for child in parents]
    ports: dict[tuple[str, int], list[tuple[int, int]]] = {}
    for tree, child in edges:
        ports.setdefault(("send", trees[tree][child]), []).append((tree, child))
        ports.setdefault(("receive", child), []).append((tree, child))
    colours: dict[tuple[int, int], int] = {}
    for first in edges:
        unseen = [] if first in colours else [(first, 0)]
        while unseen:
            edge, colour = unseen.pop()
            colours[edge] = colour
            met = [*ports["send", trees[edge[0]][edge[1]]], *ports["receive", edge[1]]]
            unseen += [(other, 1 - colour) for other in met if other not in colours]
    return colours


def tree_broadcast(ranks: int, root: int, pieces: int) -> tuple[Move, ...]:
    """Down both trees; two blocks, each cut into pieces that follow each other.

    A piece leaves two slots behind the one before. Edges take turns: those of one colour work in even
    slots, the others in odd ones, so no port has two messages at once. Of the two ways to name the colours
    the one with which the first piece is everywhere sooner is taken.
    """
    trees = double_trees(rotation(ranks, root)[1:], root)
    colours = two_colours(trees)
    slots = min((_slots(trees, colours, even) for even in (0, 1)), key=lambda slots: max(slots.values()))
    entries = [(slot + 2 * k, block, k, rank) for (block, rank), slot in slots.items() for k in range(pieces)]
    return tuple(
        Move(trees[block][rank], rank, (block * pieces + k,), adds=False)
        for _, block, k, rank in sorted(entries)
    )


def tree_reduce(ranks: int, root: int, pieces: int) -> tuple[Move, ...]:
    """Up both trees: the broadcast run backwards; two blocks, each cut into pieces."""
    return tuple(
        Move(move.destination, move.source, move.chunks, adds=True)
        for move in reversed(tree_broadcast(ranks, root, pieces))
    )


def tree_all_reduce(ranks: int, pieces: int) -> tuple[Move, ...]:
    """Up each tree to its own root and down again; two blocks, each cut into pieces.

    A rank inside a tree sends and receives four messages for each piece of both blocks. Starting a piece
    two stages behind the one before measures best from 2 to 64 ranks.
    """
    trees = double_trees(range(ranks), None)
    heights = [max((depth for depth, _ in _down(parents, 0)), default=0) for parents in trees]
    return _timetable(
        TimedMove(piece_of(move, k, pieces), stage + 2 * k, k)
        for k in range(pieces)
        for block, parents in enumerate(trees)
        for stage, move in _up_and_down(parents, block, heights[block])
    )


def _slots(
    trees: tuple[dict[int, int], dict[int, int]], colours: dict[tuple[int, int], int], even: int
) -> dict[tuple[int, int], int]:
    """When each edge (tree, child) carries the first piece, with edges of colour ``even`` in even slots."""
    slots: dict[tuple[int, int], int] = {}
    for tree, parents in enumerate(trees):
        for _, move in _down(parents, tree):
            edge = (tree, move.destination)
            ready = slots.get((tree, move.source), -1) + 1
            slots[edge] = ready + (ready + colours[edge] + even) % 2
    return slots


def _up_and_down(parents: dict[int, int], block: int, height: int) -> Iterator[tuple[int, Move]]:
    """(stage, move) of a reduction to the tree's root and a broadcast from it."""
    downward = list(_down(parents, block))
    for depth, move in reversed(downward):
        yield height - depth, Move(move.destination, move.source, move.chunks, adds=True)
    for depth, move in downward:
        yield height + depth, move


def _down(parents: dict[int, int], block: int) -> list[tuple[int, Move]]:
    """(depth, move) from each parent to each of its children, parents first, then by position in the tree."""

    def depth(rank: int) -> int:
        return 1 + depth(parents[rank]) if rank in parents else 0

    ranks = sorted(parents, key=depth)
    return [(depth(rank), Move(parents[rank], rank, (block,), adds=False)) for rank in ranks]


def _timetable(timed: Iterator[TimedMove]) -> tuple[Move, ...]:
    """The moves in the order of a timetable in which every port carries one message at a time.

    Taken by stage, each goes into the first slot in which its sender and its receiver are free after what it
    sends is there; all messages last one slot. A move's chunks must be at its source, or summed there, by
    moves of earlier stages.
    """
    sending: set[tuple[int, int]] = set()
    receiving: set[tuple[int, int]] = set()
    there: dict[tuple[int, tuple[int, ...]], int] = {}
    slots: list[tuple[int, int, Move]] = []
    for place, entry in enumerate(sorted(timed, key=lambda entry: (entry.stage, entry.piece))):
        move = entry.move
        slot = there.get((move.source, move.chunks), 0)
        while (move.source, slot) in sending or (move.destination, slot) in receiving:
            slot += 1
        sending.add((move.source, slot))
        receiving.add((move.destination, slot))
        arrival = (move.destination, move.chunks)
        there[arrival] = max(there.get(arrival, 0), slot + 1)
        slots.append((slot, place, move))
    return tuple(move for _, _, move in sorted(slots, key=lambda entry: entry[:2]))
