"""A request that makes no sense is refused, and the message says what would."""

from __future__ import annotations

import pytest

from dataflow.collectives import Collective, chunk_bytes, closed_form_ps, hierarchical_ps, lower, predictions
from dataflow.errors import PlanError


def test_an_algorithm_that_does_not_serve_the_collective() -> None:
    """The message names the algorithms that do."""
    with pytest.raises(
        PlanError, match=r"all-gather by 'tree': .* possible are ring, .*hierarchical, direct"
    ):
        lower(Collective.ALL_GATHER, "tree", 4)


def test_numbers_out_of_range() -> None:
    """Ranks, root and pieces are checked, each with its own message."""
    with pytest.raises(PlanError, match=r"reduce by 'ring': 0 ranks; at least 1 rank"):
        lower(Collective.REDUCE, "ring", 0)
    with pytest.raises(PlanError, match=r"root 4 is none of the 4 ranks; choose 0 to 3"):
        lower(Collective.REDUCE, "ring", 4, root=4)
    with pytest.raises(PlanError, match=r"0 pieces; a message is cut into at least 1 piece"):
        lower(Collective.REDUCE, "ring", 4, pieces=0)
    with pytest.raises(PlanError, match=r"2 pieces; all-to-all messages are not cut, leave pieces at 1"):
        lower(Collective.ALL_TO_ALL, "ring", 4, pieces=2)


def test_groups_that_do_not_divide_the_ranks() -> None:
    """Groups must be there, hold each rank once, and be equally large."""
    with pytest.raises(PlanError, match=r"hierarchical: no groups; .* take 'ring'"):
        lower(Collective.ALL_REDUCE, "hierarchical", 4)
    with pytest.raises(PlanError, match=r"each of the ranks 0 to 3 must be in exactly one group"):
        lower(Collective.ALL_REDUCE, "hierarchical", 4, groups=((0, 1), (1, 2)))
    with pytest.raises(PlanError, match=r"groups of 1 and 3 ranks; all groups must be equally large"):
        lower(Collective.ALL_REDUCE, "hierarchical", 4, groups=((0,), (1, 2, 3)))


def test_sizes_that_do_not_fit() -> None:
    """There is a size for each part or for each pair of ranks."""
    with pytest.raises(PlanError, match=r"all-gather of 4 ranks: 3 sizes given, 4 needed"):
        chunk_bytes(lower(Collective.ALL_GATHER, "ring", 4), (1, 2, 3))
    with pytest.raises(PlanError, match=r"all-to-all of 2 ranks: 2 sizes given, 4 needed"):
        chunk_bytes(lower(Collective.ALL_TO_ALL, "ring", 2), (1, 2))


def test_no_closed_form() -> None:
    """A formula that does not hold is not used."""
    with pytest.raises(
        PlanError, match=r"all-reduce by 'hierarchical' .* those of ring, halving-doubling, tree"
    ):
        closed_form_ps(Collective.ALL_REDUCE, "hierarchical", 4, 64, 0, 1.0)
    with pytest.raises(PlanError, match=r"6 ranks; this one holds for powers of two, predict instead"):
        closed_form_ps(Collective.ALL_REDUCE, "halving-doubling", 6, 64, 0, 1.0)
    with pytest.raises(PlanError, match=r"2 pieces; this one holds for 1 piece, predict instead"):
        hierarchical_ps(Collective.REDUCE, 2, 2, 64, (0, 1.0), (0, 1.0), pieces=2)


def test_no_candidate() -> None:
    """What needs groups or a server is no candidate without."""
    with pytest.raises(PlanError, match=r"none of the candidates \(hierarchical, server\) is possible"):
        predictions(Collective.REDUCE, 4, 64, lambda _a, _b: (0, 1.0), candidates=("hierarchical", "server"))
    with pytest.raises(PlanError, match=r"reduce by 'rings'"):
        predictions(Collective.REDUCE, 4, 64, lambda _a, _b: (0, 1.0), candidates=("rings",))
