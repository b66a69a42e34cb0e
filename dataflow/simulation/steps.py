"""Steps under way: for how many each of their tasks still waits."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from dataflow.simulation.schedule import Schedule

ENDED = -1
"""What a task that has ended, or is no part of its step, waits for."""


class Steps:
    """The steps that have begun to matter and have not ended; others take no room.

    A step is known from when a task of an earlier one tells it something, or it is released.
    count: how many steps there are at most; later ones are told nothing. gated: tasks that wait for
    a release of their own too.
    """

    def __init__(self, schedule: Schedule, count: int, gated: Collection[int] = ()) -> None:
        self.schedule = schedule
        self.count = count
        self.gated = sorted(gated)
        self.waiting: dict[int, list[int]] = {}
        self.unfinished: dict[int, int] = {}

    def at_once(self) -> Iterator[tuple[int, int]]:
        """The (step, task) pairs that wait for nothing from the beginning."""
        free_for_ever = 0 in self.new_waits(self.schedule.reach)
        last = self.count if free_for_ever else min(self.schedule.reach, self.count)
        for step in range(-1 if self.schedule.loads else 0, last):
            for index, count in enumerate(self.of(step)):
                if count == 0:
                    yield step, index

    def new_waits(self, step: int) -> list[int]:
        """For each task of a step of which none has ended how many it waits for, releases among them."""
        waits = self.schedule.waits(step)
        for index in self.gated if step >= 0 else ():
            waits[index] += 1
        return waits

    def of(self, step: int) -> list[int]:
        """For each task of a step how many it waits for; ``ENDED`` when it does for nothing any more."""
        waits = self.waiting.get(step)
        if waits is None:
            waits = self.waiting[step] = self.new_waits(step)
            self.unfinished[step] = len(self.schedule.tasks_of(step))
        return waits

    def release(self, step: int, indices: Collection[int]) -> list[int]:
        """Lets gated tasks of a step go; says which of them wait for nothing else."""
        waits = self.of(step)
        found: list[int] = []
        for index in indices:
            waits[index] -= 1
            if waits[index] == 0:
                found.append(index)
        return found

    def tell(self, step: int, indices: list[int]) -> list[int]:
        """Lets tasks of a step know that one has ended; says which of them wait for nothing else."""
        waits = self.waiting[step]
        found: list[int] = []
        for index in indices:
            if waits[index] > 0:
                waits[index] -= 1
                if waits[index] == 0:
                    found.append(index)
        return found

    def tell_later(self, step: int, task: int) -> list[tuple[int, int]]:
        """The same for those of later steps; says which (step, task) pairs wait for nothing else."""
        found: list[tuple[int, int]] = []
        for later, index in self.schedule.next_after[task]:
            if step + later < self.count:
                waits = self.of(step + later)
                if waits[index] > 0:
                    waits[index] -= 1
                    if waits[index] == 0:
                        found.append((step + later, index))
        return found

    def end(self, step: int, index: int) -> bool:
        """Notes that a task has ended; says whether its step has."""
        self.unfinished[step] -= 1
        self.waiting[step][index] = ENDED
        return not self.unfinished[step]

    def forget(self, step: int) -> None:
        """Forgets a step that has ended."""
        del self.waiting[step], self.unfinished[step]
