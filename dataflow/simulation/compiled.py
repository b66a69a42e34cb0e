"""What a simulation needs to know of a placed graph beforehand."""

from __future__ import annotations

from typing import NamedTuple

from dataflow.placement import PlacedGraph, Shard
from dataflow.simulation.schedule import Instance, Schedule, Touches
from dataflow.tensor import TensorKind


class Residency(NamedTuple):
    """What is to be known of a shard while it comes and goes.

    readers: tasks of its step that read it. before: tasks of the step that left it that do. carried:
    whether it is there before the first step and after the last.
    """

    shard: Shard
    memory: str
    bytes: int
    kind: str
    layer: str
    readers: int
    before: int
    carried: bool


def _residency(shard: Shard, readers: int, before: int) -> Residency:
    return Residency(
        shard=shard,
        memory=shard.memory,
        bytes=shard.bytes,
        kind=shard.tensor.kind.value,
        layer=shard.tensor.layer,
        readers=readers,
        before=before,
        carried=shard.tensor.carried and shard.tensor.version == 0 and not shard.supplied,
    )


def residencies(schedule: Schedule) -> dict[str, Residency]:
    """What is to be known of every shard of a placed graph, by its name."""
    readers = {name: len(tasks) for name, tasks in schedule.placed.readers.items()}
    left = {current: readers[following] for following, current in schedule.current.items()}
    shards = schedule.placed.shards
    return {name: _residency(shard, readers[name], left.get(name, 0)) for name, shard in shards.items()}


class Compiled:
    """What a simulation needs to know of a placed graph beforehand; the same on any machine."""

    def __init__(self, placed: PlacedGraph) -> None:
        self.schedule = Schedule(placed)
        self.touches: list[Touches] = [self.schedule.touches(task) for task in placed.tasks]
        self.residencies = residencies(self.schedule)
        self.semaphores = semaphores(self.schedule)
        self.keys = [(*task.priority, task.order, index) for index, task in enumerate(placed.tasks)]
        self.operations = [
            f"{task.work.kind} {task.work.direction}" if task.processor else task.kind.value
            for task in placed.tasks
        ]


def semaphores(schedule: Schedule) -> frozenset[int]:
    """The tasks that test a semaphore: they read what another processor wrote into their memory.

    None but with dataflow control on a machine that has a controller.
    """
    placed = schedule.placed
    if placed.hardware.controller is None or placed.plan.control.kind != "dataflow":
        return frozenset()
    next_of = {current: following for following, current in schedule.current.items()}
    found: set[int] = set()
    for shard, readers in placed.readers.items():
        writer = placed.writer.get(next_of.get(shard, shard))
        if writer is None or placed.tasks[writer].processor is None:
            continue
        maker = placed.tasks[writer].processor
        found.update(i for i in readers if placed.tasks[i].processor not in (None, maker))
    return frozenset(found)


def initially(placed: PlacedGraph) -> list[Instance]:
    """What is in its memory before the first step: parameters and velocities."""
    return [
        (name, 0)
        for name, shard in placed.shards.items()
        if shard.tensor.carried
        and shard.tensor.kind is not TensorKind.BATCH
        and shard.tensor.version == 0
        and name not in placed.writer
    ]
