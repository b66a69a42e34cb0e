"""The search for the plan with the shortest simulated step that fits in memory.

All plans when they are few. Otherwise first what people use, then a quarter of the trials by the
tree-structured Parzen estimator, then descents: one decision after the other is changed for the
better, from the best plan of each mesh, until no change of consecutive decisions helps.
Everything that is tried depends on the outcomes before it and on the seed alone, so a search
that finds some of them in its storage ends with the same plan as one that was never interrupted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from dataflow.errors import CheckError, InterruptedSearchError, PlanError
from dataflow.experiment import Experiment
from dataflow.graph import step_graph
from dataflow.picoseconds import PS_PER_S
from dataflow.plan import Plan
from dataflow.planning.auto import AutoPlan
from dataflow.planning.bound import WorkBound
from dataflow.planning.candidate import Candidate, Mesh
from dataflow.planning.result import PlanSearch
from dataflow.planning.space import Space
from dataflow.planning.storage import TrialStorage, plan_key
from dataflow.planning.suggestion import Suggestions
from dataflow.planning.trial import Evaluator, Trial

_DOES_NOT_FIT_S, _CANNOT_BE_S = 1e6, 1e12
"""Costs told to the estimator of what does not fit (the more the worse), and of what is no plan."""


def search_plan(
    experiment: Experiment, auto: AutoPlan, progress: Callable[[int, int], None] | None = None
) -> PlanSearch:
    """The plans that were tried for an experiment, of which only the mesh and the like are kept.

    progress: called with (plans simulated, plans that may be). Raises CheckError when the
    experiment's plan contradicts ``auto``, PlanError when no plan fits or the storage cannot be
    used, InterruptedSearchError on Ctrl-C.
    """
    search = _Search(experiment, auto, progress)
    try:
        search.run()
    except KeyboardInterrupt:
        raise InterruptedSearchError(search.interrupted()) from None
    return search.result()


class _Search:
    """State of one search."""

    def __init__(
        self, experiment: Experiment, auto: AutoPlan, progress: Callable[[int, int], None] | None
    ) -> None:
        self.auto = auto
        self.experiment = experiment
        self.space = Space(experiment, auto)
        graph = step_graph(experiment)
        self.evaluator = Evaluator(experiment, graph)
        self.bound = WorkBound(graph, experiment.hardware)
        steps = self.evaluator.steps
        self.storage = TrialStorage(auto.storage, experiment, steps) if auto.storage else None
        self.progress = progress
        self.seen: dict[Candidate, Trial | None] = {}
        self.trials: dict[str, Trial] = {}
        self.best: Trial | None = None
        self.best_of: dict[Mesh, tuple[Trial, Candidate]] = {}
        self.ruled_out: set[str] = set()

    # -- one candidate --------------------------------------------------------------------

    @property
    def left(self) -> int:
        """How many more plans may be simulated."""
        return self.auto.trials - len(self.trials)

    def visit(self, candidate: Candidate) -> Trial | None:
        """The trial of a candidate; None when it cannot be the best, or nothing more may be simulated."""
        if candidate not in self.seen and self.left:
            before = len(self.trials)
            self.seen[candidate] = trial = self._try(candidate)
            if trial is not None:
                self._note(candidate, trial)
            if self.progress and len(self.trials) > before:
                self.progress(len(self.trials), self.auto.trials)
        return self.seen.get(candidate)

    def _try(self, candidate: Candidate) -> Trial | None:
        plan = self.space.plan(candidate)
        key = plan_key(plan)
        if key in self.trials:
            return self.trials[key]
        if self.best is not None and self._least_ps(plan) >= self.best.outcome.step_time_ps:
            self.ruled_out.add(key)
            return None
        described = candidate.describe(self.space.blocks)
        outcome = self.storage.outcomes.get(key) if self.storage else None
        if outcome is None:
            outcome = self.evaluator.outcome(plan)
            if self.storage:
                self.storage.add(plan, f"{candidate.mesh_told}; {described}", outcome)
        trial = self.evaluator.trial(len(self.trials), plan, (candidate.mesh_told, described), outcome)
        self.trials[key] = trial
        return trial

    def _least_ps(self, plan: Plan) -> int:
        """The lower bound of a plan's step time; none for what is no plan, which placing will say."""
        try:
            return self.bound.least_ps(plan)
        except CheckError:
            return 0

    def _note(self, candidate: Candidate, trial: Trial) -> None:
        if trial.fits and (self.best is None or trial.rank < self.best.rank):
            self.best = trial
        known = self.best_of.get(candidate.mesh)
        if known is None or trial.rank < known[0].rank:
            self.best_of[candidate.mesh] = trial, candidate

    # -- all of them ------------------------------------------------------------------------

    def run(self) -> None:
        """Tries plans until all have been tried, nothing helps any more or no trials are left."""
        data_parallel = self.space.data_parallel()
        if data_parallel is not None:
            self.visit(data_parallel)
        if self.space.size <= self.auto.trials:
            for candidate in self.space.all():
                self.visit(candidate)
            return
        starts = list(self.space.starts())
        for candidate in starts:
            if self.left > self.auto.trials // 2:
                self.visit(candidate)
        self._suggest(starts)
        for mesh in sorted(self.best_of, key=lambda mesh: self.best_of[mesh][0].rank):
            self._descend(mesh)

    def _suggest(self, starts: Iterable[Candidate]) -> None:
        """A quarter of the trials by the estimator, which knows what the starts cost."""
        count = self.auto.trials // 4
        if not count:
            return
        suggestions = Suggestions(self.space, self.auto.seed)
        for candidate in dict.fromkeys(starts):
            if candidate in self.seen:
                suggestions.tell(candidate, self._loss(candidate))
        for _ in range(count):
            asked, candidate = suggestions.ask()
            self.visit(candidate)
            suggestions.answer(asked, self._loss(candidate))

    def _loss(self, candidate: Candidate) -> float:
        trial = self.seen.get(candidate)
        if trial is None:
            return self._least_ps(self.space.plan(candidate)) / PS_PER_S
        if trial.outcome.fault:
            return _CANNOT_BE_S
        return trial.outcome.step_time_ps / PS_PER_S if trial.fits else _DOES_NOT_FIT_S * (1 + trial.excess)

    def _descend(self, mesh: Mesh) -> None:
        """Changes the best plan of a mesh for the better until nothing helps."""
        before = None
        while self.left and before is not self.best_of[mesh][0]:
            before = self.best_of[mesh][0]
            self._better(mesh, self.space.stored_otherwise)
            self._better(mesh, self.space.restaged)
            for first, last in self.space.neighbourhoods():
                if first == 0 and last > 0 and before is not self.best_of[mesh][0]:
                    break  # As long as fewer changes help, more need not be made at once.
                self._better(mesh, partial(self.space.changed, first=first, last=last))

    def _better(self, mesh: Mesh, neighbours: Callable[[Candidate], Iterable[Candidate]]) -> None:
        """Tries the neighbours of the best plan of a mesh; the best of them is then that."""
        for candidate in list(neighbours(self.best_of[mesh][1])):
            self.visit(candidate)

    # -- what came of it --------------------------------------------------------------------

    def result(self) -> PlanSearch:
        """The trials, best first. Raises PlanError when none fits."""
        trials = sorted(self.trials.values(), key=lambda trial: trial.rank)
        if not trials[0].fits:
            raise PlanError(self._nothing_fits(trials[0]))
        data_parallel = self.space.data_parallel()
        blocks = {block.name: tuple(block.ops) for block in self.space.blocks}
        return PlanSearch(
            trials=tuple(trials),
            data_parallel=None if data_parallel is None else self.seen[data_parallel],
            ruled_out=len(self.ruled_out),
            candidates=self.space.size,
            exhaustive=self.space.size <= self.auto.trials,
            blocks=blocks,
        )

    def _nothing_fits(self, closest: Trial) -> str:
        count = f"automatic plan: none of {len(self.trials)} plans"
        outcome = closest.outcome
        if outcome.fault:
            return f"{count} can be carried out; the first: {outcome.fault}"
        memory, _ = self.evaluator.fullest(outcome)
        capacity = self.experiment.hardware.memories[memory].capacity_bytes
        return (
            f"{count} fits in memory; the closest ({closest.mesh}; {closest.splits}) needs "
            f"{(outcome.peak_bytes or {})[memory]:,} B of the {capacity:,} B of {memory!r}; "
            "use a smaller batch, more processors or more trials"
        )

    def interrupted(self) -> str:
        """What to say when the user has had enough."""
        told = f"search interrupted after {len(self.trials)} of {self.auto.trials} plans"
        if self.best is not None:
            told += f"; best so far {self.best.outcome.step_time_ps / 1e9:.3f} ms ({self.best.splits})"
        if self.auto.storage:
            return f"{told}; they are kept in {self.auto.storage!r}: the same command goes on from there"
        return f"{told}; with a storage file (plan.auto.storage, --storage FILE) the next could go on here"
