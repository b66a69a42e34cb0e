"""What has started and not ended, and the span that it leaves when it ends."""

from __future__ import annotations

from typing import NamedTuple

from dataflow.placement import PlacedTask, TaskKind
from dataflow.simulation.resources import CONTROLLER, Passage
from dataflow.simulation.signalling import Message, Sent
from dataflow.trace import Span

_SIGNAL_HOLDS = (CONTROLLER,)


class UnderWay(NamedTuple):
    """A task that has started and not ended; or, if sent, a message about it.

    processor: who computes it, or is told or says so; None for a transfer.
    """

    step: int
    task: int
    processor: str | None
    passage: Passage
    ready_ps: int
    start_ps: int
    cause: int | None
    sent: Sent | None = None

    def span_of(self, number: int, task: PlacedTask, operation: str, now: int) -> Span:
        """What it leaves in the trace. number: its place there. now: when it ends."""
        if self.sent is not None:
            return self._message_span(number, self.sent.message, task, now)
        passage = self.passage
        engine_ps = max(0, now - self.start_ps - passage.own_ps) if passage.operations else 0
        return Span(
            index=number,
            name=task.name,
            task=self.task,
            step=self.step,
            kind=task.kind,
            layer=task.layer,
            phase=task.phase,
            operation=operation,
            resources=passage.used,
            processor=self.processor,
            source=task.ends[0] if task.ends else None,
            destination=task.ends[1] if task.ends else None,
            ready_ps=self.ready_ps,
            start_ps=self.start_ps,
            end_ps=now,
            flop=task.flop,
            bytes=task.bytes,
            bound="engine" if engine_ps else passage.bound,
            cause=self.cause,
            collective=task.collective,
            dimension=task.dimension,
            stalled_ps=passage.stalled_ps,
            engine_ps=engine_ps,
            semaphore_ps=passage.semaphore_ps,
            engine_operations=passage.operations,
        )

    def _message_span(self, number: int, message: Message, task: PlacedTask, now: int) -> Span:
        return Span(
            index=number,
            name=f"{message.value} of {task.name}",
            task=self.task,
            step=self.step,
            kind=TaskKind.SIGNAL,
            layer=task.layer,
            phase=task.phase,
            operation=message.value,
            resources=_SIGNAL_HOLDS,
            processor=None,
            source=None,
            destination=None,
            ready_ps=self.ready_ps,
            start_ps=self.start_ps,
            end_ps=now,
            flop=0,
            bytes=0,
            bound="control",
            cause=self.cause,
        )


def message_passage(length_ps: int) -> Passage:
    """A message holds the controller."""
    return Passage(_SIGNAL_HOLDS, _SIGNAL_HOLDS, length_ps, "control")
