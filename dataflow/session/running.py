"""Experiments timed, computed and verified."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import backends
from dataflow.backend import Array
from dataflow.data.batches import BatchSource, open_batches
from dataflow.errors import BackendError, OptionError
from dataflow.experiment import Experiment
from dataflow.numbers.number import fixed_point
from dataflow.placement import Shard
from dataflow.planning.planned import planned
from dataflow.result import Result
from dataflow.session.computing import computing_backend
from dataflow.session.fitting import naming_the_batch_that_fits
from dataflow.session.options import REFERENCES, Options, Progress, named
from dataflow.session.placing import place_experiment
from dataflow.session.precision import against_float
from dataflow.session.simulating import result_of, simulate_experiment, what_was_missing
from dataflow.simulation import simulate
from dataflow.training.timing import races
from dataflow.values.executor import Executor
from dataflow.values.losses import Losses
from dataflow.verification.references import LastStep, OneProcessor, Reference, verify
from dataflow.verification.verification import Verification


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
    experiment = planned(experiment, named(progress, "searching for a plan"))
    steps = experiment.training.steps
    placed = place_experiment(experiment)
    with naming_the_batch_that_fits(experiment):
        simulate(placed, steps)  # Says within milliseconds what does not fit.
    racing = races(placed)
    reference = None if racing else _reference(options.reference, experiment)
    batches = open_batches(experiment, options.images)
    last_step = LastStep(steps)
    losses = Losses(placed) if experiment.mode == "training" else None

    def keep(name: str, shard: Shard, array: Array) -> bool:
        if losses is not None:
            losses.see(name, shard, array)
        return reference is not None and last_step.keep(name, shard, array)

    executor = Executor(placed, backend, batches, steps, keep)
    run = simulate(placed, steps, executor, named(progress, "computing"))
    precision, values = against_float(experiment, backend, batches, last_step)
    verification = _verification(experiment, options, reference, last_step, batches, progress)
    result = result_of(experiment, run, backend.name, computed=True, limits=options.limits)
    return replace(
        result,
        losses=None if losses is None else losses.means,
        verification=verification,
        warnings=(*result.warnings, *_raced(executor)) if racing else result.warnings,
        precision=precision,
        values=values,
    )


def verify_experiment(
    experiment: Experiment, options: Options | None = None, progress: Progress | None = None
) -> Verification:
    """Computes an experiment as placed and compares every tensor with a reference."""
    options = options or Options()
    if options.reference is None:
        options = replace(options, reference=REFERENCES[0])
    computing_backend(experiment, "there is nothing to verify")
    result = run_experiment(experiment, options, progress)
    if result.verification is None:
        raise OptionError(
            f"experiment {experiment.name!r}: tasks start at set times, so that values depend on timing and "
            "nothing can be verified; --set plan.control.spacing=null waits for what they read"
        )
    return result.verification


def _raced(executor: Executor) -> Iterator[str]:
    """What is to be known of a run in which tasks started at set times."""
    yield what_was_missing(executor.drops)
    yield "not verified: tasks start at set times (plan.control.spacing), so that values depend on timing"


def _reference(name: str | None, experiment: Experiment) -> Reference | None:
    if name is None:
        return None
    if name == "torch":
        if experiment.mode != "training" or fixed_point(experiment.training.dtype) is not None:
            raise BackendError(
                f"reference 'torch' computes training steps in floating point, not {experiment.mode} in "
                f"{experiment.training.dtype}; use --reference one-processor"
            )
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
    told = named(progress, f"verifying against {reference.name}")
    return verify(last_step, experiment, batches, reference, options.tolerance, told)
