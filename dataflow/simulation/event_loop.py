"""The event loop: processors and links pull from ready sets, SimPy keeps the time.

One event an instant: all that ends then ends, in the order in which it started; then what
can start starts, and what shares links gets new rates. So what runs next depends on the explicit
key (step, priority, order) alone, never on the order in which events were made.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heappop, heappush
from typing import NamedTuple

import simpy

from dataflow.errors import DeadlockError
from dataflow.placement import PlacedGraph, TaskKind
from dataflow.simulation.flows import Flow, Flows
from dataflow.simulation.memory import Memories
from dataflow.simulation.observer import Observer
from dataflow.simulation.resources import Passage, Resources
from dataflow.simulation.schedule import Compiled, Instance
from dataflow.tensor import TensorKind
from dataflow.trace import Span, Trace

Key = tuple[int, int, int, int, int]
"""Priority of an instance of a task: step, the task's priority, order; and its index, which never decides."""


class _UnderWay(NamedTuple):
    """A task that has started and not ended."""

    step: int
    task: int
    passage: Passage
    ready_ps: int
    start_ps: int
    cause: int | None


class Simulation:
    """State of one run."""

    def __init__(
        self,
        placed: PlacedGraph,
        steps: int,
        observer: Observer | None,
        progress: Callable[[int, int], None] | None,
        compiled: Compiled | None = None,
    ) -> None:
        compiled = compiled or Compiled(placed)
        self.placed = placed
        self.steps = steps
        self.observer = observer
        self.progress = progress
        self.env = simpy.Environment(initial_time=0)
        self.now = 0
        self.schedule = compiled.schedule
        self.memories = Memories(compiled.holdings, placed.hardware.memories, steps)
        self.resources = Resources(placed.hardware)
        self.flows = Flows()
        self.accesses = compiled.accesses
        self.passages: list[Passage] = [self.resources.passage(task) for task in placed.tasks]
        self.keys = compiled.keys
        self.operations = compiled.operations
        all_steps = range(-1, steps)
        self.waiting = {step: self.schedule.waits(step) for step in all_steps}
        self.unfinished = {step: len(self.schedule.tasks_of(step)) for step in all_steps}
        self.ended, self.total = 0, sum(self.unfinished.values())
        self.ready: dict[str, list[Key]] = {name: [] for name in placed.hardware.processors}
        self.positions = {name: position for position, name in enumerate(placed.hardware.processors)}
        self.called: set[str] = set()
        self.pending: list[tuple[Key, str]] = []
        self.blocked: dict[str, list[Key]] = {}
        self.readied: dict[tuple[int, int], tuple[int, int | None]] = {}
        self.held_back: list[int] = []
        self.endings: dict[int, list[int]] = {}
        self.under_way: dict[int, _UnderWay] = {}
        self.started = 0
        self.spans: dict[int, Span] = {}
        self.start_ps = 0
        self.step_ends = [0] * steps

    # -- the run --------------------------------------------------------------------

    def run(self) -> Trace:
        """Everything from the first load to the end of the last step."""
        self._place_what_is_there()
        for step, waiting in self.waiting.items():
            for index, count in enumerate(waiting):
                if count == 0:
                    self._make_ready(step, index, None)
        self._wake(0)
        self.env.run()
        if self.ended < self.total:
            raise self._deadlock()
        spans = tuple(self.spans[number] for number in range(self.started))
        return Trace(spans, tuple(self.memories.events), self.start_ps, tuple(self.step_ends))

    def _place_what_is_there(self) -> None:
        """Parameters and velocities are in their memories before the first step."""
        placed: list[Instance] = []
        for name, shard in self.placed.shards.items():
            loaded = shard.tensor.kind is TensorKind.BATCH
            from_start = shard.tensor.carried and shard.tensor.version == 0 and name not in self.placed.writer
            if from_start and not loaded:
                self.memories.allocate((name, 0), 0)
                placed.append((name, 0))
        if self.observer:
            self.observer.begins(placed)

    def _wake(self, time_ps: int) -> list[int]:
        """Has something happen at an instant; returns what ends then, to add to."""
        if time_ps not in self.endings:
            self.endings[time_ps] = []
            self.env.timeout(time_ps - self.now).callbacks.append(self._instant)
        return self.endings[time_ps]

    def _instant(self, event: simpy.Event) -> None:
        """Everything that happens at one instant."""
        self.now = int(event.env.now)
        for number in sorted((*self.endings.pop(self.now), *self.flows.take_ended(self.now))):
            self._end(number)
        self._dispatch()
        next_end_ps = self.flows.settle(self.now)
        if next_end_ps is not None:
            self._wake(next_end_ps)

    # -- readiness --------------------------------------------------------------------

    def _make_ready(self, step: int, index: int, cause: int | None) -> None:
        if step == 0 and self.unfinished[-1]:
            self.held_back.append(index)
            return
        self.readied[step, index] = (self.now, cause)
        key = (step, *self.keys[index])
        processor = self.placed.tasks[index].processor
        if processor is None:
            heappush(self.pending, (key, ""))
        else:
            heappush(self.ready[processor], key)
            self.called.add(processor)

    def _dispatch(self) -> None:
        """Starts everything that can start now: tasks by processor, transfers in the order of the keys."""
        free = self.resources.free
        for processor in sorted(self.called, key=self.positions.__getitem__):
            if free[processor] and self.ready[processor]:
                self._start(heappop(self.ready[processor]))
        self.called.clear()
        while self.pending:
            key, freed = heappop(self.pending)
            taken = self.resources.first_taken(self.passages[key[-1]].held)
            if taken is None:
                self._start(key)
            else:
                heappush(self.blocked.setdefault(taken, []), key)
            if freed and free[freed]:
                self._unblock(freed)

    def _unblock(self, resource: str) -> None:
        """Lets the first transfer that waits for a resource try again, and in its wake the next."""
        if self.blocked.get(resource):
            heappush(self.pending, (heappop(self.blocked[resource]), resource))

    # -- starting and ending ------------------------------------------------------------

    def _start(self, key: Key) -> None:
        step, index = key[0], key[-1]
        passage = self.passages[index]
        self.resources.take(passage.held)
        self.memories.at_start(self.accesses[index], step, self.now)
        if self.observer:
            self.observer.started(step, self.placed.tasks[index])
        ready_ps, cause = self.readied.pop((step, index))
        if ready_ps < self.now:
            users = self.resources.last_spans(passage.held)
            cause = max((u for u in users if self.spans[u].end_ps == self.now), default=cause)
        number = self.started
        self.started += 1
        self.under_way[number] = _UnderWay(step, index, passage, ready_ps, self.now, cause)
        after_ps = self.now + passage.length_ps
        if not passage.shares:
            self._wake(after_ps).append(number)
            return
        self.flows.add(Flow(number, passage.alone_ps, passage.cap, passage.shares), after_ps)
        if passage.length_ps:
            self._wake(after_ps)

    def _span(self, number: int, under_way: _UnderWay) -> Span:
        task = self.placed.tasks[under_way.task]
        return Span(
            index=number,
            name=task.name,
            task=under_way.task,
            step=under_way.step,
            kind=task.kind,
            layer=task.layer,
            phase=task.phase,
            operation=self.operations[under_way.task],
            resources=under_way.passage.used,
            processor=task.processor,
            source=task.ends[0] if task.ends else None,
            destination=task.ends[1] if task.ends else None,
            ready_ps=under_way.ready_ps,
            start_ps=under_way.start_ps,
            end_ps=self.now,
            flop=task.flop,
            bytes=task.bytes,
            bound=under_way.passage.bound,
            cause=under_way.cause,
            collective=task.collective,
            dimension=task.dimension,
        )

    def _end(self, number: int) -> None:
        under_way = self.under_way.pop(number)
        step, index = under_way.step, under_way.task
        self.spans[number] = self._span(number, under_way)
        self.resources.give_back(under_way.passage.held, number)
        processor = self.placed.tasks[index].processor
        if processor is None:
            for resource in under_way.passage.held:
                self._unblock(resource)
        else:
            self.called.add(processor)
        if self.observer:
            self.observer.ended(step, self.placed.tasks[index])
        for instance in self.memories.at_end(self.accesses[index], step, self.now):
            if self.observer:
                self.observer.freed(instance)
        self.waiting[step][index] = -1
        self._count(step, number)
        self._tell(step, self.schedule.next_within[index], number)
        self._tell(step + 1, self.schedule.next_after[index], number)

    def _tell(self, step: int, indices: list[int], cause: int) -> None:
        """Lets the tasks that waited for an ended one know."""
        waiting = self.waiting.get(step)
        if waiting is None:
            return
        for index in indices:
            if waiting[index] > 0:
                waiting[index] -= 1
                if waiting[index] == 0:
                    self._make_ready(step, index, cause)

    def _count(self, step: int, number: int) -> None:
        """Notes that a task has ended; step 0 begins when the whole first batch is in place."""
        self.ended += 1
        self.unfinished[step] -= 1
        if self.unfinished[step] == 0:
            if step >= 0:
                self.step_ends[step] = self.now
            else:
                self.start_ps = self.now
                for index in self.held_back:
                    self._make_ready(0, index, number)
        if self.progress:
            self.progress(self.ended, self.total)

    # -- when nothing can happen any more ---------------------------------------------

    def _deadlock(self) -> DeadlockError:
        waiting = [
            (s, i) for s, counts in self.waiting.items() for i, count in enumerate(counts) if count >= 0
        ]
        lines: list[str] = []
        for step, index in waiting[:10]:
            task = self.placed.tasks[index]
            missing = [
                f"{self.placed.tasks[i].name!r} (step {s})"
                for s, i in self.schedule.predecessors(step, index)
                if self.waiting[s][i] >= 0
            ]
            if not missing and task.kind is TaskKind.TRANSFER:
                taken = [name for name in self.passages[index].held if not self.resources.free[name]]
                missing = [f"{name!r}, which is never free" for name in taken]
            lines.append(f"  - {task.name!r} (step {step}) waits for {', '.join(missing) or 'its turn'}")
        more = len(waiting) - len(lines)
        tail = f"\n  ... and {more} more" if more > 0 else ""
        return DeadlockError(
            f"deadlock at {self.now / 1e9:.3f} ms: {len(waiting)} tasks wait and nothing can happen\n"
            + "\n".join(lines)
            + tail
        )
