"""Where the cycles of a task go: what its core issues, and what its threads wait for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dataflow.cycles.instructions import Instructions
from dataflow.cycles.memory_cost import MemoryCost
from dataflow.cycles.turns import Turns


@dataclass(frozen=True)
class Breakdown:
    """Cycles of a task.

    instructions: all that are executed. bits: of what they handle. wide_bits: of what a routine's wide ones
    handle. issue_cycles: that all take.
    occupied_cycles: of the core, by making accesses: issue and spacing. waited_cycles: latency of all
    blocking accesses, one after the other. threads: that have something to do. operations: of shared
    engines.
    """

    turns: Turns
    instructions: Instructions
    bits: int
    wide_bits: int
    issue_cycles: float
    occupied_cycles: float
    waited_cycles: float
    threads: int
    operations: Mapping[str, float]

    @property
    def busy_cycles(self) -> float:
        """The least that the core needs, however many threads it has."""
        return self.issue_cycles + self.occupied_cycles

    @property
    def thread_cycles(self) -> float:
        """The least that its threads need, however little the core has to issue."""
        return (self.issue_cycles + self.waited_cycles) / self.threads

    @property
    def cycles(self) -> float:
        """How long the task takes."""
        return max(self.busy_cycles, self.thread_cycles)

    @property
    def bound(self) -> str:
        """What sets that: ``compute``, or ``memory`` where it is latency or the spacing of accesses."""
        hidden = self.busy_cycles >= self.thread_cycles
        return "compute" if hidden and self.issue_cycles >= self.occupied_cycles else "memory"


@dataclass(frozen=True)
class Profile:
    """A task's cycles before latencies, which are published as ranges, are known.

    issue_cycles: without loads. loads: from local memory. blocking: accesses to each memory that their thread
    waits for. posted: those that it does not.
    """

    turns: Turns
    instructions: Instructions
    bits: int
    wide_bits: int
    issue_cycles: float
    loads: float
    blocking: tuple[tuple[MemoryCost, int], ...]
    posted: int
    threads: int
    operations: Mapping[str, float]

    def at(self, position: float, load_cycles: float) -> Breakdown:
        """With latencies so far into their ranges. load_cycles: of one load."""
        return Breakdown(
            turns=self.turns,
            instructions=self.instructions,
            bits=self.bits,
            wide_bits=self.wide_bits,
            issue_cycles=self.issue_cycles + self.loads * load_cycles,
            occupied_cycles=sum(count * memory.occupied() for memory, count in self.blocking) + self.posted,
            waited_cycles=sum(count * memory.waited(position) for memory, count in self.blocking)
            + self.posted,
            threads=self.threads,
            operations=self.operations,
        )
