"""Cores with round numbers, banks of theirs, and work for them."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod

from dataflow.bank import Access, Bank
from dataflow.cost import Work
from dataflow.cycles import Cycles, InstructionCosts, MemoryCost
from dataflow.ops import GRADIENT_SUFFIX, Op, Pass

COSTS = InstructionCosts(multiply={8: 3, 16: 4, 32: 7}, basic=1, branch_taken=4, branch_not_taken=1)
CORES = ("core0", "core1")
LOCAL = Bank("core0.local", "local", 2560, ("core0",))
CLS = Bank("island0.cls", "cls", 65536, CORES)
CTM = Bank("island0.ctm", "ctm", 262144, CORES)
EMEM = Bank("emem", "emem", 2**31, CORES, {"read": "dram", "write": "dram", "atomic": "adder"})


def core(threads: int = 8, staging_bytes: int = 1024, *, loops: bool = True) -> Cycles:
    """A core at 1 GHz, so that a cycle takes 1,000 ps, with the published costs of an NFP's."""
    return Cycles(
        clock_hz=1e9,
        threads=threads,
        costs=COSTS,
        memories={
            "local": MemoryCost(latency=(1, 3)),
            "cls": MemoryCost(latency=(20, 50), blocking=True, spacing=16, issue=3),
            "ctm": MemoryCost(latency=(50, 100), blocking=True, spacing=16, issue=3),
            "emem": MemoryCost(latency=(150, 250), blocking=True, spacing=25, issue=3),
        },
        program_store=8192,
        stack_bytes=512,
        staging_bytes=staging_bytes,
        burst_bytes=64,
        loops=loops,
    )


def direction(op: Op, name: str) -> Pass:
    """The pass of this name."""
    return next(each for each in op.passes if each.name == name)


def work(op: Op, name: str, banks: Mapping[str, Bank], itemsize: int = 2) -> Work:
    """A pass of an op whose operands are in these banks; others in local memory."""
    chosen = direction(op, name)
    accesses = tuple(
        Access(operand, banks.get(operand, LOCAL), elements, elements * itemsize, writes)
        for names, writes in ((chosen.reads, False), (chosen.writes, True))
        for operand in names
        for elements in (prod(op.operand(operand.removesuffix(GRADIENT_SUFFIX)).shape),)
    )
    moved = sum(access.bytes for access in accesses)
    return Work(op.kind, name, op.flop_of(chosen), moved, op, chosen, accesses)
