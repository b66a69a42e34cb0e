"""Which bank of its address space every shard is kept in: fixed for the whole run.

Named in the plan, or else the nearest that has room and that all who access the shard reach,
those that are accessed most for their size choosing first. In that order too the cache of a bank is
filled: as places are fixed, each is always in it, or never.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from dataflow.bank import Access, Bank
from dataflow.errors import CheckError
from dataflow.hardware import Hardware
from dataflow.near import nearest_word
from dataflow.placement.fixed_place import FixedPlace
from dataflow.placement.placed_task import PlacedTask, Shard
from dataflow.placement.usage import Usage, usages_of
from dataflow.plan import Plan
from dataflow.task_graph import TaskGraph


def fixed_places(
    graph: TaskGraph, hardware: Hardware, plan: Plan, shards: Mapping[str, Shard], tasks: Sequence[PlacedTask]
) -> tuple[FixedPlace, ...]:
    """The places of shards in address spaces of banks, in the order of the shards, also in banks too small.

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
    misses = frozenset(_misses(usages, assignment.banks))
    return tuple(
        FixedPlace(
            bank=assignment.banks[usage.shards[0]],
            shards=usage.shards,
            bytes_each=usage.bytes_each,
            copies=usage.copies,
            misses=usage.shards[0] in misses,
        )
        for usage in usages
    )


def _misses(usages: Sequence[Usage], banks: Mapping[str, Bank]) -> Iterator[str]:
    """The shards that no cache has room for, those accessed most for their size filling it first."""
    taken: dict[tuple[str, str], int] = {}
    for usage in sorted(usages, key=lambda usage: -usage.density):
        bank = banks[usage.shards[0]]
        key = (usage.memory, bank.name)
        filled = taken.get(key, 0) + usage.bytes
        if filled <= bank.cache_bytes:
            taken[key] = filled
        elif bank.cache_bytes:
            yield from usage.shards


def with_accesses(
    tasks: Sequence[PlacedTask], shards: Mapping[str, Shard], places: Sequence[FixedPlace]
) -> tuple[PlacedTask, ...]:
    """The same tasks with what those of processors access in which bank."""
    place_of = {name: place for place in places for name in place.shards}
    return tuple(
        task if task.processor is None else replace(task, accesses=tuple(_accesses(task, shards, place_of)))
        for task in tasks
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
                and (usage.passed_on or not bank.passes_on)
            ]
        return self._possible[key]

    def _reaching(self, memory: str, bank: Bank) -> frozenset[str]:
        """Who reaches a bank, the name of the memory standing for its copy engines.

        Where no bank says that these do, they reach what is not next to one core of several.
        """
        said = any(memory in each.users for each in self._hardware.memories[memory].banks)
        several = len(self._hardware.processors_in(memory)) > 1
        private = several and (len(bank.reached_by) == 1 or bank.passes_on)
        return bank.users if said or private else bank.users | {memory}

    def _unreached(self, usage: Usage, wanted: str | None) -> Iterator[str]:
        banks = self._hardware.memories[usage.memory].banks
        named = [bank for bank in banks if wanted in (None, bank.name, bank.kind)]
        lacking = [sorted(usage.users - self._reaching(usage.memory, bank)) for bank in named]
        who = next(iter(sorted(lacking, key=len)), [])
        told = f"{usage.tensor!r} in bank {wanted!r}" if wanted else f"{usage.tensor!r}"
        if not who:
            kind = named[0].kind
            yield f"{told}: {kind!r} only passes values from a processor to the next; name another bank"
            return
        listed = ", ".join(who[:4]) + (f" and {len(who) - 4} more" if len(who) > 4 else "")
        if wanted is None:
            yield f"{told} is used by {listed}, but no bank of {usage.memory!r} is reached by all who use it"
        else:
            yield f"{told} is used by {listed}, who cannot reach that bank; name one that all reach"


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
    near = nearest_word(word, known)
    return "" if near is None else f" (did you mean {near!r}?)"


def _accesses(
    task: PlacedTask, shards: Mapping[str, Shard], place_of: Mapping[str, FixedPlace]
) -> Iterator[Access]:
    for read in task.reads:
        for piece in read.pieces:
            place = place_of.get(piece.shard)
            if place is not None:
                size = piece.region.size
                width = shards[piece.shard].tensor.itemsize
                yield Access(read.operand, place.bank, size, size * width, False, place.misses)
    for operand, name in task.writes.items():
        place = place_of.get(name)
        if place is not None:
            size = shards[name].region.size
            yield Access(operand, place.bank, size, shards[name].bytes, True, place.misses)
