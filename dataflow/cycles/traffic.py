"""Which accesses to memory a routine makes: how often it fetches its operands, in how many bursts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from dataflow.bank import Access, Bank
from dataflow.cost import Work
from dataflow.cycles.turns import Turns
from dataflow.ops import GRADIENT_SUFFIX, Op

_BATCH, _BIAS = "batch", "bias"


@dataclass(frozen=True, slots=True)
class Fetch:
    """What a task fetches from, or stores to, one bank of one operand.

    bursts: accesses, in all passes over the operand. passes: how often it is fetched. staged_bytes:
    what of it is copied into local memory. misses: whether the bank's cache does not hold it.
    """

    operand: str
    bank: Bank
    bursts: int
    passes: int
    staged_bytes: int
    writes: bool
    misses: bool


def fetches(
    work: Work,
    turns: Turns,
    scans: int,
    *,
    burst_bytes: int,
    staging_bytes: int,
    outside: Collection[str],
) -> tuple[Fetch, ...]:
    """What is fetched from and stored to banks outside the core, whose kinds are ``outside``.

    Loops touch each element of an operand turns / elements times. An operand that they touch more than
    once is fetched once, and kept in local memory, if it fits into ``staging_bytes`` there beside
    those that are touched more often; of what differs from image to image one image needs to fit.
    Otherwise it is fetched anew each time. Results are stored once.
    """
    passes = touches(work, turns, scans)
    staged = _staged(work, passes, staging_bytes, outside)
    found: list[Fetch] = []
    for access in work.accesses:
        if access.bank.kind not in outside:
            continue
        bursts = -(-access.bytes // burst_bytes)
        if access.writes:
            found.append(Fetch(access.operand, access.bank, bursts, 1, 0, True, access.misses))
            continue
        kept = access.operand in staged
        times = 1 if kept else passes[access.operand]
        size = access.bytes if kept else 0
        found.append(Fetch(access.operand, access.bank, bursts * times, times, size, False, access.misses))
    return tuple(found)


def touches(work: Work, turns: Turns, scans: int) -> Mapping[str, int]:
    """How often the loops pass over each operand that is read; over a bias once for each result."""
    return {
        name: scans * max(1, (turns.outputs if name == _BIAS else turns.inner) // max(1, elements))
        for name, (elements, _) in _of_operands(work.accesses).items()
    }


def _of_operands(accesses: tuple[Access, ...]) -> Mapping[str, tuple[int, int]]:
    """Elements and bytes of each operand that is read, in all banks."""
    found: dict[str, tuple[int, int]] = {}
    for access in accesses:
        if not access.writes:
            elements, size = found.get(access.operand, (0, 0))
            found[access.operand] = (elements + access.elements, size + access.bytes)
    return found


def _staged(
    work: Work, passes: Mapping[str, int], room_bytes: int, outside: Collection[str]
) -> frozenset[str]:
    """The operands kept in local memory: those touched most often first, as long as there is room."""
    sizes = _of_operands(tuple(access for access in work.accesses if access.bank.kind in outside))
    found: set[str] = set()
    for operand in sorted(sizes, key=lambda name: -passes[name]):
        need = -(-sizes[operand][1] // _images(work.op, operand))
        if passes[operand] > 1 and need <= room_bytes:
            room_bytes -= need
            found.add(operand)
    return frozenset(found)


def _images(op: Op | None, operand: str) -> int:
    """Into how many images an operand can be cut; 1 for what all images share."""
    if op is None:
        return 1
    labels = op.operand(operand.removesuffix(GRADIENT_SUFFIX)).labels
    return op.loops.get(_BATCH, 1) if _BATCH in labels else 1
