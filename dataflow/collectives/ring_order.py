"""In which order ranks should stand in a ring."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from dataflow.collectives.prediction import Hop, HopCost

EXACT = 8
"""Up to this many nodes the best order is found by branch and bound."""

Table = Mapping[tuple[int, int], HopCost]


def ring_order(nodes: Sequence[int], hop: Hop) -> tuple[int, ...]:
    """The nodes in the order in which each should send to the next, and the last to the first.

    It begins with the first node. The slowest of the hops between neighbours is as fast as possible; among
    such orders the sum of latencies is least; among those the order nearest to ``nodes`` is taken. That is
    exact for up to 8 nodes (branch and bound). Beyond, the nearest neighbour and 2-opt (Croes 1958) make the
    number of hops of the slowest kind small, then of the next and so on, then the latencies; that need not
    find the best.
    """
    if len(nodes) < 3:
        return tuple(nodes)
    table = {(a, b): hop(a, b) for a in nodes for b in nodes if a != b}
    if len(nodes) <= EXACT:
        return _exact(tuple(nodes), table)
    return _two_opt(_nearest_neighbours(tuple(nodes), table), table)


def _exact(nodes: tuple[int, ...], table: Table) -> tuple[int, ...]:
    """Branch and bound over all orders that begin with the first node."""
    best: tuple[float, int] | None = None
    order: tuple[int, ...] = nodes

    def extend(path: tuple[int, ...], slowest: float, latency_ps: int) -> None:
        """Try all that can follow a path; neither figure can become better on the way."""
        nonlocal best, order
        if best is not None and (-slowest, latency_ps) >= best:
            return
        if len(path) == len(nodes):
            hop_latency_ps, rate = table[path[-1], path[0]]
            figures = (-min(slowest, rate), latency_ps + hop_latency_ps)
            if best is None or figures < best:
                best, order = figures, path
            return
        for node in nodes:
            if node not in path:
                hop_latency_ps, rate = table[path[-1], node]
                extend((*path, node), min(slowest, rate), latency_ps + hop_latency_ps)

    extend(nodes[:1], float("inf"), 0)
    return order


def _nearest_neighbours(nodes: tuple[int, ...], table: Table) -> tuple[int, ...]:
    """From the first node always on to the fastest, then nearest, then earliest that is left."""
    path = [nodes[0]]
    left = list(nodes[1:])
    while left:
        following = min(left, key=lambda node: (-table[path[-1], node][1], table[path[-1], node][0]))
        left.remove(following)
        path.append(following)
    return tuple(path)


def _two_opt(path: tuple[int, ...], table: Table) -> tuple[int, ...]:
    """Turn sections round for as long as that makes the ring lighter; the first node stays."""
    weights = _weights(table, len(path))
    order = list(path)
    improved = True
    while improved:
        improved = False
        for first in range(1, len(order) - 1):
            ahead, back = _running_weights(order, weights)
            for last in range(first + 1, len(order)):
                before, after = order[first - 1], order[(last + 1) % len(order)]
                now = weights[before, order[first]] + weights[order[last], after] + ahead[last] - ahead[first]
                turned = (
                    weights[before, order[last]] + weights[order[first], after] + back[last] - back[first]
                )
                if turned < now:
                    order[first : last + 1] = reversed(order[first : last + 1])
                    ahead, back = _running_weights(order, weights)
                    improved = True
    return tuple(order)


def _running_weights(
    order: Sequence[int], weights: Mapping[tuple[int, int], int]
) -> tuple[list[int], list[int]]:
    """The weight from the first node to each along the order, and the same hops the other way round."""
    ahead, back = [0], [0]
    for a, b in pairwise(order):
        ahead.append(ahead[-1] + weights[a, b])
        back.append(back[-1] + weights[b, a])
    return ahead, back


def _weights(table: Table, nodes: int) -> dict[tuple[int, int], int]:
    """One number for each hop: a single slower hop outweighs a ring of faster ones, then latencies count."""
    kinds = sorted({rate for _, rate in table.values()}, reverse=True)
    place = {rate: index for index, rate in enumerate(kinds)}
    unit = 1 + nodes * max(latency_ps for latency_ps, _ in table.values())
    return {
        ends: unit * ((nodes + 1) ** place[rate] - 1) + latency_ps
        for ends, (latency_ps, rate) in table.items()
    }
