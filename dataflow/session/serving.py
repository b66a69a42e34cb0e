"""An experiment that answers requests: latency against offered load."""

from __future__ import annotations

from dataclasses import dataclass, replace

from dataflow.errors import OptionError
from dataflow.experiment import Experiment, Mode
from dataflow.placement import PlacedGraph
from dataflow.serving.arrival_file import read_arrivals
from dataflow.serving.load_curve import LoadCurve
from dataflow.serving.pattern import ArrivalPattern, fixed_arrivals, poisson_arrivals, recorded_arrivals
from dataflow.serving.sweep import LOADS, Offered, check_offer, load_curve
from dataflow.session.options import Progress, named
from dataflow.session.placing import place_experiment

_TASKS = 1_000_000
"""About so many tasks are simulated, in half a minute, unless a number of requests is asked for."""

_FEWEST, _MOST = 200, 2000
"""Requests at each load in that case."""


@dataclass(frozen=True)
class ServingOptions:
    """What is offered to an experiment.

    arrivals: ``poisson``, ``fixed`` or the path of a file of times. loads: shares of the capacity,
    None for a file's own rate. requests: at each load; None for as many as a file has or as are
    quickly simulated. queue: how many may wait, None for any number.
    """

    arrivals: str = "poisson"
    loads: tuple[float, ...] | None = LOADS
    requests: int | None = None
    queue: int | None = None

    def __post_init__(self) -> None:
        if self.requests is not None and self.requests < 10:
            raise OptionError(f"requests: {self.requests} are too few for percentiles; ask for at least 10")
        check_offer(self.loads, self.queue, recorded=self.arrivals not in ("poisson", "fixed"))
        if self.requests is not None and self.arrivals not in ("poisson", "fixed"):
            raise OptionError(
                f"requests: the file {self.arrivals!r} says how many there are; leave one of the two out"
            )


def serve_experiment(
    experiment: Experiment, options: ServingOptions | None = None, progress: Progress | None = None
) -> LoadCurve:
    """Latency, loss and the knee of an experiment under several offered loads.

    An experiment that trains is run as a hardware pipeline that does not, and the curve's notes say so.
    Raises DataError for a file of arrivals that cannot be used, and what placing and simulating raise.
    """
    options = options or ServingOptions()
    recorded = None if options.arrivals in ("poisson", "fixed") else read_arrivals(options.arrivals)
    experiment, notes = answering(experiment)
    placed = place_experiment(experiment, progress)
    pattern = _pattern(options, recorded, experiment, placed)
    offered = Offered(pattern, options.loads, options.queue)
    return load_curve(experiment, placed, offered, named(progress, "simulating"), notes)


def answering(experiment: Experiment) -> tuple[Experiment, tuple[str, ...]]:
    """The experiment in a mode that answers requests, and what must be said of that.

    What trains becomes a pipeline with one image a request, unless its batch was set from outside, and
    without micro-batches: requests take their place.
    """
    if experiment.mode != "training":
        return experiment, ()
    batch = experiment.training.batch
    if all(override.path != "training.batch" for override in experiment.overrides):
        batch = 1
    images = "1 image" if batch == 1 else f"{batch} images"
    note = (
        f"the experiment's mode is training; here requests of {images} stream through its processors, "
        "as with --set mode=pipeline"
    )
    return answering_in("pipeline", experiment, batch), (note,)


def answering_in(mode: Mode, experiment: Experiment, batch: int) -> Experiment:
    """The experiment in a mode that does not train, with so many images a request and no micro-batches."""
    training = replace(experiment.training, batch=batch)
    rules = {name: replace(rule, microbatches=None) for name, rule in experiment.plan.layers.items()}
    plan = replace(experiment.plan, microbatches=1, layers=rules)
    return replace(experiment, mode=mode, training=training, plan=plan)


def _pattern(
    options: ServingOptions, recorded: tuple[int, ...] | None, experiment: Experiment, placed: PlacedGraph
) -> ArrivalPattern:
    if recorded is not None:
        return recorded_arrivals(recorded)
    loads = len(options.loads or ()) or 1
    quick = _TASKS // (loads * len(placed.tasks))
    requests = options.requests or min(_MOST, max(_FEWEST, quick))
    if options.arrivals == "fixed":
        return fixed_arrivals(requests)
    return poisson_arrivals(requests, experiment.training.seed)
