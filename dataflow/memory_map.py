"""The memory map: which tensors have their fixed places in which bank."""

from __future__ import annotations

from dataclasses import dataclass

from dataflow.placement.banks import fixed_places
from dataflow.placement.placed import PlacedGraph


@dataclass(frozen=True)
class Stored:
    """A tensor, or a region of one, in a bank.

    tensor: without its version. region: as ``[0:4, :]``, empty for all of it. bytes: all the room
    it takes, of as many copies as there are: several where a buffer holds the values of several steps.
    """

    tensor: str
    region: str
    kind: str
    bytes: int
    copies: int = 1


@dataclass(frozen=True)
class BankUse:
    """A bank and what is stored in it, largest first.

    memory: the address space it is part of. reached_by: processors that read and write it, in the
    order of the machine.
    """

    memory: str
    name: str
    kind: str
    capacity_bytes: int
    reached_by: tuple[str, ...]
    stored: tuple[Stored, ...]

    @property
    def used_bytes(self) -> int:
        """Bytes of all that is stored."""
        return sum(each.bytes for each in self.stored)


def memory_map(placed: PlacedGraph) -> tuple[BankUse, ...]:
    """Every bank of every address space with its tensors; empty for a machine that has no banks."""
    held: dict[tuple[str, str], list[Stored]] = {}
    for place in fixed_places(placed):
        shard = placed.shards[place.shards[0]]
        region = shard.region.describe(shard.tensor.region)
        stored = Stored(shard.tensor.base, region, shard.tensor.kind.value, place.bytes, place.copies)
        held.setdefault((shard.memory, place.bank.name), []).append(stored)
    return tuple(
        BankUse(
            memory=memory.name,
            name=bank.name,
            kind=bank.kind,
            capacity_bytes=bank.capacity_bytes,
            reached_by=tuple(n for n in placed.hardware.processors if n in bank.reached_by),
            stored=tuple(
                sorted(
                    held.get((memory.name, bank.name), ()),
                    key=lambda each: (-each.bytes, each.tensor, each.region),
                )
            ),
        )
        for memory in placed.hardware.memories.values()
        for bank in memory.banks
    )
