"""The choice of an algorithm, and of the number of pieces, by predicted time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from dataflow.collectives.hierarchical import Groups
from dataflow.collectives.lowering import ALGORITHMS, lower
from dataflow.collectives.moves import Collective
from dataflow.collectives.prediction import HopCost, Sizes, Way, Ways, chunk_bytes, predicted_ps
from dataflow.errors import PlanError

PIECES = (1, 2, 4, 8, 16, 32)
"""The numbers of pieces that are tried where cutting can help."""

MOST_MOVES = 50_000
"""More pieces are tried only while there are fewer moves, so that a choice stays a matter of seconds."""

MOST_RANKS_PASSED_ON = 64
"""Up to this many ranks a ring is a candidate for all-to-all: its messages hold n^3 / 2 chunks altogether."""

_ROOTED = (Collective.BROADCAST, Collective.REDUCE)


@dataclass(frozen=True, slots=True)
class Prediction:
    """How long an algorithm with a number of pieces is predicted to take."""

    algorithm: str
    pieces: int
    time_ps: int


def best(
    collective: Collective,
    ranks: int,
    sizes: Sizes,
    hop: Ways,
    *,
    root: int = 0,
    groups: Groups | None = None,
    server: bool = False,
    candidates: Sequence[str] | None = None,
) -> tuple[str, int]:
    """The algorithm and the number of pieces with the least predicted time; see ``predictions``."""
    first = predictions(
        collective, ranks, sizes, hop, root=root, groups=groups, server=server, candidates=candidates
    )[0]
    return first.algorithm, first.pieces


def predictions(
    collective: Collective,
    ranks: int,
    sizes: Sizes,
    hop: Ways,
    *,
    root: int = 0,
    groups: Groups | None = None,
    server: bool = False,
    candidates: Sequence[str] | None = None,
) -> tuple[Prediction, ...]:
    """What every candidate is predicted to take, the fastest first.

    Equal times are ordered as in ALGORITHMS, then by fewer pieces. groups: without them "hierarchical" is
    no candidate. server: whether there is one, as rank ``ranks``, that ``hop`` knows. candidates:
    algorithms to choose among, by default all that serve the collective; a ring for all-to-all is none
    among more than 64 ranks. Raises PlanError when none is
    left, and as ``lower`` and ``chunk_bytes`` do.
    """
    named = ALGORITHMS[collective] if candidates is None else tuple(candidates)
    possible = tuple(
        algorithm
        for algorithm in named
        if (algorithm != "hierarchical" or groups)
        and (algorithm != "server" or server)
        and not _is_too_much_to_predict(collective, algorithm, ranks)
    )
    if not possible:
        raise PlanError(
            f"{collective.value}: none of the candidates ({', '.join(named)}) is possible; "
            "'hierarchical' needs groups, 'server' a server, "
            f"'ring' for all-to-all at most {MOST_RANKS_PASSED_ON} ranks"
        )
    nodes = range(ranks + 1 if "server" in possible else ranks)
    hops = tuple(tuple((0, 1.0) if a == b else hop(a, b) for b in nodes) for a in nodes)
    return _predictions(collective, ranks, sizes, hops, root, groups, possible)


@lru_cache(maxsize=256)
def _predictions(
    collective: Collective,
    ranks: int,
    sizes: Sizes,
    hops: tuple[tuple[HopCost | Way, ...], ...],
    root: int,
    groups: Groups | None,
    candidates: tuple[str, ...],
) -> tuple[Prediction, ...]:
    """The same from arguments that compare by value, so that equal collectives are predicted once."""
    found = []
    for algorithm in candidates:
        whole = lower(collective, algorithm, ranks, root=root, groups=groups)
        for pieces in PIECES if _gains_by_cutting(collective, algorithm) else (1,):
            if pieces > 1 and pieces * len(whole.moves) > MOST_MOVES:
                break
            lowering = lower(collective, algorithm, ranks, root=root, pieces=pieces, groups=groups)
            time_ps = predicted_ps(lowering, chunk_bytes(lowering, sizes), lambda a, b: hops[a][b])
            found.append(Prediction(algorithm, pieces, time_ps))
    order = ALGORITHMS[collective]
    return tuple(sorted(found, key=lambda p: (p.time_ps, order.index(p.algorithm), p.pieces)))


def _is_too_much_to_predict(collective: Collective, algorithm: str, ranks: int) -> bool:
    """Whether an algorithm passes on so many chunks that predicting it would take longer than it is worth."""
    return collective is Collective.ALL_TO_ALL and algorithm == "ring" and ranks > MOST_RANKS_PASSED_ON


def _gains_by_cutting(collective: Collective, algorithm: str) -> bool:
    """Whether pieces that follow each other can be faster when each port sends one message at a time.

    Where every rank sends in every step, its port is busy throughout, and cutting adds latencies alone.
    """
    if collective is Collective.ALL_TO_ALL:
        return False
    return algorithm in ("tree", "server") or (
        collective in _ROOTED and algorithm in ("ring", "hierarchical")
    )
