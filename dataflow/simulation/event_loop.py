"""The event loop: processors and links pull from ready sets, SimPy keeps the time.

One event an instant: all that ends then ends, in the order in which it started; then what
can start starts, and what shares links or engines gets new rates. So what runs next depends on the
explicit key (step, priority, order) alone, never on the order in which events were made.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import simpy

from dataflow.placement import PlacedGraph
from dataflow.simulation.arrivals import Admission, Arrivals
from dataflow.simulation.compiled import Compiled, initially
from dataflow.simulation.deadlock import deadlock
from dataflow.simulation.drawn_latencies import DrawnLatencies
from dataflow.simulation.flows import Flow, Flows
from dataflow.simulation.memory import Memories
from dataflow.simulation.observer import Observer
from dataflow.simulation.queues import Queues
from dataflow.simulation.race import Race
from dataflow.simulation.resources import CONTROLLER, Resources
from dataflow.simulation.signalling import Key, Message, control_of
from dataflow.simulation.steps import Steps
from dataflow.simulation.under_way import UnderWay, message_passage
from dataflow.trace import Span, Trace

_NEVER = 2**62


class Simulation:
    """State of one run. light: leaves neither spans nor memory events, and is quicker."""

    def __init__(
        self,
        placed: PlacedGraph,
        steps: int,
        observer: Observer | None = None,
        progress: Callable[[int, int], None] | None = None,
        compiled: Compiled | None = None,
        *,
        arrivals: Arrivals | None = None,
        light: bool = False,
        first_step: int = 0,
        drawn: bool = False,
    ) -> None:
        compiled = compiled or Compiled(placed)
        self.placed = placed
        self.observer = observer
        self.progress = progress
        self.light = light
        self.env = simpy.Environment(initial_time=0)
        self.now = 0
        schedule = self.schedule = compiled.schedule
        self.compiled = compiled
        self.admission = None if arrivals is None else Admission(arrivals)
        self.count = steps if arrivals is None else len(arrivals.times_ps)
        self.race = Race(compiled) if schedule.raced else None
        self.latencies = DrawnLatencies(placed, first_step) if drawn or self.race else None
        gated = schedule.first if self.race or arrivals else []
        self.steps = Steps(schedule, self.count, [*gated, *schedule.raced])
        self.total = self.count * len(placed.tasks) + len(schedule.loads)
        last = _NEVER if arrivals else steps
        self.memories = Memories(compiled.residencies, placed.hardware.memories, last, recording=not light)
        self.resources = Resources(placed.hardware)
        self.control = control_of(placed)
        self.flows = Flows()
        self.passages = self.resources.passages(placed.tasks, compiled.semaphores)
        told = self.control.processors if self.control else frozenset[str]()
        self.signalled = [task.processor in told for task in placed.tasks]
        self.queues = Queues(self.resources, placed.hardware.processors, self.passages)
        self.readied: dict[tuple[int, int], tuple[int, int, int | None]] = {}
        self.cold = bool(schedule.loads)
        self.held_back: list[int] = []
        self.endings: dict[int, list[int]] = {}
        self.under_way: dict[int, UnderWay] = {}
        self.started = self.ended = 0
        self.spans: dict[int, Span] = {}
        self.busy = dict.fromkeys(placed.hardware.processors, 0)
        self.start_ps = 0
        self.step_starts: dict[int, int] = {}
        self.step_ends: dict[int, int] = {}

    # -- the run --------------------------------------------------------------------

    def run(self) -> Trace:
        """Everything from the first load to the end of the last step."""
        there = initially(self.placed)
        for instance in there:
            self.memories.allocate(instance, 0)
        if self.observer:
            self.observer.begins(there)
        for step, index in list(self.steps.at_once()):
            self._make_ready(step, index, None)
        if self.race and not self.cold:
            self._open(self.race, 0, None)
        if self.admission and self.admission.next_ps is not None:
            self._wake(self.admission.next_ps)
        self._wake(0)
        self.env.run()
        if self.ended < self.total:
            left = self.total - self.ended
            raise deadlock(self.steps, left, self.passages, self.resources.free, self.now)
        return self._trace()

    def _trace(self) -> Trace:
        admission = self.admission
        return Trace(
            spans=tuple(self.spans[number] for number in sorted(self.spans)),
            memory_events=tuple(self.memories.events),
            start_ps=self.start_ps,
            step_ends_ps=tuple(end_ps for _, end_ps in sorted(self.step_ends.items())),
            step_starts_ps=tuple(start_ps for _, start_ps in sorted(self.step_starts.items())),
            arrivals_ps=tuple(admission.accepted_ps) if admission else (),
            lost_ps=tuple(admission.lost_ps) if admission else (),
            busy_ps=self.busy,
        )

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
        for step, index in self.race.due(self.now) if self.race else ():
            self._release(step, (index,), None)
        self._dispatch()
        if self.admission and self.admission.next_ps == self.now:
            self._admit(self.admission)
        next_end_ps = self.flows.settle(self.now)
        if next_end_ps is not None:
            self._wake(next_end_ps)

    # -- readiness --------------------------------------------------------------------

    def _admit(self, admission: Admission) -> None:
        """Lets in or loses the requests that arrive now, each after what waits has started."""
        while admission.next_ps == self.now:
            step = admission.admit(len(self.step_starts))
            if step is None:
                self.total -= len(self.placed.tasks)
            else:
                self._release(step, self.schedule.first, None)
                self._dispatch()
        if admission.next_ps is not None:
            self._wake(admission.next_ps)

    def _open(self, race: Race, step: int, cause: int | None) -> None:
        """Lets a step begin some of whose tasks are signalled at fixed times."""
        for time_ps in race.open(step, self.now):
            self._wake(time_ps)
        self._release(step, self.schedule.first, cause)

    def _release(self, step: int, indices: Collection[int], cause: int | None) -> None:
        for index in self.steps.release(step, indices):
            self._make_ready(step, index, cause)

    def _make_ready(self, step: int, index: int, cause: int | None) -> None:
        if self.cold and step == 0 and index not in self.schedule.ahead:
            self.held_back.append(index)
            return
        self.readied[step, index] = (self.now, self.now, cause)
        key = (step, *self.compiled.keys[index])
        processor = self.placed.tasks[index].processor
        if self.control and self.signalled[index]:
            self.control.ready(key)
        else:
            self.queues.add(key, processor)

    def _dispatch(self) -> None:
        """Starts everything that can start now."""
        for key, processor in self.queues.startable():
            self._start(key, processor)
        if self.control and self.resources.free[CONTROLLER]:
            self._send()

    # -- starting and ending ------------------------------------------------------------

    def _start(self, key: Key, processor: str | None) -> None:
        """A task starts, if not a transfer on a processor: the plan's, or the one it was handed to."""
        step, index = key[0], key[-1]
        task = self.placed.tasks[index]
        passage = self.passages[index]
        if self.latencies and processor is not None:
            position = self.latencies.position(step, task.name)
            tests = index in self.compiled.semaphores
            passage = self.resources.passage(task, semaphore=tests, position=position)
        if processor != task.processor and processor is not None:
            passage = passage._replace(held=(processor,), used=(processor, *passage.used[1:]))
        if step not in self.step_starts and step >= 0 and index not in self.schedule.ahead:
            self.step_starts[step] = self.now
        self.memories.at_start(self.compiled.touches[index], step, self.now)
        if self.observer:
            self.observer.started(step, task)
        ready_ps, known_ps, cause = self.readied.pop((step, index))
        if known_ps != self.now:
            cause = max(self.resources.users_until(passage.held, self.now), default=cause)
        self._go(UnderWay(step, index, processor, passage, ready_ps, self.now, cause))

    def _go(self, under_way: UnderWay) -> None:
        """Has something take its resources, and end in time."""
        number, passage = self.started, under_way.passage
        self.started += 1
        self.resources.take(passage.held)
        self.under_way[number] = under_way
        after_ps = self.now + passage.length_ps
        if not passage.shares:
            self._wake(after_ps).append(number)
            return
        self.flows.add(Flow(number, passage.alone_ps, passage.cap, passage.shares), after_ps)
        if passage.length_ps:
            self._wake(after_ps)

    def _send(self) -> None:
        """The controller, which is free, sends or takes the next message."""
        sent = self.control.next() if self.control else None
        if sent is None:
            return
        step, index = sent.key[0], sent.key[-1]
        passage = message_passage(sent.length_ps)
        ready_ps, known_ps, cause = self.readied[step, index]
        if known_ps != self.now:
            cause = max(self.resources.users_until(passage.held, self.now), default=cause)
        self._go(UnderWay(step, index, sent.processor, passage, ready_ps, self.now, cause, sent))

    def _end(self, number: int) -> None:
        under_way = self.under_way.pop(number)
        step, index, processor = under_way.step, under_way.task, under_way.processor
        self.resources.give_back(under_way.passage.held, number, self.now)
        task = self.placed.tasks[index]
        if not self.light:
            self.spans[number] = under_way.span_of(number, task, self.compiled.operations[index], self.now)
        if under_way.sent:
            self._taken_in(under_way, number)
            return
        self.queues.given_back(under_way.passage.held, processor)
        if processor is not None:
            self.busy[processor] += self.now - under_way.start_ps
        if self.observer:
            self.observer.ended(step, task)
        for instance in self.memories.at_end(self.compiled.touches[index], step, self.now):
            if self.observer:
                self.observer.freed(instance)
        key = (step, *self.compiled.keys[index])
        if self.control and self.signalled[index] and processor and self.control.ended(key, processor):
            self.readied[step, index] = (self.now, self.now, number)
        else:
            self._finish(step, index, number)

    def _taken_in(self, under_way: UnderWay, number: int) -> None:
        """A message has arrived: at the processor, or at the controller."""
        sent, processor = under_way.sent, under_way.processor
        assert sent is not None
        assert processor is not None
        step, index = under_way.step, under_way.task
        if sent.message is Message.COMPLETION:
            assert self.control is not None
            self.control.free(sent.key, processor)
            del self.readied[step, index]
            self._finish(step, index, number)
            return
        self.readied[step, index] = (under_way.ready_ps, self.now, number)
        self.queues.add(sent.key, processor)

    def _finish(self, step: int, index: int, number: int) -> None:
        """Lets those that wait for a task know that it has ended."""
        self.ended += 1
        over = self.steps.end(step, index)
        if over:
            self._end_step(step, number)
        if self.progress:
            self.progress(self.ended, self.total)
        told = self.schedule.next_within[index]
        if told and not over:
            for other in self.steps.tell(step, told):
                self._make_ready(step, other, number)
        if self.schedule.next_after[index]:
            for later, other in self.steps.tell_later(step, index):
                self._make_ready(later, other, number)

    def _end_step(self, step: int, number: int) -> None:
        """A step has ended; when that is the load of the whole first batch, step 0 begins."""
        self.steps.forget(step)
        if step >= 0:
            self.step_ends[step] = self.now
        else:
            self.start_ps = self.now
            self.cold = False
            for index in self.held_back:
                self._make_ready(0, index, number)
        if self.race and step + 1 < self.count:
            self._open(self.race, step + 1, number)
