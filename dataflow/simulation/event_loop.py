"""The event loop: processors and links pull from ready sets, SimPy keeps the time.

One event a task marks its end; one dispatch an instant, after all that ends in it,
starts what can start. So what runs next depends on the explicit key (step, phase,
order) alone, never on the order in which events were made.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from heapq import heappop, heappush

import simpy

from dataflow.errors import CheckError, DeadlockError, OptionError
from dataflow.placement import PlacedGraph, PlacedTask, TaskKind
from dataflow.simulation.check import trace_faults
from dataflow.simulation.memory import Memories
from dataflow.simulation.observer import Observer
from dataflow.simulation.resources import Resources
from dataflow.simulation.schedule import Instance, Schedule
from dataflow.tensor import TensorKind
from dataflow.trace import Span, Trace

Key = tuple[int, int, int, int]
"""Priority of an instance of a task: step, phase, order; and its index, which never decides."""


@dataclass(frozen=True)
class Run:
    """What came of a simulation. Raises CheckError, on construction, if the trace cannot be."""

    placed: PlacedGraph
    trace: Trace

    def __post_init__(self) -> None:
        faults = list(trace_faults(self.trace, self.placed.hardware))
        if faults:
            raise CheckError(f"trace of {self.placed.task_graph.network.name!r}", faults)


def simulate(
    placed: PlacedGraph,
    steps: int = 1,
    observer: Observer | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Run:
    """Runs training steps in simulated time.

    observer: sees every start and end, as an executor that computes values does.
    progress: called with (tasks ended, tasks in all). Raises OutOfMemoryError when a tensor
    does not fit and DeadlockError when tasks wait that nothing can start.
    """
    if steps < 1:
        raise OptionError(f"simulate: {steps} steps; there must be at least 1")
    simulation = _Simulation(placed, steps, observer, progress)
    return Run(placed, simulation.run())


class _Simulation:
    """State of one run."""

    def __init__(
        self,
        placed: PlacedGraph,
        steps: int,
        observer: Observer | None,
        progress: Callable[[int, int], None] | None,
    ) -> None:
        self.placed = placed
        self.hardware = placed.hardware
        self.steps = steps
        self.observer = observer
        self.progress = progress
        self.env = simpy.Environment(initial_time=0)
        self.schedule = Schedule(placed)
        self.memories = Memories(self.schedule, self.hardware.memories, steps)
        all_steps = range(-1, steps)
        self.waiting = {
            (step, index): self.schedule.waits(step, index)
            for step in all_steps
            for index in self.schedule.tasks_of(step)
        }
        self.total = len(self.waiting)
        self.unfinished = {step: len(self.schedule.tasks_of(step)) for step in all_steps}
        self.ready: dict[str, list[Key]] = {name: [] for name in self.hardware.processors}
        self.pending: list[Key] = []
        self.blocked: dict[str, list[Key]] = {}
        self.ready_ps: dict[tuple[int, int], int] = {}
        self.cause: dict[tuple[int, int], int | None] = {}
        self.resources = Resources(self.hardware)
        self.held_back: list[int] = []
        self.spans: list[Span] = []
        self.dispatching = False
        self.start_ps = 0
        self.step_ends = [0] * steps

    # -- the run --------------------------------------------------------------------

    def run(self) -> Trace:
        """Everything from the first load to the end of the last step."""
        self._place_what_is_there()
        for (step, index), count in self.waiting.items():
            if count == 0:
                self._make_ready(step, index, None)
        self._call_dispatch()
        self.env.run()
        if any(self.unfinished.values()):
            raise self._deadlock()
        return Trace(tuple(self.spans), tuple(self.memories.events), self.start_ps, tuple(self.step_ends))

    @property
    def now(self) -> int:
        """Simulated time in picoseconds."""
        return int(self.env.now)

    def _place_what_is_there(self) -> None:
        """Parameters and velocities are in their memories before the first step."""
        placed: list[Instance] = []
        for name, shard in self.placed.shards.items():
            loaded = shard.tensor.kind is TensorKind.BATCH
            if shard.tensor.carried and shard.tensor.version == 0 and not loaded:
                self.memories.allocate((name, 0), 0)
                placed.append((name, 0))
        if self.observer:
            self.observer.begins(placed)

    # -- readiness --------------------------------------------------------------------

    def _make_ready(self, step: int, index: int, cause: int | None) -> None:
        if step == 0 and self.unfinished[-1]:
            self.held_back.append(index)
            return
        task = self.placed.tasks[index]
        self.ready_ps[step, index] = self.now
        self.cause[step, index] = cause
        key = (step, int(task.phase), task.order, index)
        if task.processor is None:
            heappush(self.pending, key)
        else:
            heappush(self.ready[task.processor], key)

    def _call_dispatch(self) -> None:
        if not self.dispatching:
            self.dispatching = True
            # What ends at this instant was scheduled when it started, so SimPy takes it before this.
            event = self.env.timeout(0)
            event.callbacks.append(lambda _: self._dispatch())

    def _dispatch(self) -> None:
        """Starts everything that can start now, in the order of the keys."""
        self.dispatching = False
        for processor, ready in self.ready.items():
            if ready and self.resources.free[processor]:
                self._start(heappop(ready))
        while self.pending:
            key = heappop(self.pending)
            taken = self.resources.first_taken(self.placed.tasks[key[3]])
            if taken is None:
                self._start(key)
            else:
                self.blocked.setdefault(taken, []).append(key)

    # -- starting and ending ------------------------------------------------------------

    def _start(self, key: Key) -> None:
        step, _, _, index = key
        task = self.placed.tasks[index]
        needed = self.resources.needed(task)
        self.resources.take(needed)
        self._allocate(step, task)
        if self.observer:
            self.observer.started(step, task)
        length_ps, bound = self.resources.length(task)
        span = self._span(step, index, needed, length_ps, bound)
        self.spans.append(span)
        event = self.env.timeout(length_ps)
        event.callbacks.append(lambda _: self._end(span))

    def _span(self, step: int, index: int, resources: tuple[str, ...], length_ps: int, bound: str) -> Span:
        task = self.placed.tasks[index]
        ready_ps = self.ready_ps.pop((step, index))
        cause = self.cause.pop((step, index))
        if ready_ps < self.now:
            users = self.resources.last_spans(resources)
            cause = max((u for u in users if self.spans[u].end_ps == self.now), default=cause)
        return Span(
            index=len(self.spans),
            name=task.name,
            task=index,
            step=step,
            kind=task.kind,
            layer=task.layer,
            phase=task.phase,
            operation=f"{task.work.kind} {task.work.direction}" if task.processor else "transfer",
            resources=resources,
            processor=task.processor,
            source=task.ends[0] if task.ends else None,
            destination=task.ends[1] if task.ends else None,
            ready_ps=ready_ps,
            start_ps=self.now,
            end_ps=self.now + length_ps,
            flop=task.flop,
            bytes=task.bytes,
            bound=bound,
            cause=cause,
        )

    def _allocate(self, step: int, task: PlacedTask) -> None:
        for shard in self._shards_read(task):
            instance = self.schedule.instance(shard, step)
            if self.placed.shards[shard].supplied and instance not in self.memories.held:
                self.memories.allocate(instance, self.now)
        shared = dict(task.in_place)
        for shard in task.writes.values():
            instance = self.schedule.instance(shard, step)
            giver = self.schedule.instance(shared[shard], step) if shard in shared else None
            if giver is not None and self.memories.can_take_over(giver):
                self.memories.take_over(instance, giver, self.now)
            else:
                self.memories.allocate(instance, self.now)

    @staticmethod
    def _shards_read(task: PlacedTask) -> list[str]:
        return list(dict.fromkeys(piece.shard for read in task.reads for piece in read.pieces))

    def _end(self, span: Span) -> None:
        step, index = span.step, span.task
        task = self.placed.tasks[index]
        self.resources.give_back(span.resources, span.index)
        for resource in span.resources:
            for key in self.blocked.pop(resource, ()):
                heappush(self.pending, key)
        if self.observer:
            self.observer.ended(step, task)
        for shard in self._shards_read(task):
            instance = self.schedule.instance(shard, step)
            if self.memories.read_once(instance, self.now) and self.observer:
                self.observer.freed(instance)
        for shard in task.writes.values():
            instance = self.schedule.instance(shard, step)
            if self.memories.free_if_dead(instance, self.now) and self.observer:
                self.observer.freed(instance)
        del self.waiting[step, index]
        self._count(span)
        self._tell(step, self.schedule.next_within[index], span.index)
        self._tell(step + 1, self.schedule.next_after[index], span.index)
        self._call_dispatch()

    def _tell(self, step: int, indices: list[int], cause: int) -> None:
        """Lets the tasks that waited for an ended one know."""
        for index in indices:
            if (step, index) in self.waiting:
                self.waiting[step, index] -= 1
                if self.waiting[step, index] == 0:
                    self._make_ready(step, index, cause)

    def _count(self, span: Span) -> None:
        """Notes that a task has ended; step 0 begins when the whole first batch is in place."""
        self.unfinished[span.step] -= 1
        if self.unfinished[span.step] == 0:
            if span.step >= 0:
                self.step_ends[span.step] = self.now
            else:
                self.start_ps = self.now
                for index in self.held_back:
                    self._make_ready(0, index, span.index)
        if self.progress:
            self.progress(self.total - len(self.waiting), self.total)

    # -- when nothing can happen any more ---------------------------------------------

    def _deadlock(self) -> DeadlockError:
        lines: list[str] = []
        for step, index in sorted(self.waiting)[:10]:
            task = self.placed.tasks[index]
            missing = [
                f"{self.placed.tasks[i].name!r} (step {s})"
                for s, i in self.schedule.predecessors(step, index)
                if (s, i) in self.waiting
            ]
            if not missing and task.kind is TaskKind.TRANSFER:
                taken = [name for name in self.resources.needed(task) if not self.resources.free[name]]
                missing = [f"{name!r}, which is never free" for name in taken]
            lines.append(f"  - {task.name!r} (step {step}) waits for {', '.join(missing) or 'its turn'}")
        more = len(self.waiting) - len(lines)
        tail = f"\n  ... and {more} more" if more > 0 else ""
        return DeadlockError(
            f"deadlock at {self.now / 1e9:.3f} ms: {len(self.waiting)} tasks wait and nothing can happen\n"
            + "\n".join(lines)
            + tail
        )
