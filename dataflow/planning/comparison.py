"""The plan that was found beside others: what each spends its step on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dataflow.errors import OutOfMemoryError
from dataflow.experiment import Experiment
from dataflow.graph import step_graph
from dataflow.measurement import measure
from dataflow.metrics import Metrics
from dataflow.placement import place
from dataflow.plan import Plan
from dataflow.planning.result import PlanSearch
from dataflow.simulation import simulate


@dataclass(frozen=True)
class Compared:
    """A plan that was measured.

    name: what it is beside the others, or all that it is. metrics: None for one that does not fit.
    """

    name: str
    plan: Plan
    metrics: Metrics | None


def compared(experiment: Experiment, search: PlanSearch) -> tuple[Compared, ...]:
    """The best plan, the next best, data parallelism, and the experiment's own if it has one."""
    graph = step_graph(experiment)
    plans: list[tuple[str, Plan]] = []
    for name, plan in _named_plans(experiment, search):
        same = next((index for index, (_, other) in enumerate(plans) if other == plan), None)
        if same is None:
            plans.append((name, plan))
        else:
            plans[same] = (f"{plans[same][0]}, {name}", plan)
    found: list[Compared] = []
    for name, plan in plans:
        try:
            metrics = measure(simulate(place(graph, experiment.hardware, plan), experiment.training.steps))
        except OutOfMemoryError:
            metrics = None
        found.append(Compared(name, plan, metrics))
    return tuple(found)


def _named_plans(experiment: Experiment, search: PlanSearch) -> Iterator[tuple[str, Plan]]:
    yield "best", search.plan
    fitting = [trial for trial in search.trials[1:] if trial.fits]
    if fitting:
        yield "runner-up", fitting[0].plan
    if search.data_parallel is not None and not search.data_parallel.outcome.fault:
        yield "data parallel", search.data_parallel.plan
    if experiment.auto is None:
        yield "as described", experiment.plan


def unplanned(experiment: Experiment) -> Experiment:
    """The experiment with nothing left of its plan that a search chooses."""
    chosen = Plan()
    plan = replace(
        experiment.plan,
        mesh=chosen.mesh,
        layers=chosen.layers,
        pipeline=chosen.pipeline,
        shares=chosen.shares,
        microbatches=chosen.microbatches,
    )
    return experiment if experiment.auto is not None else replace(experiment, plan=plan)
