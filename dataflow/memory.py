"""Memories: what tensors live in, and the banks that address spaces are made of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

from dataflow.bank import Bank

PLENTY_BYTES = 2**62
"""What a memory holds that has room for anything."""


@dataclass(frozen=True)
class Memory:
    """A memory of a node; tensors live in it.

    It is one processor's own, a host's, or an address space that several processors share.
    banks: what an address space is made of, the nearest kind first; empty for a plain memory.
    copy_engines, copy_overhead_ps: of an address space, as for ``Processor``.
    """

    name: str
    capacity_bytes: int
    banks: tuple[Bank, ...] = ()
    copy_engines: int = 0
    copy_overhead_ps: int = 0

    def roomy(self) -> Memory:
        """The same with room for anything; its banks keep their sizes."""
        return replace(self, capacity_bytes=PLENTY_BYTES)


def bank_faults(memory: Memory, processors: Collection[str], engines: Collection[str]) -> Iterator[str]:
    """Banks have names of their own; who reaches them and what they go through is there.

    processors: those that compute in the memory. engines: those of the machine.
    """
    counts = Counter(bank.name for bank in memory.banks)
    yield from (
        f"memory {memory.name!r} has {count} banks called {name!r}; give each a name of its own"
        for name, count in counts.items()
        if count > 1
    )
    known = {memory.name, *processors}
    for bank in memory.banks:
        for name in sorted(bank.users - known):
            yield (
                f"bank {bank.name!r} of {memory.name!r} is reached by {name!r}, which computes in "
                "another memory or is not there"
            )
        for engine in dict.fromkeys(bank.engines.values()):
            if engine not in engines:
                there = ", ".join(engines) or "none"
                yield f"bank {bank.name!r} goes through engine {engine!r}, but there are: {there}"
