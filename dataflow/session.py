"""The composition root: the stages put together with topologies, backends and batches.

The command line and ``import dataflow`` call these; everything else in ``dataflow``
knows nothing of where descriptions, backends or reports come from.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from math import isfinite

import backends
import topologies
from dataflow.backend import Array
from dataflow.batches import BatchSource, open_batches
from dataflow.errors import BackendError, DataflowError, OptionError, OutOfMemoryError
from dataflow.executor import Executor, Losses
from dataflow.experiment import Experiment
from dataflow.graph import training_graph
from dataflow.measurement import measure, measure_trace
from dataflow.metrics import Metrics
from dataflow.override import Override
from dataflow.placement import PlacedGraph, Shard, place
from dataflow.planning.planned import planned
from dataflow.references import LastStep, OneProcessor, Reference, verify
from dataflow.result import Result
from dataflow.scaling import Scaling, Size, Sweep, Unfit, scaling_of, sized_experiment
from dataflow.simulation import Run, simulate
from dataflow.unchanged import unchanged_warnings
from dataflow.verification import Verification

Progress = Callable[[str, int, int], None]
"""Is told what is being done, how many parts of it are done, and how many there are."""

REFERENCES = ("one-processor", "torch")


@dataclass(frozen=True)
class Options:
    """What a run may be asked for beyond its experiment.

    images: a folder with a sub-folder for each class, ``noise``, or None for sample photographs.
    reference: one of REFERENCES, or None for no verification. tolerance: None for the dtype's.
    limits: whether to simulate faster machines too, to say what limits the step.
    """

    images: str | None = None
    reference: str | None = "one-processor"
    tolerance: float | None = None
    limits: bool = True

    def __post_init__(self) -> None:
        if self.tolerance is not None and not (isfinite(self.tolerance) and self.tolerance > 0):
            raise OptionError(f"tolerance {self.tolerance} is not a finite number above 0, such as 1e-4")
        if self.images == "":
            raise OptionError("images: the name of the folder is empty; leave it out for sample photographs")


def place_experiment(experiment: Experiment, progress: Progress | None = None) -> PlacedGraph:
    """An experiment's training step, placed on its hardware by its plan, which is searched if automatic."""
    experiment = planned(experiment, _named(progress, "searching for a plan"))
    return place(training_graph(experiment), experiment.hardware, experiment.plan)


def simulate_experiment(
    experiment: Experiment, progress: Progress | None = None, *, limits: bool = True
) -> Result:
    """Times an experiment without computing values.

    limits: whether to simulate faster machines too, to say what limits the step. Raises
    OutOfMemoryError, with the batch that would fit, when a memory is too small.
    """
    backends.get(experiment.backend)  # An unknown one is an error here too.
    experiment = planned(experiment, _named(progress, "searching for a plan"))
    placed = place_experiment(experiment)
    with _naming_the_batch_that_fits(experiment):
        run = simulate(placed, experiment.training.steps)
    return _result(experiment, run, "null", computed=False, limits=limits)


def run_experiment(
    experiment: Experiment, options: Options | None = None, progress: Progress | None = None
) -> Result:
    """Times an experiment, computes its values and verifies them.

    With a backend that computes nothing this is ``simulate_experiment``. Raises what the
    stages raise; NumericError when a value is not finite.
    """
    options = options or Options()
    backend = backends.get(experiment.backend)
    if not backend.computes:
        return replace(simulate_experiment(experiment, progress, limits=options.limits), backend=backend.name)
    experiment = planned(experiment, _named(progress, "searching for a plan"))
    steps = experiment.training.steps
    placed = place_experiment(experiment)
    with _naming_the_batch_that_fits(experiment):
        simulate(placed, steps)  # Says within milliseconds what does not fit.
    reference = _reference(options.reference, experiment)
    batches = open_batches(experiment, options.images)
    last_step = LastStep(steps)
    losses = Losses(placed)

    def keep(name: str, shard: Shard, array: Array) -> bool:
        losses.see(name, shard, array)
        return reference is not None and last_step.keep(name, shard, array)

    run = simulate(
        placed, steps, Executor(placed, backend, batches, steps, keep), _named(progress, "computing")
    )
    verification = _verification(experiment, options, reference, last_step, batches, progress)
    result = _result(experiment, run, backend.name, computed=True, limits=options.limits)
    return replace(result, losses=losses.means, verification=verification)


