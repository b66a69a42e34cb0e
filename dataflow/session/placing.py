"""An experiment's step, placed on its machine."""

from __future__ import annotations

from dataflow.experiment import Experiment
from dataflow.graph import step_graph
from dataflow.placement import PlacedGraph, check_fit, place
from dataflow.planning.planned import planned
from dataflow.session.options import Progress, named


def place_experiment(
    experiment: Experiment, progress: Progress | None = None, *, check: bool = True
) -> PlacedGraph:
    """An experiment's step, placed on its hardware by its plan, which is searched if automatic.

    check: whether to raise FitError when code, stack or tensors do not fit on the cores.
    """
    experiment = planned(experiment, named(progress, "searching for a plan"))
    placed = place(step_graph(experiment), experiment.hardware, experiment.plan)
    if check:
        check_fit(placed)
    return placed
