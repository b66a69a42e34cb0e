"""The cycle cost model: instructions a core issues, and memory latency that its other threads hide."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

from dataflow.cost import CodeLimits, Cost, Resource, Work
from dataflow.cycles.breakdown import Breakdown, Profile
from dataflow.cycles.code import code_length, stack_use
from dataflow.cycles.instructions import NONE, WORD_BITS, InstructionCosts, Instructions
from dataflow.cycles.integers import float_fault
from dataflow.cycles.memory_cost import MemoryCost
from dataflow.cycles.routine import Routine
from dataflow.cycles.routines import ACCUMULATE, Key, routine_kind, routine_of
from dataflow.cycles.traffic import Fetch, fetches
from dataflow.cycles.turns import Turns, evaluated, turns_of, turns_of_work
from dataflow.cycles.widths import DEFAULT_BITS, operand_bits, result_bits
from dataflow.ops import KERNEL_OPS, FiniteDifference, Op, Pass
from dataflow.picoseconds import PS_PER_S

LOCAL = "local"
"""The kind of bank that a core's loads and stores go to."""
_WORD_BYTES = 4


@dataclass(frozen=True)
class Cycles:
    """Time = max(issue + occupied, (issue + waited) / threads) cycles.

    issue: the instructions of the routine, each turn, output and task, at their costs. occupied: of
    every access that blocks its thread, what it issues and the spacing to the core's next one. waited:
    latency of the same, which other threads hide. There are as many threads at work as the
    core has, or as the task has outputs. Which accesses there are: see ``traffic``. Of stores only
    the last of an operand blocks, so that a task has ended when its results are there.

    costs: of instructions. memories: by kind of bank. routines: in place of those in ``routines``, by
    (kind of op, pass). program_store: instructions. stack_bytes, staging_bytes: of local memory, what
    routines keep on the stack and of operands they touch often. burst_bytes: of one
    access. floats: whether there is floating point. loops: whether code may have loops; if not,
    it is all written out, and operands are kept on the stack.
    """

    clock_hz: float
    threads: int
    costs: InstructionCosts
    memories: Mapping[str, MemoryCost]
    program_store: int
    stack_bytes: int
    staging_bytes: int
    burst_bytes: int
    floats: bool = False
    loops: bool = True
    routines: Mapping[Key, Routine] = field(default_factory=dict)

    def routine(self, op: Op | None, direction: str) -> Routine:
        """The routine for a pass of an op; for the addition of shards without one."""
        multiplies = op is not None and op.multiplies
        return routine_of(routine_kind(op), direction, self.routines, multiplies=multiplies)

    def routine_for(self, work: Work) -> Routine:
        """The routine for some work, of which the op may not be known."""
        if work.op is not None or work.kind == ACCUMULATE:
            return self.routine(work.op, work.direction)
        return routine_of(work.kind, work.direction, self.routines, multiplies=work.flop > 0)

    def cost(self, work: Work, position: float = 0.5) -> Cost:
        """The time of this work, in whole picoseconds; what moves nothing takes one.

        position: where in published ranges of latencies, from 0 (the shortest) to 1.
        """
        if (work.op_pass is not None and work.op_pass.view) or not (work.flop or work.bytes or work.op):
            return Cost(1, "launch")
        found = self.breakdown(work, position)
        time_ps = max(1, self.picoseconds(found.cycles))
        stalled_ps = max(0, time_ps - self.picoseconds(found.issue_cycles))
        return Cost(time_ps, found.bound, stalled_ps, found.operations)

    def picoseconds(self, cycles: float) -> int:
        """So many cycles as time."""
        return round(cycles * PS_PER_S / self.clock_hz)

    def breakdown(self, work: Work, position: float = 0.5) -> Breakdown:
        """Where the cycles of this work go."""
        if work not in self._profiles:
            self._profiles[work] = self._profile(work)
        return self._profiles[work].at(position, self.load_cycles(position))

    @cached_property
    def _profiles(self) -> dict[Work, Profile]:
        return {}

    def _profile(self, work: Work) -> Profile:
        turns = turns_of_work(work)
        routine = self.routine_for(work)
        traffic = fetches(
            work,
            turns,
            routine.scans,
            burst_bytes=self.burst_bytes,
            staging_bytes=self.staging_bytes,
            outside=self._outside,
        )
        wide_bits = operand_bits(work)
        bits = result_bits(work, routine.result) if routine.result else wide_bits
        parts = (
            (self._executed(routine, turns) + self._evaluations(work.op), bits),
            (routine.wide.times(turns.inner), wide_bits),
            (_staging(traffic), WORD_BITS),
        )
        blocking = [
            (self._access(fetch), min(1, fetch.bursts) if fetch.writes else fetch.bursts) for fetch in traffic
        ]
        without_loads, with_loads = (
            sum(self.costs.cycles(part, width, load) for part, width in parts) for load in (0.0, 1.0)
        )
        return Profile(
            turns=turns,
            instructions=sum((part for part, _ in parts), NONE),
            bits=bits,
            wide_bits=wide_bits,
            issue_cycles=without_loads,
            loads=with_loads - without_loads,
            blocking=tuple(blocking),
            posted=sum(fetch.bursts for fetch in traffic) - sum(count for _, count in blocking),
            threads=max(1, min(self.threads, _parallel(work.op, turns))),
            operations=_operations(traffic),
        )

    def program(
        self,
        issue_cycles: float,
        *,
        blocking: Mapping[str, int],
        posted: int = 0,
        operations: Mapping[str, float],
        position: float = 0.5,
    ) -> Breakdown:
        """Where the cycles of any program go, of which each thread runs one after the other.

        blocking: accesses by kind of memory. posted: accesses it does not wait for. operations: of engines.
        """
        waits = tuple((self.memories[kind], count) for kind, count in blocking.items())
        none = Turns(0, 0)
        profile = Profile(
            none, NONE, DEFAULT_BITS, DEFAULT_BITS, issue_cycles, 0.0, waits, posted, self.threads, operations
        )
        return profile.at(position, self.load_cycles(position))

    def bandwidth_bytes_per_s(self, kind: str) -> float:
        """What a core reads at most of a kind of memory, doing nothing else: bursts, or words of its own."""
        return self.access_bytes(kind) * self.clock_hz / self.memories[kind].at_least(self.threads)

    def access_bytes(self, kind: str) -> int:
        """What one access to a kind of memory moves."""
        return self.burst_bytes if self.memories[kind].blocking else _WORD_BYTES

    def _access(self, fetch: Fetch) -> MemoryCost:
        memory = self.memories[fetch.bank.kind]
        return memory.missed if fetch.misses else memory

    def load_cycles(self, position: float = 0.5) -> float:
        """Cycles of a load from local memory, which no other thread hides."""
        return self.memories[LOCAL].latency_cycles(position) if LOCAL in self.memories else 1.0

    def _evaluations(self, op: Op | None) -> Instructions:
        """What an op executes that computes the passes of others, once for each weight it moves."""
        if not isinstance(op, FiniteDifference):
            return NONE
        once = NONE
        for each, each_pass in evaluated(op):
            routine, turns = self.routine(each, each_pass.name), turns_of(each, each_pass)
            once += self._executed(routine, turns) + routine.wide.times(turns.inner)
        return once.times(op.evaluations)

    def _executed(self, routine: Routine, turns: Turns) -> Instructions:
        """The instructions of a task but for the wide ones, going round its loops among them."""
        around = self.costs.loop if self.loops else NONE
        return (
            (routine.inner + around).times(turns.inner if routine.inner != NONE else 0)
            + (routine.output + around).times(turns.outputs)
            + (routine.bias + around).times(turns.biases)
            + routine.task
        )

    @cached_property
    def _outside(self) -> frozenset[str]:
        """The kinds of memory outside the core."""
        return frozenset(kind for kind, memory in self.memories.items() if memory.blocking)

    def code(self, op: Op | None, direction: Pass | None, bits: int = DEFAULT_BITS) -> int:
        """Instructions of a pass in the program store; of the addition of shards without op and pass.

        Where there are no loops, all their turns are written out.
        """
        own = code_length(self._routine_for(op, direction), op, direction, self.costs, bits, self.loops)
        if not isinstance(op, FiniteDifference):
            return own
        others = [
            (each.kind, each_pass.name, self.code(each, each_pass, bits)) for each, each_pass in evaluated(op)
        ]
        if not self.loops:
            return own + op.evaluations * sum(length for _, _, length in others)
        return own + sum({(kind, name): length for kind, name, length in others}.values())

    def stack(self, op: Op | None, direction: Pass | None, bits: int = DEFAULT_BITS) -> int:
        """Bytes of stack that a pass needs."""
        own = stack_use(self._routine_for(op, direction), op, direction, bits, self.loops)
        others = () if op is None else evaluated(op)
        return own + max((self.stack(*each, bits) for each in others), default=0)

    def _routine_for(self, op: Op | None, direction: Pass | None) -> Routine:
        if op is None or direction is None:
            return self.routine(None, "forward")
        return self.routine(op, direction.name)

    def unsupported(self, op: Op | None, direction: Pass | None, dtype: str) -> str | None:
        """Why a pass cannot be computed here in a dtype, with the integer alternative; None if it can."""
        return None if self.floats else float_fault(op, direction, dtype)

    @property
    def limits(self) -> CodeLimits:
        """Of the program store and the stack."""
        return CodeLimits(self.program_store, self.stack_bytes)

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Instructions, and waiting for memory."""
        return ("arithmetic", "memory latency")

    def faster(self, resource: Resource) -> Cycles:
        """With twice the clock and memories that take as long as before, or memories twice as fast."""
        if resource == "arithmetic":
            return replace(self, clock_hz=2 * self.clock_hz, memories=self._waiting(2))
        return replace(self, memories=self._waiting(0.5)) if resource == "memory latency" else self

    def _waiting(self, factor: float) -> dict[str, MemoryCost]:
        """Memories whose blocking accesses take so many times as many cycles; what a core issues stays."""
        return {
            kind: memory.scaled(factor) if memory.blocking else memory
            for kind, memory in self.memories.items()
        }

    @cached_property
    def peak_flops(self) -> float:
        """Two operations in the cycles of the shortest turn of any routine that multiplies."""
        kinds = {op.kind for op in KERNEL_OPS if op.multiplies}
        shortest = min(
            self.costs.cycles(
                routine_of(kind, direction, self.routines, multiplies=True).inner, min(self.costs.multiply), 1
            )
            for kind in sorted(kinds)
            for direction in ("forward", "input_gradient", "weight_gradient")
        )
        return 2 * self.clock_hz / max(1.0, shortest)


def _parallel(op: Op | None, turns: Turns) -> int:
    """How many threads find something to do: as many as there are outputs, also of what is evaluated."""
    within = (turns_of(*each).outputs for each in (evaluated(op) if op is not None else ()))
    return max(turns.outputs, *within, 0)


def _staging(traffic: tuple[Fetch, ...]) -> Instructions:
    """What copies operands from transfer registers to local memory, a word at a time."""
    return Instructions(move=sum(-(-fetch.staged_bytes // _WORD_BYTES) for fetch in traffic))


def _operations(traffic: tuple[Fetch, ...]) -> Mapping[str, float]:
    """What the task asks of shared engines."""
    found: dict[str, float] = {}
    for fetch in traffic:
        engine = fetch.bank.engines.get("write" if fetch.writes else "read")
        if engine is not None:
            found[engine] = found.get(engine, 0.0) + fetch.bursts
    return found
