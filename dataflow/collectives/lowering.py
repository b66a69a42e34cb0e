"""From the name of an algorithm to the moves of a collective."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from dataflow.collectives import binomial, direct, halving_doubling, hierarchical, ring, server, tree
from dataflow.collectives.hierarchical import Groups
from dataflow.collectives.moves import (
    PARTED,
    Collective,
    Lowering,
    Move,
    Stages,
    cut_and_overlap,
    without_repeats,
)
from dataflow.errors import PlanError


@dataclass(frozen=True, slots=True)
class Request:
    """What a collective is asked for; see ``lower``."""

    ranks: int
    root: int
    pieces: int
    groups: Groups

    @property
    def parts(self) -> list[tuple[int, ...]]:
        """One block for each rank."""
        return [(rank,) for rank in range(self.ranks)]

    def cut(self, stages: Stages) -> tuple[Move, ...]:
        """The stages' moves, with each block in pieces."""
        return cut_and_overlap(stages, self.pieces)


Builder = Callable[[Request], tuple[Move, ...]]

_BUILDERS: Mapping[Collective, Mapping[str, Builder]] = {
    Collective.ALL_REDUCE: {
        "ring": lambda r: r.cut(ring.ring_all_reduce(r.parts)),
        "halving-doubling": lambda r: r.cut(halving_doubling.halving_doubling_all_reduce(r.ranks)),
        "tree": lambda r: tree.tree_all_reduce(r.ranks, r.pieces),
        "hierarchical": lambda r: r.cut(hierarchical.hierarchical_all_reduce(r.groups)),
        "direct": lambda r: r.cut(direct.direct_all_reduce(r.ranks)),
        "server": lambda r: r.cut(server.server_all_reduce(r.ranks)),
    },
    Collective.ALL_GATHER: {
        "ring": lambda r: r.cut(ring.ring_all_gather(r.parts)),
        "halving-doubling": lambda r: r.cut(halving_doubling.doubling_all_gather(r.parts)),
        "hierarchical": lambda r: r.cut(hierarchical.hierarchical_all_gather(r.groups)),
        "direct": lambda r: r.cut(direct.direct_all_gather(r.parts)),
        "server": lambda r: r.cut(server.server_all_gather(r.parts)),
    },
    Collective.REDUCE_SCATTER: {
        "ring": lambda r: r.cut(ring.ring_reduce_scatter(r.parts)),
        "halving-doubling": lambda r: r.cut(halving_doubling.halving_reduce_scatter(r.parts)),
        "hierarchical": lambda r: r.cut(hierarchical.hierarchical_reduce_scatter(r.groups)),
        "direct": lambda r: r.cut(direct.direct_reduce_scatter(r.parts)),
        "server": lambda r: r.cut(server.server_reduce_scatter(r.parts)),
    },
    Collective.ALL_TO_ALL: {
        "direct": lambda r: r.cut(direct.direct_all_to_all(r.ranks)),
        "ring": lambda r: r.cut(ring.ring_all_to_all(r.ranks)),
        "hierarchical": lambda r: r.cut(hierarchical.hierarchical_all_to_all(r.groups)),
        "server": lambda r: r.cut(server.server_all_to_all(r.ranks)),
    },
    Collective.BROADCAST: {
        "ring": lambda r: r.cut(ring.chain_broadcast(r.ranks, r.root)),
        "halving-doubling": lambda r: r.cut(halving_doubling.scatter_doubling_broadcast(r.ranks, r.root)),
        "tree": lambda r: tree.tree_broadcast(r.ranks, r.root, r.pieces),
        "binomial": lambda r: r.cut(binomial.binomial_broadcast(r.ranks, r.root)),
        "hierarchical": lambda r: r.cut(hierarchical.hierarchical_broadcast(r.groups, r.root)),
        "direct": lambda r: r.cut(direct.direct_broadcast(r.ranks, r.root)),
        "server": lambda r: r.cut(server.server_broadcast(r.ranks, r.root)),
    },
    Collective.REDUCE: {
        "ring": lambda r: r.cut(ring.chain_reduce(r.ranks, r.root)),
        "halving-doubling": lambda r: r.cut(halving_doubling.halving_gather_reduce(r.ranks, r.root)),
        "tree": lambda r: tree.tree_reduce(r.ranks, r.root, r.pieces),
        "binomial": lambda r: r.cut(binomial.binomial_reduce(r.ranks, r.root)),
        "hierarchical": lambda r: r.cut(hierarchical.hierarchical_reduce(r.groups, r.root)),
        "direct": lambda r: r.cut(direct.direct_reduce(r.ranks, r.root)),
        "server": lambda r: r.cut(server.server_reduce(r.ranks, r.root)),
    },
}