def verify_experiment(
    experiment: Experiment, options: Options | None = None, progress: Progress | None = None
) -> Verification:
    """Computes an experiment as placed and compares every tensor with a reference."""
    options = options or Options()
    if options.reference is None:
        options = replace(options, reference=REFERENCES[0])
    result = run_experiment(experiment, options, progress)
    if result.verification is None:
        raise BackendError(
            f"backend {experiment.backend!r} computes no values, so there is nothing to verify; "
            "choose another, such as 'numpy'"
        )
    return result.verification


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
    Sizes that do not fit in memory are named as such; when none fits, the last one's
    OutOfMemoryError is raised. Raises OptionError for a size that the plan cannot have.
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
        except OutOfMemoryError as full:
            if len(unfit) + 1 == len(choices):
                raise
            unfit.append(Unfit(sweep.told(choice), size.batch, full.memory, full.capacity_bytes))
        else:
            measured.append((sweep.told(choice), metrics))
    return scaling_of(sized.name, sweep, measured, unfit)


def largest_batch(experiment: Experiment) -> int | None:
    """The largest batch up to the experiment's own that fits in memory; None when not even 1 does."""
    low, high = 0, experiment.training.batch
    while low < high:
        middle = (low + high + 1) // 2
        if _fits(replace(experiment, training=replace(experiment.training, batch=middle))):
            low = middle
        else:
            high = middle - 1
    return low or None


def _fits(experiment: Experiment) -> bool:
    try:
        simulate(place_experiment(experiment), experiment.training.steps)
    except OutOfMemoryError:
        return False
    return True


@contextmanager
def _naming_the_batch_that_fits(experiment: Experiment) -> Iterator[None]:
    """Adds to an OutOfMemoryError the largest batch that would fit."""
    try:
        yield
    except OutOfMemoryError as full:
        fits = largest_batch(experiment)
        batch = experiment.training.batch
        if fits:
            hint = f"batch {batch} does not fit; the largest that does is {fits} (--batch {fits})"
        elif full.memory in experiment.hardware.processors:
            hint = "not even a batch of 1 fits; split the network over more processors"
        else:
            hint = f"not even a batch of 1 fits; give {full.memory!r} more memory"
        raise OutOfMemoryError(
            f"{full}\n{hint}",
            memory=full.memory,
            tensor=full.tensor,
            needed_bytes=full.needed_bytes,
            capacity_bytes=full.capacity_bytes,
            holders=full.holders,
        ) from None


def _reference(name: str | None, experiment: Experiment) -> Reference | None:
    if name is None:
        return None
    if name == "torch":
        from backends.torch_reference import TorchReference

        return TorchReference()
    if name == "one-processor":
        return OneProcessor(backends.get(experiment.backend))
    raise BackendError(f"no reference is called {name!r}; there are: {', '.join(REFERENCES)}")


def _verification(
    experiment: Experiment,
    options: Options,
    reference: Reference | None,
    last_step: LastStep,
    batches: BatchSource,
    progress: Progress | None,
) -> Verification | None:
    if reference is None:
        return None
    told = _named(progress, f"verifying against {reference.name}")
    return verify(last_step, experiment, batches, reference, options.tolerance, told)


def _named(progress: Progress | None, what: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(what, done, total)


def _result(experiment: Experiment, run: Run, backend: str, *, computed: bool, limits: bool) -> Result:
    metrics = measure(run) if limits else measure_trace(run)
    return Result(
        experiment=experiment,
        trace=run.trace,
        metrics=metrics,
        backend=backend,
        warnings=tuple(unchanged_warnings(experiment, metrics, _without, computed=computed)),
        versions=_versions(),
    )


def _without(experiment: Experiment, override: Override) -> tuple[Experiment, Run] | None:
    """The same experiment without one of its overrides, simulated; None when it cannot be."""
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
        return plain, simulate(place_experiment(plain), plain.training.steps)
    except DataflowError:
        return None


def _versions() -> dict[str, str]:
    names = ("dataflow-simulator", "numpy", "simpy", "networkx", "pyyaml")
    found = {"python": platform.python_version()}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found
