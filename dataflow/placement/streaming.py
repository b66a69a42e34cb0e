"""What keeps steps apart that are under way at once: which tasks wait for which of earlier steps.

Data and parameters order training steps by themselves. Steps that only infer would run ahead without
end: one after the other they wait for the end of the one before, and in a hardware pipeline for a
place in the bounded buffer that their value goes to, so that a full one stalls who fills it.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from graphlib import TopologicalSorter

from dataflow.ops import Phase
from dataflow.placement.placed_task import PlacedTask

Waits = dict[str, dict[tuple[str, int], None]]
"""By task what of earlier steps it waits for, each once."""


def one_at_a_time(tasks: Sequence[PlacedTask]) -> tuple[PlacedTask, ...]:
    """The same tasks, those that wait for nothing in their step waiting for the end of the step before."""
    written = {name for task in tasks for name in task.writes.values()}
    read = {piece.shard for task in tasks for each in task.reads for piece in each.pieces}
    followed = {name for task in tasks for name in task.after}
    ends = tuple(
        (task.name, 1)
        for task in tasks
        if task.name not in followed and read.isdisjoint(task.writes.values())
    )
    return tuple(
        task
        if task.after or any(p.shard in written for each in task.reads for p in each.pieces)
        else replace(task, after_earlier=(*task.after_earlier, *ends))
        for task in tasks
    )


def in_bounded_buffers(
    tasks: Sequence[PlacedTask], places: int, in_hosts: Mapping[str, int]
) -> tuple[PlacedTask, ...]:
    """The same tasks, each waiting for places to write to.

    What another processor reads, or a transfer, goes through a buffer of so many places: its writer
    waits until all that read it have ended so many steps earlier. What its own processor alone
    reads has one place. in_hosts: places for what these tasks prepare.
    """
    readers = readers_of(tasks)
    waits: Waits = {}
    for task in tasks:
        for name in task.writes.values():
            read = readers.get(name, [])
            steps = in_hosts.get(task.name) or places_of(task, read, places)
            waits.setdefault(task.name, {}).update(((reader.name, steps), None) for reader in read)
    return with_waits(tasks, waits)


def places_of(writer: PlacedTask, readers: Sequence[PlacedTask], buffers: int) -> int:
    """In how many places a value is kept that these read, in a hardware pipeline."""
    own = all(reader.processor == writer.processor is not None for reader in readers)
    return 1 if own else buffers


def readers_of(tasks: Sequence[PlacedTask]) -> dict[str, list[PlacedTask]]:
    """By shard the tasks that read it, each once, in order."""
    found: dict[str, list[PlacedTask]] = {}
    for task in tasks:
        for name in dict.fromkeys(piece.shard for read in task.reads for piece in read.pieces):
            found.setdefault(name, []).append(task)
    return found


def with_waits(tasks: Sequence[PlacedTask], waits: Waits) -> tuple[PlacedTask, ...]:
    """The same tasks with these waits besides their own."""
    return tuple(
        replace(task, after_earlier=tuple(dict.fromkeys((*task.after_earlier, *waits[task.name]))))
        if task.name in waits
        else task
        for task in tasks
    )


def in_fixed_places(
    tasks: Sequence[PlacedTask], old_of: Mapping[str, str], fixed: Container[str]
) -> tuple[PlacedTask, ...]:
    """The same tasks of a training step, none overwriting what is yet to be read.

    A new version of what is updated in place waits for all that read the old one; what is written
    anew in each step for all that read it in the step before, where data does not see to that.
    old_of: by shard the one whose place it takes, or whose value it is in the next step. fixed:
    the shards that are in fixed places.
    """
    readers = readers_of(tasks)
    found: list[PlacedTask] = []
    for task in tasks:
        before = [
            reader.name
            for name in task.writes.values()
            if name in fixed and name in old_of
            for reader in readers.get(old_of[name], ())
            if reader.name != task.name and task.phase is not Phase.LOAD
        ]
        found.append(replace(task, after=tuple(dict.fromkeys((*task.after, *before)))))
    order = _Order(found, old_of)
    waits: Waits = {}
    for task in found:
        for name in task.writes.values():
            if name in fixed and name not in old_of:
                for reader in readers.get(name, ()):
                    if not order.ended_before(reader, task):
                        waits.setdefault(task.name, {})[reader.name, 1] = None
    return with_waits(found, waits)


class _Order:
    """Which tasks of one step have ended, whatever happens, before a task of the next one starts.

    Of n tasks it keeps 2 n^2 bits: 25 MB of 10,000 tasks.
    """

    def __init__(self, tasks: Sequence[PlacedTask], old_of: Mapping[str, str]) -> None:
        self._index = {task.name: index for index, task in enumerate(tasks)}
        writer = {name: index for index, task in enumerate(tasks) for name in task.writes.values()}
        leaving = {old: writer[name] for name, old in old_of.items() if name in writer}
        reads = [dict.fromkeys(piece.shard for read in task.reads for piece in read.pieces) for task in tasks]
        within: list[set[int]] = [
            {writer[name] for name in names if name in writer} | {self._index[name] for name in task.after}
            for task, names in zip(tasks, reads, strict=True)
        ]
        order = tuple(TopologicalSorter(dict(enumerate(within))).static_order())
        before = [0] * len(tasks)  # As sets of bits: what has ended in the same step.
        for index in order:
            for source in within[index]:
                before[index] |= before[source] | 1 << source
        self._earlier = [0] * len(tasks)
        for index in order:
            sources = [leaving[name] for name in reads[index] if name not in writer and name in leaving]
            sources += [self._index[name] for name, steps in tasks[index].after_earlier if steps == 1]
            for source in sources:
                self._earlier[index] |= before[source] | 1 << source
            for source in within[index]:
                self._earlier[index] |= self._earlier[source]

    def ended_before(self, task: PlacedTask, later: PlacedTask) -> bool:
        """Whether a task of one step has ended when another of the next step starts."""
        return bool(self._earlier[self._index[later.name]] >> self._index[task.name] & 1)
