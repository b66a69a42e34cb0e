"""What queueing theory predicts for requests of a pattern at a load."""

from __future__ import annotations

from dataflow.percentile import nearest_rank
from dataflow.serving.load_curve import Predicted
from dataflow.serving.pattern import ArrivalPattern
from dataflow.serving.queueing import NEAREST, dd1_wait, md1_mean_wait, md1_wait_percentile


def predicted(
    pattern: ArrivalPattern, warm_up: int, load: float, service_s: float, interval_s: float
) -> Predicted | None:
    """Latencies when nothing is lost and all times are constant: those of M/D/1 and D/D/1.

    warm_up: how many requests, the first, are not counted. service_s: the latency of a request alone.
    interval_s: how long the slowest stage takes, which alone decides who waits how long. None for
    recorded arrivals and for Poisson loads that never settle.
    """
    if pattern.kind == "fixed":
        waits = [dd1_wait(load, index) for index in range(warm_up, len(pattern))]
        p50, p99 = (nearest_rank(waits, percent) for percent in (50, 99))
        mean = sum(waits) / len(waits)
    elif pattern.kind == "poisson" and load <= NEAREST:
        p50, p99 = (md1_wait_percentile(load, p / 100) for p in (50, 99))
        mean = md1_mean_wait(load)
    else:
        return None
    return Predicted(
        p50_s=service_s + p50 * interval_s,
        p99_s=service_s + p99 * interval_s,
        mean_s=service_s + mean * interval_s,
        mean_wait_s=mean * interval_s,
    )
