"""An experiment with the plan that a search finds in place of ``auto``."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from dataflow.experiment import Experiment


def planned(experiment: Experiment, progress: Callable[[int, int], None] | None = None) -> Experiment:
    """The same experiment when its plan is not automatic; else with the best plan that is found.

    Raises what ``dataflow.planning.search.search_plan`` raises.
    """
    if experiment.auto is None:
        return experiment
    # Optuna takes a while to import.
    from dataflow.planning.search import search_plan

    search = search_plan(experiment, experiment.auto, progress)
    return replace(experiment, plan=search.plan, auto=None)
