"""Which bank of its address space every shard is kept in: fixed for the whole run.

Named in the plan, or else the nearest that has room and that all who access the shard reach,
those that are accessed most for their size choosing first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase

from dataflow.bank import Access, Bank
from dataflow.errors import CheckError
from dataflow.hardware import Hardware
from dataflow.placement.placed import PlacedGraph, PlacedTask, Shard
from dataflow.placement.usage import Usage, usages_of
from dataflow.plan import Plan
from dataflow.task_graph import TaskGraph

NEXT_NEIGHBOUR = "nn"
"""The kind of bank that only passes values on, from a processor to the next."""


@dataclass(frozen=True)
class FixedPlace:
    """Room in a bank. shards: what shares it, such as both versions of what is updated in place.

    bytes_each: of one value. copies: for how many there is room: in bounded buffers, and of batches.
    """

    bank: Bank
    shards: tuple[str, ...]
    bytes_each: int
    copies: int = 1

    @property
    def bytes(self) -> int:
        """All the room it takes."""
        return self.bytes_each * self.copies


def assigned_banks(
    graph: TaskGraph, hardware: Hardware, plan: Plan, shards: Mapping[str, Shard], tasks: Sequence[PlacedTask]
) -> dict[str, Bank]:
    """By shard in an address space of banks the one it is kept in, also where that is too small.

    Raises CheckError listing what is wrong with the plan's ``banks``.
    """
    usages = usages_of(graph, hardware, plan, shards, tasks)
    assignment = _Assignment(hardware, plan)
    faults = list(_plan_faults(hardware, plan, usages))
    if not faults:
        for usage in sorted(usages, key=lambda usage: (wish(plan, usage.tensor) is None, -usage.density)):
            faults += assignment.assign(usage)
    if faults:
        raise CheckError(f"plan for hardware {hardware.name!r}", list(dict.fromkeys(faults)))
    return {name: assignment.banks[name] for name in shards if name in assignment.banks}


def with_accesses(
    tasks: Sequence[PlacedTask], shards: Mapping[str, Shard], banks: Mapping[str, Bank]
) -> tuple[PlacedTask, ...]:
    """The same tasks with what those of processors access in which bank."""
    return tuple(
        task if task.processor is None else replace(task, accesses=tuple(_accesses(task, shards, banks)))
        for task in tasks
    )


def fixed_places(placed: PlacedGraph) -> tuple[FixedPlace, ...]:
    """All places of a placed graph in banks, in the order of their shards."""
    usages = usages_of(placed.task_graph, placed.hardware, placed.plan, placed.shards, placed.tasks)
    return tuple(
        FixedPlace(placed.banks[usage.shards[0]], usage.shards, usage.bytes_each, usage.copies)
        for usage in usages
    )


def wish(plan: Plan, tensor: str) -> str | None:
    """The bank, or kind of bank, in which a plan wants a tensor: of patterns that match the last wins."""
    found = [bank for pattern, bank in plan.banks.items() if fnmatchcase(tensor, pattern)]
    return found[-1] if found else None


class _Assignment:
    """Banks and how much of them has been taken."""

    def __init__(self, hardware: Hardware, plan: Plan) -> None:
        self._hardware = hardware
        self._plan = plan
        self._taken: dict[tuple[str, str], int] = {}
        self._possible: dict[tuple[str, frozenset[str], bool], list[Bank]] = {}
        self.banks: dict[str, Bank] = {}

    def assign(self, usage: Usage) -> Iterator[str]:
        """Gives what shares a place its bank; says why not when that cannot be."""
        wanted = wish(self._plan, usage.tensor)
        possible = self._reached(usage)
        if wanted is not None:
            possible = [bank for bank in possible if wanted in (bank.name, bank.kind)]
        if not possible:
            yield from self._unreached(usage, wanted)
            return
        room = (bank for bank in possible if self._left(usage.memory, bank) >= usage.bytes)
        # What fits nowhere counts against the last: how far over that is, ``fit`` says.
        bank = next(room, possible[-1])
        key = (usage.memory, bank.name)
        self._taken[key] = self._taken.get(key, 0) + usage.bytes
        self.banks.update((name, bank) for name in usage.shards)

    def _left(self, memory: str, bank: Bank) -> int:
        return bank.capacity_bytes - self._taken.get((memory, bank.name), 0)

    def _reached(self, usage: Usage) -> list[Bank]:
        """The banks that all users reach, the nearest first."""
        key = (usage.memory, usage.users, usage.passed_on)
        if key not in self._possible:
            self._possible[key] = [
                bank
                for bank in self._hardware.memories[usage.memory].banks
                if usage.users <= self._reaching(usage.memory, bank)
                and (bank.kind != NEXT_NEIGHBOUR or usage.passed_on)
            ]
        return self._possible[key]

    def _reaching(self, memory: str, bank: Bank) -> frozenset[str]:
        """Who reaches a bank, the name of the memory standing for its copy engines.

        Where no bank says that these do, they reach what is not next to one core of several.
        """
        said = any(memory in each.reached_by for each in self._hardware.memories[memory].banks)
        several = len(self._hardware.processors_in(memory)) > 1
        private = several and (len(bank.reached_by) == 1 or bank.kind == NEXT_NEIGHBOUR)
        return bank.reached_by if said or private else bank.reached_by | {memory}

    def _unreached(self, usage: Usage, wanted: str | None) -> Iterator[str]:
        banks = self._hardware.memories[usage.memory].banks
        named = [bank for bank in banks if wanted in (None, bank.name, bank.kind)]
        lacking = [sorted(usage.users - self._reaching(usage.memory, bank)) for bank in named]
        who = next(iter(sorted(lacking, key=len)), [])
        told = f"{usage.tensor!r} in bank {wanted!r}" if wanted else f"{usage.tensor!r}"
        if not who:
            yield (
                f"{told}: {NEXT_NEIGHBOUR!r} only passes values from a processor to the next; "
                "name another bank"
            )
            return
        listed = ", ".join(who[:4]) + (f" and {len(who) - 4} more" if len(who) > 4 else "")
        if wanted is None:
            yield f"{told} is used by {listed}, but no bank of {usage.memory!r} is reached by all who use it"
        else:
            yield f"{told} is used by {listed}, which that bank is not reached by; name one that all reach"


def _plan_faults(hardware: Hardware, plan: Plan, usages: Sequence[Usage]) -> Iterator[str]:
    """Patterns name tensors that are there, and banks or kinds of them."""
    tensors = list(dict.fromkeys(usage.tensor for usage in usages))
    banks = [bank for memory in hardware.memories.values() for bank in memory.banks]
    known = list(dict.fromkeys([*(bank.kind for bank in banks), *(bank.name for bank in banks)]))
    for pattern, wanted in plan.banks.items():
        if not known:
            yield f"banks are given for {pattern!r}, but no memory of hardware {hardware.name!r} has banks"
            continue
        if wanted not in known:
            kinds = ", ".join(dict.fromkeys(bank.kind for bank in banks))
            hint = _hint(wanted, known)
            yield f"{pattern!r} is to be in bank {wanted!r}, which is none{hint}; there are: {kinds}"
        if not any(fnmatchcase(tensor, pattern) for tensor in tensors):
            yield f"banks are given for {pattern!r}, which no tensor there is called{_hint(pattern, tensors)}"


def _hint(word: str, known: Sequence[str]) -> str:
    near = get_close_matches(word, known, n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _accesses(task: PlacedTask, shards: Mapping[str, Shard], banks: Mapping[str, Bank]) -> Iterator[Access]:
    for read in task.reads:
        for piece in read.pieces:
            if piece.shard in banks:
                size = piece.region.size
                width = shards[piece.shard].tensor.itemsize
                yield Access(read.operand, banks[piece.shard], size, size * width, writes=False)
    for operand, name in task.writes.items():
        if name in banks:
            yield Access(operand, banks[name], shards[name].region.size, shards[name].bytes, writes=True)
