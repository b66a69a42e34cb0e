"""The trace: what happened when, on which resource, and what each start had waited for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dataflow.ops import Phase
from dataflow.placement import TaskKind


@dataclass(frozen=True, slots=True)
class Span:
    """One task of one step, or a message about it, from start to end, on the resources it held.

    index: its place in the trace. resources: the processor and the engines it asks, or for a transfer
    the copy engine's processor (as ``gpu0.copy``) and the channels of the links, of which fair ones
    and engines may be in use by several spans at once; ``controller`` for a message, ``host.input`` for a
    batch that a host makes. ready_ps: when
    all it reads was there, signalled or not. cause: index of the span whose end let it start, None at
    time 0 and for what starts at a time that is given, as requests do. bound: what set its length:
    ``compute``, ``memory``, ``engine``, ``launch``, ``link`` or ``control``. source, destination: the
    memories of a transfer, None for all else. collective: what a transfer or sum is part of, such as
    ``all-reduce ring``; dimension: the mesh axes it goes along; both empty for what is part of none.
    stalled_ps, engine_ps, semaphore_ps: what of its time the processor waited for memory, waited for
    engines that others kept busy or that are slower than it, and spent on a semaphore.
    engine_operations: what it asked of engines, by their names.
    """

    index: int
    name: str
    task: int
    step: int
    kind: TaskKind
    layer: str
    phase: Phase
    operation: str
    resources: tuple[str, ...]
    processor: str | None
    source: str | None
    destination: str | None
    ready_ps: int
    start_ps: int
    end_ps: int
    flop: int
    bytes: int
    bound: str
    cause: int | None
    collective: str = ""
    dimension: str = ""
    stalled_ps: int = 0
    engine_ps: int = 0
    semaphore_ps: int = 0
    engine_operations: tuple[tuple[str, float], ...] = ()

    @property
    def length_ps(self) -> int:
        """How long it took once it had started."""
        return self.end_ps - self.start_ps

    @property
    def ends(self) -> tuple[str, str]:
        """The memories a transfer leaves and reaches."""
        assert self.source is not None
        assert self.destination is not None
        return self.source, self.destination

    @property
    def latency_ps(self) -> int:
        """How long it took from when it could have started: waiting included."""
        return self.end_ps - self.ready_ps


@dataclass(frozen=True, slots=True)
class MemoryEvent:
    """Bytes taken (positive) or given back (negative) in a memory, and what is in use after.

    tensor: the shard's name in the run. kind: the tensor's, such as ``activation``.
    """

    time_ps: int
    memory: str
    tensor: str
    kind: str
    layer: str
    bytes: int
    used_bytes: int


@dataclass(frozen=True)
class Trace:
    """All spans in the order they started, all memory events in order of time.

    start_ps: when the first batch was in place and step 0 could begin; what is before is the
    cold start. step_ends_ps: for each step when its last task had ended (the next batch's
    load included). step_starts_ps: when its first had started. arrivals_ps: for each step when it was
    asked for, where requests arrive; lost_ps: when those did that were lost. busy_ps: how long each
    processor computed, in all steps. A light simulation leaves neither spans nor memory events.
    """

    spans: tuple[Span, ...]
    memory_events: tuple[MemoryEvent, ...]
    start_ps: int
    step_ends_ps: tuple[int, ...]
    step_starts_ps: tuple[int, ...] = ()
    arrivals_ps: tuple[int, ...] = ()
    lost_ps: tuple[int, ...] = ()
    busy_ps: Mapping[str, int] = field(default_factory=dict)

    @property
    def end_ps(self) -> int:
        """When the last step had ended."""
        return max(self.step_ends_ps)

    @property
    def steps(self) -> int:
        """How many steps were run."""
        return len(self.step_ends_ps)

    @property
    def measured(self) -> tuple[Span, ...]:
        """The spans of the steps themselves: the first batch's load is not among them."""
        return tuple(span for span in self.spans if span.step >= 0)
