"""Banks: the physical memories that an address space is made of, and what tasks do to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Bank:
    """A memory with a name of its own within an address space, such as the CTM of an island.

    kind: such as ``ctm``; what an access costs follows from it in the processor's cost model.
    reached_by: the processors that can read and write it, in the order of the machine. engines: shared
    units that its accesses go through, by what they do there (``read``, ``write``, ``atomic``).
    cache_bytes: of a cache in front of it, 0 without one; what is behind that takes longest.
    passes_on: whether it only passes values on, from the first that reaches it to the second.
    """

    name: str
    kind: str
    capacity_bytes: int
    reached_by: tuple[str, ...] = field(hash=False)
    engines: Mapping[str, str] = field(default_factory=dict, hash=False)
    cache_bytes: int = 0
    passes_on: bool = False

    @cached_property
    def users(self) -> frozenset[str]:
        """Those who reach it."""
        return frozenset(self.reached_by)


@dataclass(frozen=True)
class Engine:
    """A unit that serves accesses of all processors, so many a second, and saturates there."""

    name: str
    operations_per_s: float


@dataclass(frozen=True, slots=True)
class Access:
    """What a task does to one operand in one bank: it reads or writes so many elements and bytes.

    misses: whether the bank has a cache in which the operand has no room.
    """

    operand: str
    bank: Bank
    elements: int
    bytes: int
    writes: bool
    misses: bool = False
