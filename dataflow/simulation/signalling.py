"""The controller of a machine: which message it sends or takes next, and to or from whom.

One message after the other, in the order of the explicit key (``dataflow.plan.Control``).
Static: a task whose processor is fixed is signalled when what it reads is there. Dynamic: a
task is handed to the first free processor of its pool, which is free again, and those that
wait for the task are ready, when the controller has taken the message that it has ended.
"""

from __future__ import annotations

from enum import Enum
from heapq import heappop, heappush
from typing import NamedTuple, Protocol

from dataflow.hardware import Controller
from dataflow.placement import PlacedGraph
from dataflow.simulation.schedule import signalled

Key = tuple[int, int, int, int, int]
"""Priority of an instance of a task: step, the task's priority, order; and its index, which never decides."""


class Message(Enum):
    """What the controller says or is told; the word for it in reports."""

    SIGNAL = "signal"
    DISPATCH = "dispatch"
    COMPLETION = "completion"


class Sent(NamedTuple):
    """A message about a task: to or from a processor, and how long the controller has to do with it."""

    message: Message
    key: Key
    processor: str
    length_ps: int


class Signaller(Protocol):
    """What a controller does: whom it tells to start, and what it is told."""

    @property
    def processors(self) -> frozenset[str]:
        """Those whose tasks start when they are told to."""
        ...

    def ready(self, key: Key) -> None:
        """A task waits for nothing but the controller."""
        ...

    def ended(self, key: Key, processor: str) -> bool:
        """A processor has ended a task; whether the controller is to take in a message that it has."""
        ...

    def free(self, key: Key, processor: str) -> None:
        """The controller has taken in that message."""
        ...

    def next(self) -> Sent | None:
        """The next message, if there is one."""
        ...


class StaticControl:
    """Signals each task, whose processor is fixed, when it is ready."""

    def __init__(self, placed: PlacedGraph, controller: Controller) -> None:
        self._tasks = placed.tasks
        self._signal_ps = controller.signal_ps
        self._ready: list[Key] = []
        self.processors = signalled(placed.hardware)

    def ready(self, key: Key) -> None:
        """A task waits for nothing but its signal."""
        heappush(self._ready, key)

    def ended(self, key: Key, processor: str) -> bool:
        """It need not know: nothing that it does depends on it."""
        return False

    def free(self, key: Key, processor: str) -> None:
        """It takes in no such message."""

    def next(self) -> Sent | None:
        """The next message, if there is one."""
        if not self._ready:
            return None
        key = heappop(self._ready)
        processor = self._tasks[key[-1]].processor
        assert processor is not None
        return Sent(Message.SIGNAL, key, processor, self._signal_ps)


class DynamicControl:
    """Hands each task to a free processor of the same model and memory as the plan's.

    A pool is what of these the placed graph uses, in the order of the machine.
    """

    def __init__(self, placed: PlacedGraph, controller: Controller) -> None:
        hardware = placed.hardware
        self._controller = controller
        self.processors = signalled(hardware)
        used = {task.processor for task in placed.tasks}
        pools: dict[tuple[str, str], list[str]] = {}
        for name, processor in hardware.processors.items():
            if name in used and name in self.processors:
                pools.setdefault((processor.model, hardware.memory_of(name)), []).append(name)
        self._pools = list(pools.values())
        pool_of = {name: number for number, pool in enumerate(self._pools) for name in pool}
        self._pool_of = [pool_of.get(task.processor or "", -1) for task in placed.tasks]
        self._ready: list[list[Key]] = [[] for _ in self._pools]
        self._idle: list[list[int]] = [list(range(len(pool))) for pool in self._pools]
        self._number = {name: number for pool in self._pools for number, name in enumerate(pool)}
        self._ended: list[tuple[Key, str]] = []

    def ready(self, key: Key) -> None:
        """A task waits for nothing but a processor."""
        heappush(self._ready[self._pool_of[key[-1]]], key)

    def ended(self, key: Key, processor: str) -> bool:
        """A processor has ended a task and says so."""
        heappush(self._ended, (key, processor))
        return True

    def free(self, key: Key, processor: str) -> None:
        """The controller knows that a processor has ended a task."""
        heappush(self._idle[self._pool_of[key[-1]]], self._number[processor])

    def next(self) -> Sent | None:
        """The next message, if there is one: of all there are to take or send the one with the least key."""
        pools = [number for number, idle in enumerate(self._idle) if idle and self._ready[number]]
        first = min(pools, key=lambda number: self._ready[number][0], default=None)
        if self._ended and (first is None or self._ended[0][0] < self._ready[first][0]):
            key, processor = heappop(self._ended)
            return Sent(Message.COMPLETION, key, processor, self._controller.signal_ps)
        if first is None:
            return None
        key = heappop(self._ready[first])
        processor = self._pools[first][heappop(self._idle[first])]
        return Sent(Message.DISPATCH, key, processor, self._controller.dispatch_ps)


def control_of(placed: PlacedGraph) -> Signaller | None:
    """Who tells tasks to start; None when they start by themselves."""
    controller = placed.hardware.controller
    if controller is None or placed.plan.control.kind == "dataflow":
        return None
    if placed.plan.control.kind == "static":
        return StaticControl(placed, controller)
    return DynamicControl(placed, controller)