ALGORITHMS: Mapping[Collective, tuple[str, ...]] = {
    collective: tuple(builders) for collective, builders in _BUILDERS.items()
}
"""The algorithms of each collective; when two are predicted to be equally fast, the earlier is taken."""


def lower(
    collective: Collective,
    algorithm: str,
    ranks: int,
    *,
    root: int = 0,
    pieces: int = 1,
    groups: Groups | None = None,
) -> Lowering:
    """A collective of ``ranks`` ranks as moves.

    root: of a broadcast or a reduction; other collectives have none and do not read it. pieces: into how
    many pieces that follow each other each message is cut; an all-to-all is not cut. groups: which ranks
    are near each other, equally many in each; read by "hierarchical" alone.

    One rank alone makes no moves. Raises PlanError when the algorithm does not serve the collective, or when
    ranks, root, pieces or groups make no sense.
    """
    _check(collective, algorithm, ranks, root, pieces)
    checked = _checked_groups(ranks, groups) if algorithm == "hierarchical" else ()
    return _lower(collective, algorithm, Request(ranks, root, pieces, checked))


@lru_cache(maxsize=256)
def _lower(collective: Collective, algorithm: str, request: Request) -> Lowering:
    """The moves of a request that makes sense."""
    ranks, pieces = request.ranks, request.pieces
    moves = _BUILDERS[collective][algorithm](request) if ranks > 1 else ()
    owners = None
    if collective in PARTED:
        owners = tuple(rank for rank in range(ranks) for _ in range(pieces))
    chunks = _blocks(collective, algorithm, ranks) * pieces
    if collective is Collective.BROADCAST:
        moves = without_repeats(moves, dict.fromkeys(range(chunks), (request.root,)))
    return Lowering(collective, algorithm, ranks, chunks, owners, moves)


def _blocks(collective: Collective, algorithm: str, ranks: int) -> int:
    """Into how many blocks an algorithm divides the data before each is cut into pieces."""
    if collective is Collective.ALL_TO_ALL:
        return ranks * ranks
    if collective in PARTED:
        return ranks
    if algorithm == "halving-doubling":
        return len(halving_doubling.folded(ranks).actors)
    if algorithm == "tree":
        return 2
    if collective is Collective.ALL_REDUCE and algorithm in ("ring", "hierarchical"):
        return ranks
    return 1


def _check(collective: Collective, algorithm: str, ranks: int, root: int, pieces: int) -> None:
    """Raise PlanError for what makes no sense whatever the groups."""
    who = f"{collective.value} by '{algorithm}'"
    if algorithm not in ALGORITHMS[collective]:
        possible = ", ".join(ALGORITHMS[collective])
        raise PlanError(f"{who}: no such algorithm for {collective.value}; possible are {possible}")
    if ranks < 1:
        raise PlanError(f"{who}: {ranks} ranks; at least 1 rank must take part")
    if not 0 <= root < ranks:
        raise PlanError(f"{who}: root {root} is none of the {ranks} ranks; choose 0 to {ranks - 1}")
    if pieces < 1:
        raise PlanError(f"{who}: {pieces} pieces; a message is cut into at least 1 piece")
    if collective is Collective.ALL_TO_ALL and pieces > 1:
        raise PlanError(f"{who}: {pieces} pieces; all-to-all messages are not cut, leave pieces at 1")


def _checked_groups(ranks: int, groups: Groups | None) -> Groups:
    """The groups, when they divide the ranks evenly; raises PlanError otherwise."""
    if not groups:
        raise PlanError("hierarchical: no groups; say which ranks are near each other, or take 'ring'")
    if sorted(rank for group in groups for rank in group) != list(range(ranks)):
        raise PlanError(
            f"hierarchical: groups {groups}; each of the ranks 0 to {ranks - 1} must be in exactly one group"
        )
    sizes = sorted({len(group) for group in groups})
    if len(sizes) > 1:
        raise PlanError(
            f"hierarchical: groups of {' and '.join(map(str, sizes))} ranks; "
            "all groups must be equally large, regroup the ranks or take 'ring'"
        )
    return groups
