"""Ring orders: against all permutations, on the hybrid cube mesh, and on islands."""

from __future__ import annotations

from itertools import pairwise, permutations
from random import Random

import pytest

from dataflow.collectives import HopCost, ring_order

CUBE_MESH = {
    frozenset(pair)
    for pair in [
        *[(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)],
        *[(4, 5), (4, 6), (4, 7), (5, 6), (5, 7), (6, 7)],
        *[(0, 4), (1, 5), (2, 6), (3, 7)],
    ]
}
"""The NVLinks of a DGX-1 with P100: two fully connected quads, joined at equal places."""


def around(order: tuple[int, ...]) -> list[tuple[int, int]]:
    """The hops of a ring."""
    return [*pairwise(order), (order[-1], order[0])]


def figures(order: tuple[int, ...], table: dict[tuple[int, int], HopCost]) -> tuple[float, int]:
    """What is made least: the slowest hop's rate, negated, then the sum of latencies."""
    return -min(table[ends][1] for ends in around(order)), sum(table[ends][0] for ends in around(order))


def random_table(nodes: int, seed: int) -> dict[tuple[int, int], HopCost]:
    """Hops of four speeds, different in both directions."""
    random = Random(seed)
    ends = [(a, b) for a in range(nodes) for b in range(nodes) if a != b]
    return {pair: (random.randrange(1, 9), random.choice([1e9, 2e9, 4e9, 8e9])) for pair in ends}


@pytest.mark.parametrize("nodes", [3, 4, 5, 6, 7])
@pytest.mark.parametrize("seed", range(6))
def test_exact_against_all_permutations(nodes: int, seed: int) -> None:
    """Up to eight nodes nothing is better, and of equals the first in lexical order is taken."""
    table = random_table(nodes, seed)
    orders = [(0, *rest) for rest in permutations(range(1, nodes))]
    best = min(figures(order, table) for order in orders)
    assert ring_order(range(nodes), lambda a, b: table[a, b]) == next(
        order for order in orders if figures(order, table) == best
    )


def test_hybrid_cube_mesh_has_a_ring_of_nvlinks() -> None:
    """All eight hops of the ring are NVLinks, none goes over PCIe."""

    def hop(a: int, b: int) -> HopCost:
        return (1, 20e9) if frozenset((a, b)) in CUBE_MESH else (3, 10e9)

    assert all(frozenset(ends) in CUBE_MESH for ends in around(ring_order(range(8), hop)))


@pytest.mark.parametrize("machines", [2, 3, 4])
def test_islands_are_left_once(machines: int) -> None:
    """Eight processors a machine, interleaved in number: a ring crosses between machines once for each."""
    count = 8 * machines

    def hop(a: int, b: int) -> HopCost:
        return (1, 100e9) if a % machines == b % machines else (5, 10e9)

    order = ring_order(range(count), hop)
    assert sorted(order) == list(range(count))
    assert order[0] == 0
    assert sum(a % machines != b % machines for a, b in around(order)) == machines


def test_clusters_of_cube_meshes() -> None:
    """Two hybrid cube meshes: fourteen NVLinks and two hops over the network."""

    def hop(a: int, b: int) -> HopCost:
        if a // 8 != b // 8:
            return 5, 5e9
        return (1, 20e9) if frozenset((a % 8, b % 8)) in CUBE_MESH else (3, 10e9)

    rates = sorted(hop(a, b)[1] for a, b in around(ring_order(range(16), hop)))
    assert rates == [5e9, 5e9] + [20e9] * 14


def test_few_nodes_keep_their_order() -> None:
    """One or two nodes make no choice; other names than 0, 1, 2 serve as well."""
    assert ring_order([7], lambda _a, _b: (1, 1.0)) == (7,)
    assert ring_order([7, 3], lambda _a, _b: (1, 1.0)) == (7, 3)
    assert ring_order([7, 3, 5], lambda _a, _b: (1, 1.0)) == (7, 3, 5)
