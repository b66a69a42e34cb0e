"""What docs/collectives.md says of algorithms and of who wins holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from dataflow.collectives import ALGORITHMS, Collective, HopCost, best

TEXT = (Path(__file__).parents[2] / "docs" / "collectives.md").read_text(encoding="utf-8")


def equal_hops(_source: int, _destination: int) -> HopCost:
    """5 us and 10 GB/s everywhere."""
    return 5_000_000, 10e9


@pytest.mark.parametrize("collective", Collective)
def test_the_table_lists_the_algorithms_in_the_order_of_ties(collective: Collective) -> None:
    """One row for each collective ends with its algorithms."""
    row = next(line for line in TEXT.splitlines() if line.startswith(f"| {collective.value} |"))
    assert row.split("|")[3].strip() == ", ".join(ALGORITHMS[collective])


@pytest.mark.parametrize("ranks", [*range(2, 12), 16])
def test_who_wins_an_all_reduce(ranks: int) -> None:
    """Few bytes: direct for up to 6 ranks, else halving-doubling; many: by whether n is a power of two."""
    few = best(Collective.ALL_REDUCE, ranks, 8 * ranks, equal_hops)
    many = best(Collective.ALL_REDUCE, ranks, 2**30, equal_hops)
    assert few[0] == ("direct" if ranks <= 6 else "halving-doubling")
    power = ranks & (ranks - 1) == 0
    assert many[0] == ("direct" if ranks == 2 else "halving-doubling" if power else "ring")


@pytest.mark.parametrize("collective", [Collective.BROADCAST, Collective.REDUCE])
@pytest.mark.parametrize("ranks", [3, 4, 6, 9, 16])
def test_who_wins_a_broadcast(collective: Collective, ranks: int) -> None:
    """A binomial tree for few bytes, the double tree in many pieces for many."""
    wanted = "binomial" if ranks > 3 else "ring"  # equal for 3 ranks: two messages, and the ring stands first
    assert best(collective, ranks, 8, equal_hops) == (wanted, 1)
    assert best(collective, ranks, 2**30, equal_hops) == ("tree", 32)
