"""A search for a plan as tables and as JSON: the best plans, and why the best is better."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from dataflow.metrics import Metrics
from dataflow.picoseconds import PS_PER_S
from dataflow.planning.comparison import Compared
from dataflow.planning.result import PlanSearch
from dataflow.planning.trial import Trial
from reports import units
from reports.document import Json
from reports.grid import Grid, Row
from reports.plan_file import plan_document

if TYPE_CHECKING:
    from rich.console import RenderableType

_SHOWN = 10
"""Plans in the table; ``plan_search_json`` has all."""


def show_plan_search(search: PlanSearch, plans: Sequence[Compared]) -> RenderableType:
    """The best plans, then what the best, the next and others spend a step on; for ``rich.print``."""
    from rich.console import Group
    from rich.padding import Padding

    grids = (best_grid(search), why_grid(plans))
    return Group(*(Padding(grid.rich(), (0, 0, 1, 0)) for grid in grids))


def best_grid(search: PlanSearch) -> Grid:
    """A row for each of the best plans."""
    fitting = [trial for trial in search.trials if trial.fits]
    rows = tuple(_trial_row(place, trial) for place, trial in enumerate(fitting[:_SHOWN], 1))
    columns = (
        "",
        "step",
        "peak memory",
        "exchanged",
        "mesh",
        "blocks of layers, each from its first product on",
    )
    return Grid("Best plans", columns, rows, left=columns[4:], note=_thoroughness(search, len(fitting)))


def _trial_row(place: int, trial: Trial) -> Row:
    outcome = trial.outcome
    return (
        str(place),
        units.duration(outcome.step_time_ps / PS_PER_S),
        units.size(trial.peak_bytes),
        units.size(outcome.exchanged_bytes),
        trial.mesh,
        trial.splits,
    )


def _thoroughness(search: PlanSearch, fitting: int) -> str:
    tried = len(search.trials)
    told = f"{tried:,} plans simulated, {fitting:,} of them can be carried out and fit; "
    told += f"{search.ruled_out:,} ruled out by the work of their busiest processor alone"
    if search.exhaustive:
        return f"{told}: no plan of the {search.candidates:,} there are is faster"
    return f"{told}; of {search.candidates:,} that there are"


def why_grid(plans: Sequence[Compared]) -> Grid:
    """What each plan spends its step on, side by side."""
    measured = [plan.metrics for plan in plans]
    rows = [
        (what, *("does not fit" if m is None else told(m) for m in measured))
        for what, told in _QUANTITIES.items()
    ]
    return Grid(
        "Why",
        ("", *(plan.name for plan in plans)),
        tuple(rows),
        note="computing to hidden communication: of the mean processor; limited by: what, twice as fast, "
        "makes the step so many times faster",
    )


def _mean(metrics: Metrics, quantity: Callable[[str], float]) -> str:
    return units.duration(sum(map(quantity, metrics.processors)) / len(metrics.processors))


def _without_work_s(metrics: Metrics, name: str) -> float:
    use = metrics.processors[name]
    spent_s = use.busy_s + use.communication_exposed_s + use.waiting_for_others_s
    return max(0.0, metrics.step_time_s - spent_s)


def _limiting(metrics: Metrics) -> str:
    best = max(metrics.limits, key=lambda limit: limit.gain, default=None)
    return "-" if best is None else f"{best.resource} {units.times(best.gain)}"


def _peak_bytes(metrics: Metrics) -> int:
    """Of the fullest memory of a processor; of any memory where processors share one."""
    uses = metrics.memories
    own = [use.peak_bytes for name, use in uses.items() if name in metrics.processors]
    return max(own or (use.peak_bytes for use in uses.values()))


_QUANTITIES: dict[str, Callable[[Metrics], str]] = {
    "step": lambda m: units.duration(m.step_time_s),
    "computing": lambda m: _mean(m, lambda name: m.processors[name].busy_s),
    "exposed communication": lambda m: _mean(m, lambda name: m.processors[name].communication_exposed_s),
    "waiting for others": lambda m: _mean(m, lambda name: m.processors[name].waiting_for_others_s),
    "nothing to do": lambda m: _mean(m, lambda name: _without_work_s(m, name)),
    "hidden communication": lambda m: _mean(m, lambda name: m.processors[name].communication_hidden_s),
    "bubble": lambda m: units.percent(m.bubble.fraction),
    "exchanged": lambda m: units.size(sum(each.exchanged_bytes for each in m.traffic.values())),
    "peak memory": lambda m: units.size(_peak_bytes(m)),
    "limited by": _limiting,
}


def plan_search_json(search: PlanSearch, plans: Sequence[Compared]) -> Json:
    """The same for programs: every trial, best first, the best plan, and the plans side by side."""
    return {
        "version": "1",
        "simulated": len(search.trials),
        "ruled_out": search.ruled_out,
        "candidates": search.candidates,
        "exhaustive": search.exhaustive,
        "plan": plan_document(search.plan),
        "blocks": {name: list(layers) for name, layers in search.blocks.items()},
        "trials": [_trial_json(trial) for trial in search.trials],
        "compared": {plan.name: _metrics_json(plan.metrics) for plan in plans},
    }


def _trial_json(trial: Trial) -> Json:
    outcome = trial.outcome
    return {
        "number": trial.number,
        "fits": trial.fits,
        "mesh": trial.mesh,
        "splits": trial.splits,
        "step_time_s": None if outcome.fault else outcome.step_time_ps / PS_PER_S,
        "peak_memory_bytes": dict(outcome.peak_bytes or {}),
        "exchanged_bytes": outcome.exchanged_bytes,
        "fault": outcome.fault,
    }


def _metrics_json(metrics: Metrics | None) -> Json | None:
    if metrics is None:
        return None
    return {
        "step_time_s": metrics.step_time_s,
        "processors": {
            name: {
                "busy_s": use.busy_s,
                "communication_exposed_s": use.communication_exposed_s,
                "communication_hidden_s": use.communication_hidden_s,
                "waiting_for_others_s": use.waiting_for_others_s,
            }
            for name, use in metrics.processors.items()
        },
        "limits": {limit.resource: limit.gain for limit in metrics.limits},
    }
