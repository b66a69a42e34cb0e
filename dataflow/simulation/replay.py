"""Whether timing repeats from step to step, so that one step tells of all that follow."""

from __future__ import annotations

from dataclasses import dataclass

from dataflow.placement import TaskKind
from dataflow.simulation.run import Run
from dataflow.trace import Trace

LEAST = 4
"""Steps that a run must have: one that begins, two to compare, and one that ends."""


@dataclass(frozen=True)
class StepTime:
    """Steps that take equally long.

    step_ps: from the end of one to that of the next. first_end_ps: when step 0 had ended.
    """

    step_ps: int
    first_end_ps: int

    def end_ps(self, step: int) -> int:
        """When a step has ended."""
        return self.first_end_ps + step * self.step_ps


def repeats(run: Run) -> StepTime | None:
    """How long every step takes if steps 1 and 2 of a run are the same but for the time, else None.

    The same: all of a step starts and ends in the same order, at the same times since the step
    before had ended. A run of fewer than ``LEAST`` steps tells nothing. Step 0, which ends like
    the others or this is None too, may have begun with a load of its own.
    """
    trace = run.trace
    if trace.steps < LEAST or _of_step(trace, 1) != _of_step(trace, 2):
        return None
    first_ps, second_ps, third_ps = trace.step_ends_ps[:3]
    step_ps = third_ps - second_ps
    return StepTime(step_ps, first_ps) if second_ps - first_ps == step_ps else None


def _of_step(trace: Trace, step: int) -> list[tuple[int, TaskKind, tuple[str, ...], int, int]]:
    before_ps = trace.step_ends_ps[step - 1]
    return [
        (span.task, span.kind, span.resources, span.start_ps - before_ps, span.end_ps - before_ps)
        for span in trace.spans
        if span.step == step
    ]
