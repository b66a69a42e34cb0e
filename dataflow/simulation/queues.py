"""Tasks that are ready and wait for their processor, copy engine or link."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import heappop, heappush

from dataflow.simulation.resources import Passage, Resources
from dataflow.simulation.signalling import Key


class Queues:
    """Who runs next: on each processor the task with the least key, of transfers those that can."""

    def __init__(self, resources: Resources, processors: Iterable[str], passages: Sequence[Passage]) -> None:
        self._resources = resources
        self._passages = passages
        self._positions = {name: position for position, name in enumerate(processors)}
        self._ready: dict[str, list[Key]] = {name: [] for name in self._positions}
        self._called: set[str] = set()
        self._pending: list[tuple[Key, str]] = []
        self._blocked: dict[str, list[Key]] = {}

    def add(self, key: Key, processor: str | None) -> None:
        """A task is ready; None for a transfer."""
        if processor is None:
            heappush(self._pending, (key, ""))
        else:
            heappush(self._ready[processor], key)
            self._called.add(processor)

    def given_back(self, held: tuple[str, ...], processor: str | None) -> None:
        """What a task held is free again."""
        if processor is not None:
            self._called.add(processor)
            return
        for resource in held:
            self._unblock(resource)

    def startable(self) -> Iterator[tuple[Key, str | None]]:
        """What can start now, with its processor: tasks by processor, transfers in the order of the keys.

        Each is to have taken its resources before the next is asked for.
        """
        free = self._resources.free
        for processor in sorted(self._called, key=self._positions.__getitem__):
            if free[processor] and self._ready[processor]:
                yield heappop(self._ready[processor]), processor
        self._called.clear()
        while self._pending:
            key, freed = heappop(self._pending)
            taken = self._resources.first_taken(self._passages[key[-1]].held)
            if taken is None:
                yield key, None
            else:
                heappush(self._blocked.setdefault(taken, []), key)
            if freed and free[freed]:
                self._unblock(freed)

    def _unblock(self, resource: str) -> None:
        """Lets the first transfer that waits for a resource try again, and in its wake the next."""
        if self._blocked.get(resource):
            heappush(self._pending, (heappop(self._blocked[resource]), resource))
