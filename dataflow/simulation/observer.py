"""Who watches a simulation: an executor that computes values, or a test."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dataflow.placement import PlacedTask
from dataflow.simulation.schedule import Instance


class Observer(Protocol):
    """Is told what the simulation does; timing never depends on it."""

    def begins(self, instances: Sequence[Instance]) -> None:
        """These shards are in their memories before the first step."""
        ...

    def started(self, step: int, task: PlacedTask) -> None:
        """A task starts: what it reads is there."""
        ...

    def ended(self, step: int, task: PlacedTask) -> None:
        """A task has ended: what it wrote is there from now on."""
        ...

    def freed(self, instance: Instance) -> None:
        """A shard has left its memory."""
        ...


class Later:
    """Tells an observer that everything happens so many steps later."""

    def __init__(self, observer: Observer, steps: int) -> None:
        self._observer = observer
        self._steps = steps

    def begins(self, instances: Sequence[Instance]) -> None:
        """These shards are in their memories before the first step."""
        self._observer.begins([(name, step + self._steps) for name, step in instances])

    def started(self, step: int, task: PlacedTask) -> None:
        """A task starts."""
        self._observer.started(step + self._steps, task)

    def ended(self, step: int, task: PlacedTask) -> None:
        """A task has ended."""
        self._observer.ended(step + self._steps, task)

    def freed(self, instance: Instance) -> None:
        """A shard has left its memory."""
        self._observer.freed((instance[0], instance[1] + self._steps))
