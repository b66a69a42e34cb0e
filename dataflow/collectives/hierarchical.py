"""Hierarchical algorithms: rings inside groups, and between the ranks at the same place of each group.

Inside a group the wires are fast, between groups they are few. ``groups[a][b]`` is the rank at place b of
group a; all groups are equally large. Each function's stages are its phases, so that the pieces of a
message may be in different phases at once.
"""

from __future__ import annotations

from collections.abc import Sequence

from dataflow.collectives.moves import Move, Stages, merged, mirrored, relabelled
from dataflow.collectives.ring import (
    Parts,
    chain_broadcast,
    ring_all_gather,
    ring_all_reduce,
    ring_reduce_scatter,
)

Groups = tuple[tuple[int, ...], ...]


def hierarchical_all_reduce(groups: Groups) -> list[list[Move]]:
    """Reduce-scatter inside, all-reduce of each part between, all-gather inside; a block for each rank."""
    count = len(groups)
    parts = [tuple(range(b * count, (b + 1) * count)) for b in range(len(groups[0]))]
    between = [ring_all_reduce([(block,) for block in part]) for part in parts]
    return [
        _inside(groups, [ring_reduce_scatter(parts)] * count),
        _between(groups, between),
        _inside(groups, [ring_all_gather(parts)] * count),
    ]


def hierarchical_reduce_scatter(groups: Groups) -> list[list[Move]]:
    """Reduce-scatter inside, each place gets the parts of that place in all groups; then between."""
    return [
        _inside(groups, [ring_reduce_scatter(_places(groups))] * len(groups)),
        _between(groups, [ring_reduce_scatter(_singles(place)) for place in _places(groups)]),
    ]


def hierarchical_all_gather(groups: Groups) -> list[list[Move]]:
    """All-gather between the ranks of each place, then inside."""
    return [
        _between(groups, [ring_all_gather(_singles(place)) for place in _places(groups)]),
        _inside(groups, [ring_all_gather(_places(groups))] * len(groups)),
    ]


def hierarchical_all_to_all(groups: Groups) -> list[list[Move]]:
    """Inside, what is for any rank at a place goes to that place; then each place sends between groups."""
    ranks = sum(map(len, groups))
    places = _places(groups)
    size, count = len(places), len(groups)
    inside = [
        Move(
            source,
            group[(b + d) % size],
            tuple(source * ranks + r for r in places[(b + d) % size]),
            adds=False,
        )
        for d in range(1, size)
        for group in groups
        for b, source in enumerate(group)
    ]
    between = [
        Move(place[a], target, tuple(rank * ranks + target for rank in groups[a]), adds=False)
        for e in range(1, count)
        for place in places
        for a in range(count)
        for target in (place[(a + e) % count],)
    ]
    return [inside, between]


def hierarchical_broadcast(groups: Groups, root: int) -> list[list[Move]]:
    """A chain from the root through its place in each group, then chains inside; one block."""
    home, place = next((a, group.index(root)) for a, group in enumerate(groups) if root in group)
    leaders = _places(groups)[place]
    inside = chain_broadcast(len(groups[0]), place)
    return [
        *relabelled(chain_broadcast(len(groups), home), leaders),
        *merged([relabelled(inside, group) for group in groups]),
    ]


def hierarchical_reduce(groups: Groups, root: int) -> list[list[Move]]:
    """Chains inside to the root's place, then a chain through the groups; one block."""
    return mirrored(hierarchical_broadcast(groups, root))


def _places(groups: Groups) -> list[tuple[int, ...]]:
    """For each place the ranks that have it, by group."""
    return list(zip(*groups, strict=True))


def _singles(ranks: Sequence[int]) -> Parts:
    """One block for each rank, named after it."""
    return [(rank,) for rank in ranks]


def _inside(groups: Groups, stages: Sequence[Stages]) -> list[Move]:
    """One phase: every group plays its stages at the same time."""
    return _phase([relabelled(own, group) for group, own in zip(groups, stages, strict=True)])


def _between(groups: Groups, stages: Sequence[Stages]) -> list[Move]:
    """One phase: the ranks of each place play its stages at the same time."""
    return _phase([relabelled(own, place) for place, own in zip(_places(groups), stages, strict=True)])


def _phase(sides: Sequence[Stages]) -> list[Move]:
    """Stages that are played side by side, in one list."""
    return [move for stage in merged(sides) for move in stage]
