"""Address spaces that many cores share, as YAML writes them: a SmartNIC's islands and memories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from topologies.constants import Capacity, CycleConstant, Duration, Name, Number, Rate


@dataclass(frozen=True, kw_only=True)
class BankDocument:
    """A kind of bank: one for each core, each island, or one for the whole space.

    next: whether it only passes values on, from a core to the next of the island. engines: shared
    units that accesses go through, by what they do: ``read``, ``write``, ``atomic``. cache: in front
    of it; what it has no room for always takes the longest latency of the kind.
    """

    per: Literal["core", "island", "space"]
    capacity: Capacity
    next: bool = False
    cache: Capacity | None = None
    engines: Mapping[Literal["read", "write", "atomic"], Name] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class EngineDocument:
    """A unit that serves the accesses of all cores, and saturates."""

    rate: Rate


@dataclass(frozen=True, kw_only=True)
class DmaDocument:
    """What moves tensors into and out of the space: transfers at once, and the overhead of each."""

    engines: Number
    overhead: Duration


@dataclass(frozen=True, kw_only=True)
class ControllerDocument:
    """What tells cores to start. signal: one message. dispatch: choosing a free core and handing it a task.

    semaphore: to raise or test one, where no controller signals. All in cycles of the cores' clock.
    """

    signal: CycleConstant
    dispatch: CycleConstant
    semaphore: CycleConstant


@dataclass(frozen=True, kw_only=True)
class SpaceDocument:
    """Cores that share an address space, and the banks it is made of, the nearest kind first.

    core: what the cores are called, before their numbers. per_island: cores that share an island's banks.
    """

    model: str
    cores: Number
    per_island: Number
    banks: Mapping[Name, BankDocument]
    dma: DmaDocument
    core: Name = "core"
    engines: Mapping[Name, EngineDocument] = field(default_factory=dict)
    controller: ControllerDocument | None = None
