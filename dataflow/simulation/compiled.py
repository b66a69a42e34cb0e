"""What a simulation needs to know of a placed graph beforehand."""

from __future__ import annotations

from typing import NamedTuple

from dataflow.placement import PlacedGraph, Shard
from dataflow.simulation.schedule import Access, Instance, Schedule
from dataflow.tensor import TensorKind


class Holding(NamedTuple):
    """What is to be known of a shard while it comes and goes; its name without the version in the middle.

    readers: tasks of its step that read it. before: tasks of the step that left it that do.
    """

    memory: str
    bytes: int
    kind: str
    layer: str
    name: tuple[str, str]
    version: int
    readers: int
    before: int
    carried: bool


def _holding(shard: Shard, readers: int, before: int) -> Holding:
    start, _, end = shard.name.partition(shard.tensor.name)
    return Holding(
        memory=shard.memory,
        bytes=shard.bytes,
        kind=shard.tensor.kind.value,
        layer=shard.tensor.layer,
        name=(f"{start}{shard.tensor.base}@", end),
        version=shard.tensor.version,
        readers=readers,
        before=before,
        carried=shard.tensor.carried and shard.tensor.version == 0 and not shard.supplied,
    )


def holdings(schedule: Schedule) -> dict[str, Holding]:
    """What is to be known of every shard of a placed graph, by its name."""
    readers = {name: len(tasks) for name, tasks in schedule.placed.readers.items()}
    left = {current: readers[following] for following, current in schedule.current.items()}
    shards = schedule.placed.shards
    return {name: _holding(shard, readers[name], left.get(name, 0)) for name, shard in shards.items()}


class Compiled:
    """What a simulation needs to know of a placed graph beforehand; the same on any machine."""

    def __init__(self, placed: PlacedGraph) -> None:
        self.schedule = Schedule(placed)
        self.accesses: list[Access] = [self.schedule.access(task) for task in placed.tasks]
        self.holdings = holdings(self.schedule)
        self.semaphores = semaphores(self.schedule)
        self.keys = [(*task.priority, task.order, index) for index, task in enumerate(placed.tasks)]
        self.operations = [
            f"{task.work.kind} {task.work.direction}" if task.processor else "transfer"
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
