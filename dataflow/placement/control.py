"""In what order tasks run beyond what their data demands: micro-batches, stages, and gathering ahead."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from dataflow.ops import Phase, Role
from dataflow.placement.parts import Part, Parts
from dataflow.plan import Plan
from dataflow.task_graph import Task

GATHERED_AHEAD = 2
"""Layers of parameters a processor may hold before their turn: the one it computes, and the next."""

_ONE_FORWARD_ONE_BACKWARD = {
    Phase.GRADIENT: 0,
    Phase.LOSS: 1,
    Phase.FORWARD: 2,
    Phase.UPDATE: 3,
    Phase.LOAD: 4,
}


@dataclass(frozen=True)
class Slot:
    """A compute task that was placed: its name, and of what task it is which part."""

    name: str
    task: Task
    part: Part


class Control:
    """Priorities of tasks, and what must have ended before others of the same step may start.

    ``gpipe`` (Huang et al. 2019, arXiv 1811.06965): a processor's first gradient waits for all of
    its forward tasks; the last micro-batch goes backward first. ``1f1b`` (Narayanan et al. 2019 and
    2021, arXiv 2104.04473, section 2.2): of p stages stage s takes w = p - s micro-batches forward,
    and then one backward and one forward in turn, so that at most w are in flight.
    """

    def __init__(self, plan: Plan, parts: Parts) -> None:
        self._parts = parts
        self._gpipe = plan.order == "gpipe"
        several = [rule.microbatches or 1 for rule in plan.layers.values()]
        self._several = max(plan.microbatches, *several, 1) > 1
        self._axis = plan.pipeline.axis if plan.pipeline else None
        self._depth = plan.mesh[self._axis] if self._axis else 1
        self._slots: list[Slot] = []
        self._reading: dict[int, dict[str, list[tuple[tuple[str, Phase], str]]]] = {}

    @property
    def backwards(self) -> bool:
        """Whether the last micro-batch's gradients are computed first."""
        return self._gpipe

    def priority(self, phase: Phase, microbatch: int, microbatches: int) -> tuple[int, int]:
        """What runs first of what is ready: less is sooner."""
        if self._gpipe or not self._several:
            turn = microbatches - 1 - microbatch if phase is Phase.GRADIENT else microbatch
            return int(phase), turn
        return _ONE_FORWARD_ONE_BACKWARD[phase], microbatch

    def last(self, microbatches: Sequence[int]) -> int:
        """Of some micro-batches the one whose gradients are computed last; the first one of none."""
        ordered = sorted(microbatches, reverse=self._gpipe) or [0]
        return ordered[-1]

    def note(self, slot: Slot) -> None:
        """Takes note of a compute task, in the order of placing."""
        self._slots.append(slot)
        if slot.task.op.by_role(Role.PARAMETER):
            key = (slot.task.layer, slot.task.phase)
            history = self._reading.setdefault(slot.part.microbatch, {}).setdefault(slot.part.memory, [])
            if not any(seen == key for seen, _ in history[-GATHERED_AHEAD:]):
                history.append((key, slot.name))

    def gates(self, task: Task, microbatch: int) -> Mapping[str, tuple[str, ...]]:
        """By memory, what must have ended before parameters are gathered there for a micro-batch."""
        key = (task.layer, task.phase)
        found: dict[str, tuple[str, ...]] = {}
        for memory, history in self._reading.get(microbatch, {}).items():
            before = [name for seen, name in history if seen != key]
            if len(before) >= GATHERED_AHEAD:
                found[memory] = (before[-GATHERED_AHEAD],)
        return found

    def after(self) -> dict[str, list[str]]:
        """For tasks that must wait for others of their step, beyond their data, the names of those."""
        found = self._after_tasks()
        by_processor: dict[str, list[Slot]] = {}
        # Micro-batches of unlike sizes wait for parts of one another; there the order is a preference.
        alike = len({slot.part.microbatches for slot in self._slots} - {1}) == 1
        for slot in self._slots:
            if self._in_its_stage(slot):
                by_processor.setdefault(slot.part.processor, []).append(slot)
        for processor, everything in by_processor.items():
            slots = [slot for slot in everything if slot.part.microbatches > 1]
            forward = _by_microbatch(slot for slot in slots if slot.task.phase is not Phase.GRADIENT)
            backward = _by_microbatch(slot for slot in slots if slot.task.phase is Phase.GRADIENT)
            pairs = self._all_forward_first(forward, backward) if self._gpipe else ()
            if not self._gpipe and alike:
                pairs = self._few_in_flight(forward, backward, self._in_flight(processor))
            pairs = [*pairs, *_all_parts_first(everything)]
            for later, earlier in pairs:
                found.setdefault(later.name, []).append(earlier.name)
        return found

    def _after_tasks(self) -> dict[str, list[str]]:
        """What each slot must follow because its task must: of the same micro-batch, in place if there is."""
        there: dict[tuple[str, int], list[Slot]] = {}
        for slot in self._slots:
            there.setdefault((slot.task.name, slot.part.microbatch), []).append(slot)
        found: dict[str, list[str]] = {}
        for slot in self._slots:
            for name in slot.task.after:
                before = there.get((name, slot.part.microbatch), [])
                local = [each for each in before if each.part.processor == slot.part.processor]
                found.setdefault(slot.name, []).extend(each.name for each in local or before)
        return found

    def _in_its_stage(self, slot: Slot) -> bool:
        """Whether a task is on a processor of its layer's stage, or there are none."""
        place = self._parts.places.get(slot.part.processor)
        return self._axis is None or (
            place is not None and place[self._axis] == self._parts.stages[slot.task.layer]
        )

    def _in_flight(self, processor: str) -> int:
        place = self._parts.places.get(processor)
        if self._axis is None or place is None:
            return 1
        return self._depth - place[self._axis]

    @staticmethod
    def _all_forward_first(
        forward: Mapping[int, list[Slot]], backward: Mapping[int, list[Slot]]
    ) -> list[tuple[Slot, Slot]]:
        return [(first[0], last[-1]) for first in backward.values() for last in forward.values()]

    @staticmethod
    def _few_in_flight(
        forward: Mapping[int, list[Slot]], backward: Mapping[int, list[Slot]], most: int
    ) -> list[tuple[Slot, Slot]]:
        """One forward, one backward, in turn: F0 to F(w-1), then B0, Fw, B1, F(w+1) and so on."""
        filled = [
            (slot, backward[number - most][-1])
            for number, slots in forward.items()
            if number - most in backward
            for slot in slots
        ]
        in_turn = [
            (slot, forward[number + most - 1][-1])
            for number, slots in backward.items()
            if number + most - 1 in forward
            for slot in slots
        ]
        return [*filled, *in_turn]


def _all_parts_first(slots: Sequence[Slot]) -> list[tuple[Slot, Slot]]:
    """What takes the whole batch at once goes backward after all micro-batches of the layers behind it."""
    pairs: list[tuple[Slot, Slot]] = []
    before: dict[int, Slot] = {}
    for slot in slots:
        if slot.task.phase is not Phase.GRADIENT:
            continue
        if slot.part.microbatches > 1:
            before[slot.part.microbatch] = slot
        else:
            pairs += [(slot, earlier) for earlier in before.values()]
            before.clear()
    return pairs


def _by_microbatch(slots: Iterable[Slot]) -> dict[int, list[Slot]]:
    found: dict[int, list[Slot]] = {}
    for slot in slots:
        found.setdefault(slot.part.microbatch, []).append(slot)
    return found
