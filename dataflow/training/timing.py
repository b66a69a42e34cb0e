"""How long steps take on the simulated machine: simulated once where they repeat."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from dataflow.placement import PlacedGraph
from dataflow.simulation import Run, simulate

SIMULATED = (4, 8, 16)
"""How many steps are simulated: the next number if their lengths do not repeat yet."""

Kind = Literal["repeats", "varies", "races"]


@dataclass(frozen=True)
class StepTiming:
    """The lengths of the first steps, and of every one after them.

    kind: ``repeats``, two steps in a row took equally long, so that further ones do too;
    ``varies``, they did not, and their mean stands for further ones; ``races``, values depend on
    timing and every step is simulated. first_ps: of the steps that were simulated, but for the last,
    with which no further step overlaps. steady_ps: of all after them, 0 where steps race.
    """

    kind: Kind
    first_ps: tuple[int, ...]
    steady_ps: int

    def length_ps(self, step: int) -> int:
        """How long a step takes, counted from the beginning of the training."""
        return self.first_ps[step] if step < len(self.first_ps) else self.steady_ps


UNTIMED = StepTiming("repeats", (), 0)
"""Of steps whose time on the machine means nothing."""


def races(placed: PlacedGraph) -> bool:
    """Whether tasks start at set times with what is there by then, so that values depend on timing."""
    return placed.plan.control.spacing_ps is not None


def time_steps(placed: PlacedGraph) -> tuple[StepTiming, Run]:
    """Simulates steps until two in a row take equally long; raises what ``simulate`` raises."""
    for count in SIMULATED:
        run = simulate(placed, count)
        lengths = lengths_ps(run)[:-1]
        if races(placed):
            return StepTiming("races", (), 0), run
        if lengths[-1] == lengths[-2]:
            return StepTiming("repeats", lengths, lengths[-1]), run
    return StepTiming("varies", lengths, round(sum(lengths) / len(lengths))), run


def lengths_ps(run: Run) -> tuple[int, ...]:
    """The time from the end of one step to the end of the next, of each step of a run."""
    ends = (run.trace.start_ps, *run.trace.step_ends_ps)
    return tuple(end - begin for begin, end in pairwise(ends))
