"""One server, written by hand: the recursion of Lindley (1952), exact in whole picoseconds."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def waits(times_ps: Sequence[int], service_ps: int) -> list[int]:
    """What each request waits: the rest of what the one before still needs when it comes."""
    found = [0]
    for before, now in pairwise(times_ps):
        found.append(max(0, found[-1] + service_ps - (now - before)))
    return found


def with_queue(times_ps: Sequence[int], service_ps: int, queue: int) -> tuple[list[int], list[int]]:
    """(latencies of those served, indices of those lost) when at most ``queue`` may wait.

    Who comes at the instant at which another ends finds the server free.
    """
    ends: list[int] = []
    latencies: list[int] = []
    lost: list[int] = []
    for index, time in enumerate(times_ps):
        in_system = sum(end > time for end in ends)
        if in_system > queue:
            lost.append(index)
            continue
        ends.append(max(time, ends[-1] if ends else 0) + service_ps)
        latencies.append(ends[-1] - time)
    return latencies, lost
