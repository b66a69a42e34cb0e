"""What to say when tasks wait and nothing can happen any more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dataflow.errors import DeadlockError
from dataflow.placement import TaskKind
from dataflow.simulation.resources import Passage
from dataflow.simulation.steps import ENDED, Steps

_SHOWN = 10


def deadlock(
    steps: Steps, left: int, passages: Sequence[Passage], free: Mapping[str, int], now: int
) -> DeadlockError:
    """Who waits for what. left: how many tasks do."""
    waiting = _first_waiting(steps, min(left, _SHOWN))
    lines = [_line(steps, step, index, passages, free) for step, index in waiting]
    more = left - len(lines)
    tail = f"\n  ... and {more} more" if more > 0 else ""
    return DeadlockError(
        f"deadlock at {now / 1e9:.3f} ms: {left} tasks wait and nothing can happen\n"
        + "\n".join(lines)
        + tail
    )


def _first_waiting(steps: Steps, count: int) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    step = min(steps.waiting, default=0)
    while len(found) < count:
        found += [(step, index) for index, waits in enumerate(steps.of(step)) if waits != ENDED]
        step = min((known for known in steps.waiting if known > step), default=step + 1)
    return found[:count]


def _line(steps: Steps, step: int, index: int, passages: Sequence[Passage], free: Mapping[str, int]) -> str:
    schedule = steps.schedule
    tasks = schedule.placed.tasks
    task = tasks[index]
    missing = [
        f"{tasks[i].name!r} (step {s})"
        for s, i in schedule.predecessors(step, index)
        if s in steps.waiting and steps.waiting[s][i] != ENDED
    ]
    if not missing and task.kind in (TaskKind.TRANSFER, TaskKind.PREPARE):
        taken = [name for name in passages[index].held if not free[name]]
        missing = [f"{name!r}, which is never free" for name in taken]
    return f"  - {task.name!r} (step {step}) waits for {', '.join(missing) or 'its turn'}"
