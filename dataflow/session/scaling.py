"""One experiment at several sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import topologies
from dataflow.errors import FitError, OutOfMemoryError
from dataflow.experiment import Experiment
from dataflow.measurement import measure, measure_trace
from dataflow.metrics import Metrics
from dataflow.override import Override
from dataflow.scaling.curve import Scaling, Unfit
from dataflow.scaling.scaling import Size, Sweep, scaling_of, sized_experiment
from dataflow.session.options import Progress
from dataflow.session.placing import place_experiment
from dataflow.simulation import simulate


def scale_experiment(
    name: str,
    settings: Sequence[Override],
    sweep: Sweep,
    progress: Progress | None = None,
    *,
    limits: bool = True,
) -> Scaling:
    """An experiment of a name or path, simulated at every size of a sweep.

    limits: whether to simulate faster machines too, to say what limits each size.
    Sizes that do not fit in memory or on the cores are named as such; when none fits, the last
    one's OutOfMemoryError or FitError is raised. Raises OptionError for a size that the plan cannot have.
    """

    def load(overrides: Sequence[Override]) -> Experiment:
        return topologies.load(name, [*settings, *overrides])

    choices = list(sweep.choices)
    measured: list[tuple[Mapping[str, str], Metrics]] = []
    unfit: list[Unfit] = []
    first: Size | None = None
    for done, choice in enumerate(choices):
        if progress:
            progress("simulating", done, len(choices))
        sized, size = sized_experiment(load, sweep, choice, first)
        first = first or size
        try:
            run = simulate(place_experiment(sized), sized.training.steps)
            metrics = measure(run) if limits else measure_trace(run)
        except (OutOfMemoryError, FitError) as full:
            if len(unfit) + 1 == len(choices):
                raise
            unfit.append(_unfit(sweep.told(choice), size.batch, full))
        else:
            measured.append((sweep.told(choice), metrics))
    return scaling_of(sized.name, sweep, measured, unfit)


def _unfit(setting: Mapping[str, str], batch: int, full: OutOfMemoryError | FitError) -> Unfit:
    if isinstance(full, FitError):
        return Unfit(setting, batch, reason=full.reason)
    return Unfit(setting, batch, full.memory, full.capacity_bytes)
