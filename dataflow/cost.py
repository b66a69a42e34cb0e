"""How long a processor takes for a task: cost models, chosen by the processor's kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Protocol

from dataflow.bank import Access
from dataflow.ops import Op, Pass
from dataflow.picoseconds import PS_PER_S


@dataclass(frozen=True, slots=True)
class Cost:
    """Time of a task and which resource sets it: ``compute``, ``memory``, ``engine`` or ``launch``.

    stalled_ps: the part of the time in which the processor waits for memory. operations: what
    the task asks of shared engines, by their names; these may take longer than ``time_ps``.
    """

    time_ps: int
    bound: str
    stalled_ps: int = 0
    operations: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Work:
    """What a task asks of a processor: the op's kind and pass, FLOP and bytes moved.

    op, op_pass: what exactly is computed, None for the addition of shards. accesses: what is
    read and written in which bank; empty where memories have none.
    """

    kind: str
    direction: str
    flop: int
    bytes: int
    op: Op | None = None
    op_pass: Pass | None = None
    accesses: tuple[Access, ...] = ()


Resource = Literal["arithmetic", "memory bandwidth", "kernel launches", "memory latency"]
"""What could be faster about a processor."""


@dataclass(frozen=True, slots=True)
class CodeLimits:
    """What a core has room for: instructions of all its tasks, and bytes of stack."""

    program_store: int
    stack_bytes: int


class CostModel(Protocol):
    """Turns work into time, and knows what code of it needs, where that is limited."""

    def cost(self, work: Work, position: float = 0.5) -> Cost:
        """The time of this work on the processor the model describes.

        position: where in published ranges of latencies, from 0 (the shortest) to 1.
        """
        ...

    @property
    def peak_flops(self) -> float:
        """FLOP/s nothing on this processor can exceed, for lower bounds."""
        ...

    @property
    def resources(self) -> tuple[Resource, ...]:
        """What its times are made of."""
        ...

    def faster(self, resource: Resource) -> CostModel:
        """The same processor with one resource twice as fast; itself if that is none of its resources."""
        ...

    @property
    def limits(self) -> CodeLimits | None:
        """What its code must fit in; None if it always does."""
        ...

    def code(self, op: Op | None, direction: Pass | None, bits: int) -> int:
        """Instructions of a pass; of the addition of shards without op and pass. 0 without limits."""
        ...

    def stack(self, op: Op | None, direction: Pass | None, bits: int) -> int:
        """Bytes of stack of a pass; 0 without limits."""
        ...

    def unsupported(self, op: Op | None, direction: Pass | None, dtype: str) -> str | None:
        """Why a pass cannot be computed in a dtype, and what can in its place; None if it can."""
        ...


@dataclass(frozen=True)
class Efficiency:
    """Fractions of peak FLOP/s and of memory bandwidth that code of one kind attains."""

    compute: float
    memory: float


@dataclass(frozen=True)
class Roofline:
    """launch overhead + max(FLOP / attained FLOP/s, bytes / attained bytes/s).

    Williams, Waterman and Patterson, "Roofline", CACM 52(4), 2009, with an efficiency for
    each op and pass. efficiency: by (kind, pass), else by (kind, ""), else ("", "").
    """

    peak_flops: float
    bandwidth_bytes_per_s: float
    launch_overhead_ps: int
    efficiency: Mapping[tuple[str, str], Efficiency]

    def attained(self, kind: str, direction: str) -> Efficiency:
        """The efficiency that applies to this kind of op and pass."""
        for key in ((kind, direction), (kind, ""), ("", "")):
            if key in self.efficiency:
                return self.efficiency[key]
        return Efficiency(1.0, 1.0)

    def cost(self, work: Work, position: float = 0.5) -> Cost:
        """The time of this work, rounded to whole picoseconds, of which it takes at least one.

        Work that neither computes nor moves anything needs no kernel: it takes that one.
        position: means nothing here, as no constant is a range.
        """
        if not work.flop and not work.bytes:
            return Cost(1, "launch")
        attained = self.attained(work.kind, work.direction)
        compute_ps = round(work.flop * PS_PER_S / (self.peak_flops * attained.compute))
        memory_ps = round(work.bytes * PS_PER_S / (self.bandwidth_bytes_per_s * attained.memory))
        longer = max(compute_ps, memory_ps)
        if self.launch_overhead_ps > longer:
            bound = "launch"
        else:
            bound = "compute" if compute_ps >= memory_ps else "memory"
        return Cost(max(1, self.launch_overhead_ps + longer), bound)

    @property
    def resources(self) -> tuple[Resource, ...]:
        """FLOP/s, bytes/s and launches."""
        return ("arithmetic", "memory bandwidth", "kernel launches")

    def faster(self, resource: Resource) -> Roofline:
        """With twice the peak or bandwidth, or half the overhead; itself for what it does not have."""
        match resource:
            case "arithmetic":
                return replace(self, peak_flops=2 * self.peak_flops)
            case "memory bandwidth":
                return replace(self, bandwidth_bytes_per_s=2 * self.bandwidth_bytes_per_s)
            case "kernel launches":
                return replace(self, launch_overhead_ps=self.launch_overhead_ps // 2)
            case _:
                return self

    @property
    def limits(self) -> CodeLimits | None:
        """None: its code always fits."""
        return None

    def code(self, op: Op | None, direction: Pass | None, bits: int) -> int:
        """Nothing that counts."""
        return 0

    def stack(self, op: Op | None, direction: Pass | None, bits: int) -> int:
        """Nothing that counts."""
        return 0

    def unsupported(self, op: Op | None, direction: Pass | None, dtype: str) -> str | None:
        """None: it computes all in every dtype."""
        return None
