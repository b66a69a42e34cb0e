"""Experiments timed without computing values."""

from __future__ import annotations

import platform
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version

import backends
import topologies
from dataflow.errors import DataflowError
from dataflow.experiment import Experiment
from dataflow.measurement import has_ranges, inference_latency, measure, measure_trace
from dataflow.override import Override
from dataflow.planning.planned import planned
from dataflow.result import Result
from dataflow.session.fitting import naming_the_batch_that_fits
from dataflow.session.options import Progress, named
from dataflow.session.placing import place_experiment
from dataflow.simulation import Run, simulate
from dataflow.training.timing import races
from dataflow.unchanged import Without, unchanged_warnings
from dataflow.values.drops import Drops
from dataflow.values.missed_reads import MissedReads


def simulate_experiment(
    experiment: Experiment, progress: Progress | None = None, *, limits: bool = True
) -> Result:
    """Times an experiment without computing values.

    limits: whether to simulate faster machines too, to say what limits the step. Raises
    OutOfMemoryError, with the batch that would fit, when a memory is too small.
    """
    backends.get(experiment.backend)  # An unknown one is an error here too.
    experiment = planned(experiment, named(progress, "searching for a plan"))
    placed = place_experiment(experiment)
    missed = MissedReads(placed) if races(placed) else None
    with naming_the_batch_that_fits(experiment):
        run = simulate(placed, experiment.training.steps, missed)
    result = result_of(experiment, run, "null", computed=False, limits=limits)
    if missed is None:
        return result
    return replace(result, warnings=(*result.warnings, what_was_missing(missed.drops)))


def what_was_missing(drops: Drops) -> str:
    """What is to be known of a run in which tasks started at set times."""
    share = f"{100 * drops.rate:.2f} %"
    return f"race: {share} of what forward tasks read had not been stored at their signal: taken as zero"


def result_of(experiment: Experiment, run: Run, backend: str, *, computed: bool, limits: bool) -> Result:
    """What a report is made of: a run, measured, with what the user should know of it.

    Inferences of a machine whose latencies are ranges are simulated once more, to see how they vary.
    """
    metrics = measure(run) if limits else measure_trace(run)
    if experiment.mode == "inference" and has_ranges(run.placed):
        metrics = replace(metrics, sample_latency=inference_latency(run.placed))
    return Result(
        experiment=experiment,
        trace=run.trace,
        metrics=metrics,
        backend=backend,
        warnings=tuple(unchanged_warnings(experiment, metrics, _beside(run), computed=computed)),
        versions=versions(),
    )


def _beside(run: Run) -> Without:
    """Simulates without an override what a run is to be compared with.

    A run of other than the experiment's steps, as a training has one to see whether they repeat, is
    compared with as many.
    """
    took = len(run.trace.step_ends_ps)

    def without(experiment: Experiment, override: Override) -> tuple[Experiment, Run] | None:
        return _without(experiment, override, None if took == experiment.training.steps else took)

    return without


def _without(experiment: Experiment, override: Override, steps: int | None) -> tuple[Experiment, Run] | None:
    """The same experiment without one of its overrides, simulated; None when it cannot be.

    steps: how many, None for as many as it says.
    """
    if experiment.origin is None:
        return None
    others = [other for other in experiment.overrides if other is not override]
    try:
        plain = topologies.load(experiment.origin, others)
        if plain.auto is not None:
            # What another search would find is not asked here, but what the plan at hand makes of it.
            if override.path.split(".")[0] == "plan":
                return None
            plain = replace(plain, plan=experiment.plan, auto=None)
        return plain, simulate(place_experiment(plain), plain.training.steps if steps is None else steps)
    except DataflowError:
        return None


def versions() -> dict[str, str]:
    """The versions of Dataflow, Python and the libraries that take part."""
    names = ("dataflow-simulator", "numpy", "simpy", "networkx", "pyyaml")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
