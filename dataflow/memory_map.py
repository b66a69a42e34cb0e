"""The memory map: which tensors have their fixed places in which bank."""

from __future__ import annotations

from dataclasses import dataclass

from dataflow.placement.placed import PlacedGraph


@dataclass(frozen=True)
class Stored:
    """A tensor, or a region of one, in a bank.

    tensor: without its version. region: as ``[0:4, :]``, empty for all of it. bytes: all the room
    it takes, of as many copies as there are: several where a buffer holds the values of several steps.
    misses: whether the bank's cache has no room for it. part_of: the tensor that it is a part of the sum
    of; empty for none.
    """

    tensor: str
    region: str
    kind: str
    bytes: int
    copies: int = 1
    misses: bool = False
    part_of: str = ""


@dataclass(frozen=True)
class BankUse:
    """A bank and what is stored in it, largest first.

    memory: the address space it is part of. reached_by: processors that read and write it, in the
    order of the machine. cache_bytes: of a cache in front of it.
    """

    memory: str
    name: str
    kind: str
    capacity_bytes: int
    reached_by: tuple[str, ...]
    stored: tuple[Stored, ...]
    cache_bytes: int = 0

    @property
    def used_bytes(self) -> int:
        """Bytes of all that is stored."""
        return sum(each.bytes for each in self.stored)

    @property
    def cached_bytes(self) -> int:
        """Bytes of what is in the cache, always."""
        return sum(each.bytes for each in self.stored if not each.misses) if self.cache_bytes else 0


def memory_map(placed: PlacedGraph) -> tuple[BankUse, ...]:
    """Every bank of every address space with its tensors; empty for a machine that has no banks."""
    held: dict[tuple[str, str], list[Stored]] = {}
    for place in placed.fixed_places:
        shard = placed.shards[place.shards[0]]
        region = shard.region.describe(shard.tensor.region)
        stored = Stored(
            tensor=shard.tensor.base,
            region=region,
            kind=shard.tensor.kind.value,
            bytes=place.bytes,
            copies=place.copies,
            misses=place.misses,
            part_of=shard.tensor.part_of,
        )
        held.setdefault((shard.memory, place.bank.name), []).append(stored)
    return tuple(
        BankUse(
            memory=memory.name,
            name=bank.name,
            kind=bank.kind,
            capacity_bytes=bank.capacity_bytes,
            reached_by=tuple(n for n in placed.hardware.processors_in(memory.name) if n in bank.users),
            stored=tuple(
                sorted(
                    held.get((memory.name, bank.name), ()),
                    key=lambda each: (-each.bytes, each.tensor, each.region),
                )
            ),
            cache_bytes=bank.cache_bytes,
        )
        for memory in placed.hardware.memories.values()
        for bank in memory.banks
    )
