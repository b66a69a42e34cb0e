"""Load curves of one server, made from the recursion of Lindley rather than by a simulation."""

from __future__ import annotations

from dataflow.picoseconds import PS_PER_S
from dataflow.serving.load_curve import LoadCurve
from dataflow.serving.pattern import poisson_arrivals
from dataflow.serving.prediction import predicted
from dataflow.serving.served import Served
from dataflow.serving.sweep import point_of
from tests.serving.lindley import waits, with_queue

SERVICE_PS = 10_000_000
CAPACITY_PER_S = PS_PER_S / SERVICE_PS


def served(times_ps: tuple[int, ...], queue: int | None) -> Served:
    """One server's answers; as busy as requests are offered, at most all the time."""
    if queue is None:
        ends = tuple(t + w + SERVICE_PS for t, w in zip(times_ps, waits(times_ps, SERVICE_PS), strict=True))
        return Served(times_ps, ends, (), {"core0": 0.5, "core1": 0.25})
    latencies, lost = with_queue(times_ps, SERVICE_PS, queue)
    accepted = tuple(time for index, time in enumerate(times_ps) if index not in set(lost))
    ends = tuple(time + latency for time, latency in zip(accepted, latencies, strict=True))
    return Served(accepted, ends, tuple(times_ps[index] for index in lost), {"core0": 0.5, "core1": 0.25})


def curve(
    loads: tuple[float, ...] = (0.1, 0.3, 0.5, 0.6, 0.7, 0.9, 1.1),
    queue: int | None = None,
    requests: int = 2000,
    notes: tuple[str, ...] = (),
) -> LoadCurve:
    """What one server makes of a Poisson process, a tenth of it not counted."""
    pattern, warm_up, service_s = poisson_arrivals(requests, 1), requests // 10, SERVICE_PS / PS_PER_S
    points = []
    for load in loads:
        times_ps = pattern.times_ps(load * CAPACITY_PER_S)
        theory = predicted(pattern, warm_up, load, service_s, service_s) if queue is None else None
        counted = served(times_ps, queue).since(times_ps[warm_up])
        steady = load < 1 or queue is not None
        points.append(point_of(load, load * CAPACITY_PER_S, counted, service_s, steady, theory))
    return LoadCurve(
        *("one-core", "card", "inference", 1, "poisson", 1, requests, warm_up, queue),
        *(CAPACITY_PER_S, service_s, tuple(points), notes),
    )
