"""Requests that arrive from outside, each of which is a step of its own."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from dataflow.errors import OptionError


@dataclass(frozen=True)
class Arrivals:
    """When requests arrive, in order, and how many may wait.

    times_ps: from the beginning of the simulation. queue: a request that finds so many waiting, which
    have arrived and not started, is lost; None for no limit. At one instant all that ends then
    ends, what waits starts, and then requests arrive, one after the other. Raises OptionError if
    there are none, they are not in order, or nothing could ever wait.
    """

    times_ps: tuple[int, ...]
    queue: int | None = None

    def __post_init__(self) -> None:
        if not self.times_ps:
            raise OptionError("arrivals: there are no requests; give at least one time")
        if self.times_ps[0] < 0:
            raise OptionError(f"arrivals: {self.times_ps[0]} ps is before the beginning; times start at 0")
        for earlier, later in pairwise(self.times_ps):
            if later < earlier:
                raise OptionError(f"arrivals: {later} ps comes after {earlier} ps; sort the times")
        if self.queue is not None and self.queue < 1:
            raise OptionError(
                f"arrivals: a queue of {self.queue} loses every request; there must be room for at least 1"
            )


class Admission:
    """Which requests have been let in so far, by the times at which they came."""

    def __init__(self, arrivals: Arrivals) -> None:
        self._times = arrivals.times_ps
        self._queue = arrivals.queue
        self._seen = 0
        self.accepted_ps: list[int] = []
        self.lost_ps: list[int] = []

    @property
    def next_ps(self) -> int | None:
        """When the next request arrives; None after the last."""
        return self._times[self._seen] if self._seen < len(self._times) else None

    def admit(self, started: int) -> int | None:
        """The number of the step that the next request becomes, None if it is lost. started: steps so far."""
        time_ps = self._times[self._seen]
        self._seen += 1
        if self._queue is not None and len(self.accepted_ps) - started >= self._queue:
            self.lost_ps.append(time_ps)
            return None
        self.accepted_ps.append(time_ps)
        return len(self.accepted_ps) - 1
