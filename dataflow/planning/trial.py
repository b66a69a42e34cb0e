"""What came of simulating one plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from dataflow.errors import CheckError, DeadlockError, PlanError
from dataflow.experiment import Experiment
from dataflow.graph import TaskGraph
from dataflow.hardware import Hardware
from dataflow.ops import Phase
from dataflow.placement import place
from dataflow.plan import Plan
from dataflow.simulation import simulate

_MOST_STEPS = 2
"""Steps that a trial simulates at most: the second is like all that follow."""


@dataclass(frozen=True)
class Outcome:
    """What a plan costs, however much memory it would need.

    peak_bytes: by memory. exchanged_bytes: all transfers but the next batch's. fault: why the
    plan cannot be carried out, empty for one that can; all else is then nothing.
    """

    step_time_ps: int = 0
    peak_bytes: Mapping[str, int] | None = None
    exchanged_bytes: int = 0
    fault: str = ""


@dataclass(frozen=True)
class Trial:
    """A plan that was tried. number: of those tried before. mesh, splits: the plan in words.

    peak_bytes: of the fullest memory of a processor. excess: by what share of its capacity the
    fullest memory is too full; 0 for a plan that fits.
    """

    number: int
    plan: Plan
    mesh: str
    splits: str
    outcome: Outcome
    peak_bytes: int
    excess: float

    @property
    def fits(self) -> bool:
        """Whether the plan can be carried out and fits in memory."""
        return not self.outcome.fault and self.excess == 0

    @property
    def rank(self) -> tuple[bool, float, int]:
        """Less is better: what fits before what does not, then by step time."""
        return bool(self.outcome.fault), self.excess, self.outcome.step_time_ps


class Evaluator:
    """Simulates a step or two under a plan with room for everything, so that all of what it needs is seen.

    steps: how many; more than one only where the experiment has more.
    """

    def __init__(self, experiment: Experiment, graph: TaskGraph) -> None:
        self._hardware = experiment.hardware
        self._graph = graph
        self.steps = min(_MOST_STEPS, experiment.training.steps)

    @cached_property
    def _roomy(self) -> Hardware:
        return self._hardware.roomy()

    def outcome(self, plan: Plan) -> Outcome:
        """What comes of a plan; one that cannot be carried out has a ``fault``."""
        try:
            run = simulate(place(self._graph, self._roomy, plan), self.steps)
        except (PlanError, CheckError, DeadlockError) as fault:
            return Outcome(fault=str(fault))
        trace = run.trace
        peaks = dict.fromkeys(self._hardware.memories, 0)
        for event in trace.memory_events:
            peaks[event.memory] = max(peaks[event.memory], event.used_bytes)
        return Outcome(
            step_time_ps=(trace.end_ps - trace.start_ps) // self.steps,
            peak_bytes=peaks,
            exchanged_bytes=sum(task.bytes for task in run.placed.transfers if task.phase is not Phase.LOAD),
        )

    def trial(self, number: int, plan: Plan, told: tuple[str, str], outcome: Outcome) -> Trial:
        """The trial of a plan of which the outcome is known. told: its mesh and splits in words."""
        peaks = outcome.peak_bytes or {}
        peak = max((peaks.get(name, 0) for name in self._hardware.processors), default=0)
        excess = max(0.0, self.fullest(outcome)[1] - 1)
        return Trial(number, plan, *told, outcome, peak, excess)

    def fullest(self, outcome: Outcome) -> tuple[str, float]:
        """The memory that is fullest, and the share of its capacity that is in use."""
        peaks = outcome.peak_bytes or {}
        shares = {name: peak / self._hardware.memories[name].capacity_bytes for name, peak in peaks.items()}
        name = max(shares, key=lambda memory: shares[memory], default="")
        return name, shares.get(name, 0.0)
