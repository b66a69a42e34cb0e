"""Cores whose time is counted in instructions, as YAML writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Ge

from dataflow.cycles.instructions import Count
from topologies.constants import (
    Capacity,
    CycleCount,
    Frequency,
    Name,
    Number,
    Source,
)
from topologies.op_kinds import RoutineKind
from topologies.units import Measure

PassName = Literal["forward", "moments", "input_gradient", "weight_gradient", "update"]


@dataclass(frozen=True, kw_only=True)
class CountsDocument:
    """Instructions by class; what is left out stays as it is.

    multiply, divide: whole multiplications and divisions; multiply_word: of words, however narrow the
    operands are. A branch that is taken half of the time counts half in each class. load, store: of an
    element, from and to the core's own memory.
    """

    multiply: Count | None = None
    multiply_word: Count | None = None
    add: Count | None = None
    shift: Count | None = None
    compare: Count | None = None
    branch_taken: Count | None = None
    branch_not_taken: Count | None = None
    load: Count | None = None
    store: Count | None = None
    move: Count | None = None
    divide: Count | None = None


@dataclass(frozen=True, kw_only=True)
class RoutineDocument:
    """What a pass executes: each turn of its innermost loop, for each output, each bias gradient, each task.

    wide: in each turn too, on scores that may be wider than all else. scans: how often it goes over its
    inputs. kept: elements for each class that it keeps on its stack.
    """

    inner: CountsDocument = field(default_factory=CountsDocument)
    wide: CountsDocument = field(default_factory=CountsDocument)
    output: CountsDocument = field(default_factory=CountsDocument)
    bias: CountsDocument = field(default_factory=CountsDocument)
    task: CountsDocument = field(default_factory=CountsDocument)
    scans: Annotated[int, Ge(1)] | None = None
    kept: Annotated[int, Ge(0)] | None = None
    source: Source


@dataclass(frozen=True, kw_only=True)
class InstructionCost:
    """Cycles of one instruction, or of a sequence of as many instructions."""

    value: Annotated[int, Measure("number of cycles", "cycle", "cycles", whole=True, zero=True)]
    source: Source


@dataclass(frozen=True, kw_only=True)
class InstructionCostDocument:
    """Cycles of each class of instructions; multiply_N: of a multiplication of operands of N bits.

    other: of every instruction that is not named.
    """

    multiply_8: InstructionCost
    multiply_16: InstructionCost
    multiply_32: InstructionCost
    branch_taken: InstructionCost
    branch_not_taken: InstructionCost
    other: InstructionCost


@dataclass(frozen=True, kw_only=True)
class MemoryCostDocument:
    """What an access to one kind of memory costs.

    latency: the shortest and the longest. blocking: whether the thread swaps out meanwhile. spacing:
    between two blocking accesses of one core. issue: of the core, for an access.
    """

    latency: tuple[CycleCount, CycleCount]
    blocking: bool = False
    spacing: CycleCount = 0.0
    issue: CycleCount = 1.0
    source: Source


@dataclass(frozen=True, kw_only=True)
class CyclesModel:
    """How long a task takes: the cycles of its instructions and of memory latency that threads do not hide.

    program_store: instructions. stack: of each core. staging: local memory for operands that loops
    read often. burst: what one access moves. floats: whether there is floating point. loops: whether
    code may have loops. instructions: routines in place of those that come with Dataflow.
    """

    cost: Literal["cycles"]
    clock: Frequency
    threads: Number
    program_store: Number
    stack: Capacity
    staging: Capacity
    burst: Capacity
    costs: InstructionCostDocument
    memories: Mapping[Name, MemoryCostDocument]
    floats: bool = False
    loops: bool = True
    instructions: Mapping[RoutineKind, Mapping[PassName, RoutineDocument]] = field(default_factory=dict)
