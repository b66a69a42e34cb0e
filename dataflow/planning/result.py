"""What came of a search for a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dataflow.plan import Plan
from dataflow.planning.trial import Trial


@dataclass(frozen=True)
class PlanSearch:
    """The trials of a search, best first, and how thorough it was.

    data_parallel: the trial that splits the batch alone, None where that cannot be. ruled_out: how
    many plans were not simulated because what they compute alone takes longer than the best found.
    candidates: how many plans there are; with all of them tried or ruled out the search is
    ``exhaustive``. blocks: by name the layers that were placed together.
    """

    trials: tuple[Trial, ...]
    data_parallel: Trial | None
    ruled_out: int
    candidates: int
    exhaustive: bool
    blocks: Mapping[str, tuple[str, ...]]

    @property
    def best(self) -> Trial:
        """The plan with the shortest step of those that fit."""
        return self.trials[0]

    @property
    def plan(self) -> Plan:
        """The best plan."""
        return self.best.plan
