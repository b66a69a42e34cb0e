"""A machine under several offered loads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import isfinite, sqrt
from statistics import stdev

from dataflow.errors import OptionError
from dataflow.experiment import Experiment
from dataflow.percentile import nearest_rank
from dataflow.picoseconds import PS_PER_S
from dataflow.placement import PlacedGraph
from dataflow.serving.load_curve import LoadCurve, LoadPoint, Predicted
from dataflow.serving.pattern import ArrivalPattern
from dataflow.serving.prediction import predicted
from dataflow.serving.served import Served, serve
from dataflow.serving.stages import no_closed_form

LOADS = (*(tenth / 10 for tenth in range(1, 10)), 0.95, 1.0, 1.1, 1.2)
"""Loads that are simulated unless others are asked for."""

WARM_UP = Fraction(1, 10)
"""The share of the requests, the first of them, that is not counted: they find an empty machine."""

_BATCHES = 20

_SATURATING = 200
"""Requests of the run that measures the capacity."""


@dataclass(frozen=True)
class Offered:
    """What is offered to a machine. loads: shares of its capacity; None for a file's own rate.

    pattern: at each load the same requests. queue: how many may wait, None for any number.
    Raises OptionError for a load that is none, the same one twice, and a queue without a place.
    """

    pattern: ArrivalPattern
    loads: tuple[float, ...] | None = LOADS
    queue: int | None = None

    def __post_init__(self) -> None:
        check_offer(self.loads, self.queue, recorded=self.pattern.recorded_per_s is not None)


def check_offer(loads: tuple[float, ...] | None, queue: int | None, *, recorded: bool) -> None:
    """Raises OptionError for what ``Offered`` says. recorded: whether the arrivals come from a file."""
    if loads is None and not recorded:
        raise OptionError("loads: only arrivals from a file have a rate of their own; name loads")
    if loads is not None and not loads:
        raise OptionError("loads: none are named; name shares of the capacity such as 0.1,0.5,0.9")
    for load in loads or ():
        if not (isfinite(load) and 0 < load <= 100):
            raise OptionError(
                f"loads: {load:g} is no load; it is a share of the capacity above 0 and up to 100, such as "
                "0.9"
            )
    twice = [load for load in loads or () if (loads or ()).count(load) > 1]
    if twice:
        raise OptionError(f"loads: {twice[0]:g} stands there more than once; name each load once")
    if queue is not None and queue < 1:
        raise OptionError(f"queue: {queue} places; there is at least 1, or none for no limit")


def load_curve(
    experiment: Experiment,
    placed: PlacedGraph,
    offered: Offered,
    progress: Callable[[int, int], None] | None = None,
    notes: tuple[str, ...] = (),
) -> LoadCurve:
    """Serves the requests at each load, after measuring the capacity with all of them there at once.

    experiment: in mode ``inference`` or ``pipeline``; placed: its step. progress: called with (loads done,
    loads in all). notes: are handed on.
    """
    pattern = offered.pattern
    service_s = serve(placed, (0,), None).ended_ps[0] / PS_PER_S
    capacity_per_s = capacity(serve(placed, (0,) * min(_SATURATING, max(4, len(pattern))), None))
    warm_up = int(len(pattern) * WARM_UP)
    rates = _rates(offered, capacity_per_s)
    unknown = no_closed_form(placed)
    if unknown and offered.queue is None and pattern.kind != "recorded":
        notes = (*notes, unknown)
    points: list[LoadPoint] = []
    for done, (load, rate_per_s) in enumerate(rates):
        if progress:
            progress(done, len(rates))
        times_ps = pattern.times_ps(rate_per_s)
        served = serve(placed, times_ps, offered.queue).since(times_ps[warm_up])
        prediction = None
        if offered.queue is None and not unknown:
            prediction = predicted(pattern, warm_up, load, service_s, 1 / capacity_per_s)
        settles = load < 1 or (pattern.kind == "fixed" and load == 1)
        steady = offered.queue is not None or settles
        points.append(point_of(load, rate_per_s, served, service_s, steady, prediction))
    return LoadCurve(
        experiment=experiment.name,
        hardware=experiment.hardware.name,
        mode=experiment.mode,
        images=experiment.training.batch,
        arrivals=pattern.kind,
        seed=experiment.training.seed,
        requests=len(pattern),
        warm_up=warm_up,
        queue=offered.queue,
        capacity_per_s=capacity_per_s,
        service_s=service_s,
        points=tuple(points),
        notes=notes,
    )


def capacity(saturated: Served) -> float:
    """Requests a second that leave when all have been there from the start: over the middle half of them.

    The first fill the machine, the last have less beside them.
    """
    ends_ps = saturated.ended_ps
    first, last = len(ends_ps) // 4, 3 * len(ends_ps) // 4
    return (last - first) * PS_PER_S / (ends_ps[last] - ends_ps[first])


def _rates(offered: Offered, capacity_per_s: float) -> list[tuple[float, float]]:
    """Each load with its requests a second, the lowest first."""
    if offered.loads is None:
        own_per_s = offered.pattern.recorded_per_s
        assert own_per_s is not None
        return [(own_per_s / capacity_per_s, own_per_s)]
    return [(load, load * capacity_per_s) for load in sorted(offered.loads)]


def point_of(
    load: float,
    rate_per_s: float,
    served: Served,
    service_s: float,
    steady: bool,
    prediction: Predicted | None,
) -> LoadPoint:
    """The numbers of one load. served: what counts of it, at least two requests, else OptionError."""
    latencies = sorted(served.latencies_ps)
    if len(latencies) < 2:
        raise OptionError(
            f"load {load:g}: {len(latencies)} of the requests that count were served, too few for "
            "percentiles; ask for more requests or a longer queue"
        )
    p50, p90, p99, most = (nearest_rank(latencies, p) / PS_PER_S for p in (50, 90, 99, 100))
    mean_s = sum(latencies) / len(latencies) / PS_PER_S
    took_ps = served.ended_ps[-1] - served.ended_ps[0]
    busiest = max(served.busy, key=lambda name: served.busy[name])
    return LoadPoint(
        load=load,
        offered_per_s=rate_per_s,
        served_per_s=(len(latencies) - 1) * PS_PER_S / took_ps,
        served=len(latencies),
        p50_s=p50,
        p90_s=p90,
        p99_s=p99,
        max_s=most,
        mean_s=mean_s,
        mean_wait_s=mean_s - service_s,
        wait_error_s=None
        if len(latencies) < 2 * _BATCHES
        else standard_error(served.latencies_ps) / PS_PER_S,
        loss_share=len(served.lost_ps) / (len(latencies) + len(served.lost_ps)),
        busiest=busiest,
        utilisation=served.busy[busiest],
        steady=steady,
        predicted=prediction,
    )


def standard_error(values: Sequence[int]) -> float:
    """Of the mean of values in the order they came, at least 40 of them, by the means of 20 batches."""
    size = len(values) // _BATCHES
    means = [sum(values[index * size : (index + 1) * size]) / size for index in range(_BATCHES)]
    return stdev(means) / sqrt(_BATCHES)
