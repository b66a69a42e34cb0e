"""A step, recorded: in which order its tasks start and end, to be gone through again for values alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from dataflow.placement import PlacedGraph, PlacedTask
from dataflow.simulation import Observer, simulate
from dataflow.simulation.schedule import Instance


class Call(NamedTuple):
    """What an observer was told in a step: a task's start or end, or a shard (of so much later) freed."""

    what: Literal["started", "ended", "freed"]
    task: PlacedTask | None = None
    shard: str = ""
    later: int = 0


@dataclass(frozen=True)
class Recording:
    """One step of a placed graph in the order in which a simulation went through it.

    there: the shards that are in their memories from the start. loads: how the first batch
    comes. calls: the step, in which the next step's batch is loaded too. Steps are gone through one
    after the other, so that the values after each of them can be kept: they do not depend on
    how far steps overlap in time.
    """

    there: tuple[str, ...]
    loads: tuple[Call, ...]
    calls: tuple[Call, ...]

    def begin(self, observer: Observer, step: int) -> None:
        """What happens before the first step to be gone through."""
        observer.begins([(shard, step) for shard in self.there])
        _tell(observer, self.loads, step - 1, step)

    def step(self, observer: Observer, step: int) -> None:
        """One step."""
        _tell(observer, self.calls, step, step)


def _tell(observer: Observer, calls: Sequence[Call], step: int, first: int) -> None:
    started, ended = observer.started, observer.ended
    for what, task, shard, later in calls:
        if task is None:
            observer.freed((shard, later + first))
        elif what == "started":
            started(step, task)
        else:
            ended(step, task)


class _Recorder:
    """Writes down what a simulation tells."""

    def __init__(self) -> None:
        self.there: list[str] = []
        self.calls: dict[int, list[Call]] = {-1: [], 0: []}
        self.last = -1

    def begins(self, instances: Sequence[Instance]) -> None:
        self.there = [shard for shard, _ in instances]

    def started(self, step: int, task: PlacedTask) -> None:
        self.calls[step].append(Call("started", task))

    def ended(self, step: int, task: PlacedTask) -> None:
        self.calls[step].append(Call("ended", task))
        self.last = step

    def freed(self, instance: Instance) -> None:
        self.calls[self.last].append(Call("freed", shard=instance[0], later=instance[1]))


def record(placed: PlacedGraph) -> Recording:
    """Simulates one step and records it. Raises what ``simulate`` raises."""
    recorder = _Recorder()
    simulate(placed, 1, recorder)
    return Recording(tuple(recorder.there), tuple(recorder.calls[-1]), tuple(recorder.calls[0]))
