"""Taking one training step after the other: from a recording, or simulated each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from dataflow.ops import Phase
from dataflow.placement import PlacedGraph, PlacedTask
from dataflow.simulation import simulate
from dataflow.simulation.schedule import Instance
from dataflow.training.recording import Recording, record
from dataflow.training.timing import StepTiming, lengths_ps
from dataflow.values.executor import Executor


class Stepper(Protocol):
    """Has an executor compute steps. there: the shards that are in their memories from the start."""

    there: tuple[str, ...]

    def begin(self, executor: Executor, step: int) -> None:
        """Makes ready for the first step to be taken."""
        ...

    def step(self, executor: Executor, step: int) -> int:
        """Takes a step, counted from the beginning of the training. Returns its simulated length in ps."""
        ...


class RecordedSteps:
    """Goes through one recorded step again and again; how long steps take is known beforehand."""

    def __init__(self, recording: Recording, timing: StepTiming) -> None:
        self.recording = recording
        self.timing = timing
        self.there = recording.there

    def begin(self, executor: Executor, step: int) -> None:
        """Initial values, and the load of the first batch."""
        self.recording.begin(executor, step)

    def step(self, executor: Executor, step: int) -> int:
        """Computes a step in the order of the recording."""
        with executor.unwarned():
            self.recording.step(executor, step)
        return self.timing.length_ps(step)


class SimulatedSteps:
    """Simulates every step by itself, from its first task to its last: each race has values of its own."""

    def __init__(self, placed: PlacedGraph) -> None:
        self.placed = placed
        self.there = record(placed).there

    def begin(self, executor: Executor, step: int) -> None:
        """Initial values; every step loads its own batch."""
        executor.begins([(shard, step) for shard in self.there])

    def step(self, executor: Executor, step: int) -> int:
        """Simulates a step and computes it meanwhile."""
        return lengths_ps(simulate(self.placed, 1, _BatchFirst(executor, step), first_step=step))[0]


class _BatchFirst:
    """Tells an executor of a run of one step, whose batch is loaded before it; the next one's is not."""

    def __init__(self, executor: Executor, step: int) -> None:
        self.executor = executor
        self.number = step

    def begins(self, instances: Sequence[Instance]) -> None:
        """What the step before has left is there."""

    def started(self, step: int, task: PlacedTask) -> None:
        """A task starts."""
        if step < self.number or task.phase is not Phase.LOAD:
            self.executor.started(step, task)

    def ended(self, step: int, task: PlacedTask) -> None:
        """A task has ended."""
        if step < self.number or task.phase is not Phase.LOAD:
            self.executor.ended(step, task)

    def freed(self, instance: Instance) -> None:
        """A shard has left its memory."""
        self.executor.freed(instance)


def stepper_of(placed: PlacedGraph, timing: StepTiming) -> Stepper:
    """How steps of a placed graph are taken."""
    return SimulatedSteps(placed) if timing.kind == "races" else RecordedSteps(record(placed), timing)
