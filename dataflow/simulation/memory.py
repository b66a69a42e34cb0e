"""Memories in simulated time: what is held, by whom, and whether more fits."""

from __future__ import annotations

from collections.abc import Mapping

from dataflow.errors import OutOfMemoryError
from dataflow.hardware import Memory
from dataflow.placement import Shard
from dataflow.simulation.schedule import Instance, Schedule
from dataflow.trace import MemoryEvent

_SHOWN = 8


class Memories:
    """The bytes in use in each memory; tensors come and go with their first write and last read."""

    def __init__(self, schedule: Schedule, memories: Mapping[str, Memory], steps: int) -> None:
        self.schedule = schedule
        self.memories = memories
        self.steps = steps
        self.used = dict.fromkeys(memories, 0)
        self.held: dict[Instance, int] = {}
        self.unread: dict[Instance, int] = {}
        self.events: list[MemoryEvent] = []

    def _shard(self, instance: Instance) -> Shard:
        return self.schedule.placed.shards[instance[0]]

    def allocate(self, instance: Instance, now: int) -> None:
        """Takes room for a shard. Raises OutOfMemoryError when there is not enough."""
        shard = self._shard(instance)
        memory = self.memories[shard.memory]
        used = self.used[shard.memory] + shard.bytes
        if used > memory.capacity_bytes:
            raise self._out_of_memory(instance, now)
        self._hold(instance, shard.bytes)
        self._record(instance, shard.bytes, now)

    def take_over(self, instance: Instance, from_instance: Instance, now: int) -> None:
        """Lets a shard use the bytes of one that is read for the last time."""
        size = self.held.pop(from_instance)
        self._record(from_instance, -size, now)
        self._hold(instance, size)
        self._record(instance, size, now)

    def can_take_over(self, from_instance: Instance) -> bool:
        """Whether only the task that asks has yet to read a shard, and no later step wants it."""
        return from_instance in self.held and self.unread[from_instance] == 1

    def _hold(self, instance: Instance, size: int) -> None:
        self.held[instance] = size
        self.unread[instance] = self.schedule.readers(instance)

    def read_once(self, instance: Instance, now: int) -> bool:
        """Notes that one more reader has ended; frees and says True when it was the last."""
        self.unread[instance] -= 1
        return self.free_if_dead(instance, now)

    def free_if_dead(self, instance: Instance, now: int) -> bool:
        """Frees a shard that nothing will read and no later step keeps."""
        if self.unread[instance] > 0 or self.schedule.kept(instance, self.steps):
            return False
        del self.unread[instance]
        size = self.held.pop(instance, 0)
        if size:
            self._record(instance, -size, now)
        return True

    def _record(self, instance: Instance, size: int, now: int) -> None:
        shard = self._shard(instance)
        self.used[shard.memory] += size
        self.events.append(
            MemoryEvent(
                time_ps=now,
                memory=shard.memory,
                tensor=self.schedule.shard_name(instance),
                kind=shard.tensor.kind.value,
                layer=shard.tensor.layer,
                bytes=size,
                used_bytes=self.used[shard.memory],
            )
        )

    def _out_of_memory(self, instance: Instance, now: int) -> OutOfMemoryError:
        shard = self._shard(instance)
        capacity = self.memories[shard.memory].capacity_bytes
        holders = sorted(
            (
                (self.schedule.shard_name(held), size)
                for held, size in self.held.items()
                if self._shard(held).memory == shard.memory
            ),
            key=lambda pair: (-pair[1], pair[0]),
        )
        lines = [f"    {size:>15,} B  {name}" for name, size in holders[:_SHOWN]]
        if len(holders) > _SHOWN:
            rest = sum(size for _, size in holders[_SHOWN:])
            lines.append(f"    {rest:>15,} B  in {len(holders) - _SHOWN} more tensors")
        name = self.schedule.shard_name(instance)
        return OutOfMemoryError(
            f"memory of {shard.memory!r} is full at {now / 1e9:.3f} ms: {name!r} needs {shard.bytes:,} B, "
            f"but {self.used[shard.memory]:,} B of {capacity:,} B are held by\n"
            + ("\n".join(lines) or "    nothing"),
            memory=shard.memory,
            tensor=name,
            needed_bytes=shard.bytes,
            capacity_bytes=capacity,
            holders=holders,
        )
