"""What serving at several offered loads came to: latency, loss, and the knee."""

from __future__ import annotations

from dataclasses import dataclass

from dataflow.serving.pattern import Kind


@dataclass(frozen=True)
class Predicted:
    """What queueing theory says of a load: latencies and the mean wait; see ``dataflow.serving.queueing``."""

    p50_s: float
    p99_s: float
    mean_s: float
    mean_wait_s: float


@dataclass(frozen=True)
class LoadPoint:
    """Requests that arrived at one rate, but for the first of them (``LoadCurve.warm_up``).

    load: offered_per_s over the capacity. served_per_s: at which rate requests were completed.
    p50_s to mean_s: from arrival to the end of the answer, of those that were served (nearest rank).
    mean_wait_s: by how much longer than a request that is alone. wait_error_s: its standard error by the
    means of batches, too small near capacity, where the waits of neighbours hang together; None for
    fewer than 40 requests. loss_share: of the requests, those that found the queue full. utilisation: of
    the processor that was busiest, the share of the time it computed. steady: False where more arrive
    than can be served and none is lost, so that latencies grow with the number of requests. predicted:
    None where theory has no answer.
    """

    load: float
    offered_per_s: float
    served_per_s: float
    served: int
    p50_s: float
    p90_s: float
    p99_s: float
    max_s: float
    mean_s: float
    mean_wait_s: float
    wait_error_s: float | None
    loss_share: float
    busiest: str
    utilisation: float
    steady: bool
    predicted: Predicted | None = None

    @property
    def power(self) -> float:
        """Served requests a second over mean latency (Kleinrock 1979)."""
        return self.served_per_s / self.mean_s


@dataclass(frozen=True)
class LoadCurve:
    """Latency against offered load, of one experiment.

    mode: ``inference`` or ``pipeline``. images: of one request. arrivals: the pattern's kind, recorded
    ones from a file. requests: at each load, of which the first ``warm_up`` are not counted. queue: how
    many may wait, None for any number. capacity_per_s: requests a second that are served when all are
    there from the start. service_s: the latency of a request that is alone. points: by load, lowest
    first. notes: what a reader must know of how the experiment was run.
    """

    experiment: str
    hardware: str
    mode: str
    images: int
    arrivals: Kind
    seed: int
    requests: int
    warm_up: int
    queue: int | None
    capacity_per_s: float
    service_s: float
    points: tuple[LoadPoint, ...]
    notes: tuple[str, ...] = ()

    @property
    def interval_s(self) -> float:
        """The time between two requests that are done, when there are always more."""
        return 1 / self.capacity_per_s

    @property
    def knee(self) -> LoadPoint | None:
        """The load with the greatest power, served rate over mean latency: where the curve bends.

        There a straight line from the origin touches latency against served rate; beyond, latency grows by
        a larger factor than what is served (Kleinrock 1979; Jain 1991, The Art of Computer Systems
        Performance Analysis, section 3.3). Of the loads that were simulated; the lowest of equals. None
        of a single load, which makes no curve.
        """
        if len(self.points) == 1:
            return None
        return max(self.points, key=lambda point: (point.power, -point.load))

    @property
    def one_server(self) -> bool:
        """Whether requests are served one after the other: the interval is the latency of one alone."""
        return abs(self.interval_s - self.service_s) <= 1e-6 * self.service_s
