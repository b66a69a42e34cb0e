"""Memories in simulated time: what is held, by whom, and whether more fits."""

from __future__ import annotations

from collections.abc import Mapping

from dataflow.errors import OutOfMemoryError
from dataflow.hardware import Memory
from dataflow.simulation.compiled import Residency
from dataflow.simulation.schedule import Instance, Touches
from dataflow.trace import MemoryEvent

_SHOWN = 8


class Memories:
    """The bytes in use in each memory; tensors come and go with their first write and last read.

    Who writes a shard counts as one more reader of it, until it has ended. early: how many have read
    shards that nobody has begun to write (race dropout). last: the step from which on what is carried over
    is kept. recording: whether ``events`` are noted.
    """

    def __init__(
        self,
        residencies: Mapping[str, Residency],
        memories: Mapping[str, Memory],
        last: int,
        *,
        recording: bool = True,
    ) -> None:
        self.memories = memories
        self.last = last
        self.recording = recording
        self.early: dict[Instance, int] = {}
        self.used = dict.fromkeys(memories, 0)
        self.held: dict[Instance, int] = {}
        self.unread: dict[Instance, int] = {}
        self.events: list[MemoryEvent] = []
        self._residencies = residencies

    def at_start(self, touches: Touches, step: int, now: int) -> None:
        """Takes room for what a task of a step writes, and for what the run supplies to it."""
        for name, later in touches.supplied:
            if (name, later + step) not in self.held:
                self.allocate((name, later + step), now)
        for (name, later), giver in touches.writes:
            given = None if giver is None else (giver[0], giver[1] + step)
            instance = (name, later + step)
            if given is not None and self.can_take_over(given):
                self.take_over(instance, given, now)
            else:
                self.allocate(instance, now, writers=1)

    def at_end(self, touches: Touches, step: int, now: int) -> list[Instance]:
        """Frees what a task of a step was the last to read, and what it wrote for nobody; says what."""
        freed: list[Instance] = []
        for name, later in touches.reads:
            instance = (name, later + step)
            if instance not in self.unread:
                self.early[instance] = self.early.get(instance, 0) + 1
                continue
            self.unread[instance] -= 1
            if self._free_if_dead(instance, now):
                freed.append(instance)
        for (name, later), _ in touches.writes:
            instance = (name, later + step)
            self.unread[instance] -= 1
            if self._free_if_dead(instance, now):
                freed.append(instance)
        return freed

    def allocate(self, instance: Instance, now: int, writers: int = 0) -> None:
        """Takes room for a shard. Raises OutOfMemoryError when there is not enough."""
        residency = self._residencies[instance[0]]
        capacity = self.memories[residency.memory].capacity_bytes
        if self.used[residency.memory] + residency.bytes > capacity:
            raise self._out_of_memory(instance, now)
        self._hold(instance, residency.bytes, now, writers)

    def take_over(self, instance: Instance, from_instance: Instance, now: int) -> None:
        """Lets a shard use the bytes of one that is read for the last time."""
        size = self.held.pop(from_instance)
        self._record(from_instance, -size, now)
        self._hold(instance, size, now, writers=1)

    def can_take_over(self, from_instance: Instance) -> bool:
        """Whether only the task that asks has yet to read a shard, and no later step wants it."""
        return from_instance in self.held and self.unread[from_instance] == 1

    def _hold(self, instance: Instance, size: int, now: int, writers: int) -> None:
        self.held[instance] = size
        residency = self._residencies[instance[0]]
        unread = residency.readers + writers + (residency.before if instance[1] > 0 else 0)
        self.unread[instance] = unread - self.early.pop(instance, 0) if self.early else unread
        self._record(instance, size, now)

    def _free_if_dead(self, instance: Instance, now: int) -> bool:
        """Frees a shard that nothing will read and no later step keeps."""
        if self.unread[instance] > 0 or self._kept(instance):
            return False
        del self.unread[instance]
        size = self.held.pop(instance, 0)
        if size:
            self._record(instance, -size, now)
        return True

    def _kept(self, instance: Instance) -> bool:
        """Whether the run leaves this shard in memory."""
        return instance[1] >= self.last and self._residencies[instance[0]].carried

    def _name(self, instance: Instance) -> str:
        return self._residencies[instance[0]].shard.name_in(instance[1])

    def _record(self, instance: Instance, size: int, now: int) -> None:
        residency = self._residencies[instance[0]]
        memory = residency.memory
        self.used[memory] += size
        if not self.recording:
            return
        self.events.append(
            MemoryEvent(
                now, memory, self._name(instance), residency.kind, residency.layer, size, self.used[memory]
            )
        )

    def _out_of_memory(self, instance: Instance, now: int) -> OutOfMemoryError:
        needed = self._residencies[instance[0]]
        capacity = self.memories[needed.memory].capacity_bytes
        holders = sorted(
            (
                (self._name(held), size)
                for held, size in self.held.items()
                if self._residencies[held[0]].memory == needed.memory
            ),
            key=lambda pair: (-pair[1], pair[0]),
        )
        lines = [f"    {size:>15,} B  {name}" for name, size in holders[:_SHOWN]]
        if len(holders) > _SHOWN:
            rest = sum(size for _, size in holders[_SHOWN:])
            lines.append(f"    {rest:>15,} B  in {len(holders) - _SHOWN} more tensors")
        name = self._name(instance)
        return OutOfMemoryError(
            f"memory of {needed.memory!r} is full at {now / 1e9:.3f} ms: {name!r} needs {needed.bytes:,} B, "
            f"but {self.used[needed.memory]:,} B of {capacity:,} B are held by\n"
            + ("\n".join(lines) or "    nothing"),
            memory=needed.memory,
            tensor=name,
            needed_bytes=needed.bytes,
            capacity_bytes=capacity,
            holders=holders,
        )
