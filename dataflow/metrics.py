"""What a trace says in numbers: the product of ``measure``, and all that reports show.

Times are simulated seconds and, like bytes, those of one step: averages over the steps
that were run. The first batch's load (the cold start) is in none of them. Points in time
count from the beginning of step 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dataflow.communication_metrics import CommunicationTime, LinkUse, Traffic, Transfer
from dataflow.input_metrics import InputPath
from dataflow.memory_map import BankUse


@dataclass(frozen=True)
class Holding:
    """A tensor that was in a memory at its fullest."""

    tensor: str
    kind: str
    bytes: int


@dataclass(frozen=True)
class MemoryUse:
    """A memory at its fullest: when, how full, of how much, and what held it (largest first)."""

    capacity_bytes: int
    peak_bytes: int
    peak_at_s: float
    holdings: tuple[Holding, ...]

    @property
    def by_kind(self) -> dict[str, int]:
        """Bytes at the peak by kind of tensor, largest first."""
        total: dict[str, int] = {}
        for holding in self.holdings:
            total[holding.kind] = total.get(holding.kind, 0) + holding.bytes
        return dict(sorted(total.items(), key=lambda item: -item[1]))


@dataclass(frozen=True)
class ProcessorUse:
    """What one processor did in a step.

    communication_exposed_s: idle while it waited for transfers. communication_hidden_s: its
    transfers (to or from it) that did not keep it waiting. waiting_for_others_s: idle while
    other processors computed what it needed next. exposed_by: (layer, phase) to seconds.
    waiting_for_input_s: idle while hosts prepared batches.
    """

    model: str
    busy_s: float
    utilisation: float
    flop: int
    peak_flops: float
    communication_exposed_s: float
    communication_hidden_s: float
    waiting_for_others_s: float
    exposed_by: Mapping[tuple[str, str], float]
    waiting_for_input_s: float = 0.0


@dataclass(frozen=True)
class Bubble:
    """Idle shares between the first forward and the last gradient task of a step.

    fraction: 1 - busy / (span_s * processors), over the processors that run forward or
    gradient tasks; busy is whatever they compute in that time. processors: each one's own.
    """

    fraction: float
    span_s: float
    processors: Mapping[str, float]


@dataclass(frozen=True)
class Latencies:
    """Percentiles (nearest rank) of exchanges' time from ready to end, or of samples' in the machine.

    Zeros of none. Of exchanges the load of the next batch, which waits behind the computation by
    design, is not one. drawn: whether times within published ranges were drawn, rather than their middle.
    """

    count: int
    p50_s: float
    p99_s: float
    max_s: float
    drawn: bool = False


@dataclass(frozen=True)
class LayerTime:
    """What the tasks of one layer and phase took on all processors together.

    exposed_s: what processors were idle for its transfers. hidden_s: its transfers, at each
    processor they leave or reach, while that one did not wait for any transfer.
    """

    name: str
    phase: str
    time_s: float
    flop: int
    bytes: int
    transfer_bytes: int
    exposed_s: float
    hidden_s: float
    bound: str


@dataclass(frozen=True)
class PathPart:
    """What a share of the critical path was spent on.

    where: the processor that did it; empty for what no processor does, and for several together.
    """

    what: str
    time_s: float
    share: float
    where: str = ""

    @property
    def told(self) -> str:
        """What was done, and on which processor."""
        return f"{self.what} on {self.where}" if self.where else self.what


@dataclass(frozen=True)
class Limit:
    """The step time if one resource were twice as fast, all else unchanged."""

    resource: str
    step_time_s: float
    gain: float


@dataclass(frozen=True)
class Idleness:
    """Why one core did not compute, in seconds of a step.

    signal_s: what it reads was there, but no signal yet. input_s: what it reads was not there.
    memory_s, engine_s: during its tasks, for memory that its threads could not hide, and for
    shared engines that others kept busy, or that are slower than it. idle_s: it had no more to do.
    signal_s, input_s and idle_s with the time in which it is busy (``ProcessorUse.busy_s``, in which
    memory_s and engine_s are) make up the time of the whole run over its steps.
    """

    signal_s: float
    input_s: float
    memory_s: float
    engine_s: float
    idle_s: float


@dataclass(frozen=True)
class ControlUse:
    """What starting tasks took in a step. kind: see ``dataflow.plan.Control``.

    signals: messages to and from the controller, or semaphore operations. busy_s: time the controller
    (or, without one, all cores together) spent on them. overhead_s: what cores lost by it, together.
    """

    kind: str
    signals: float
    busy_s: float
    utilisation: float
    overhead_s: float


@dataclass(frozen=True)
class BufferUse:
    """A buffer between two stages: how many samples it holds, mean and most, and how long it was full.

    tensor: which one, which region of it, and where. holds: the tensor alone. stalled_s: how
    long, in all, its producer waited for room.
    """

    tensor: str
    holds: str
    producer: str
    consumer: str
    capacity: int
    mean: float
    peak: int
    full_fraction: float
    stalled_s: float


@dataclass(frozen=True)
class StageUse:
    """A processor as a stage: how long it computes for one sample, and what part of the interval that is."""

    processor: str
    layers: tuple[str, ...]
    time_s: float
    occupied: float


@dataclass(frozen=True)
class PipelineUse:
    """A hardware pipeline: samples stream through stages.

    interval_s: the initiation interval, between two samples that leave, once filled. fill_s: until the
    first sample leaves. drain_s: from when the last sample enters until it leaves. latency: of
    samples, from entering to leaving. bottleneck: the stage that sets the interval.
    balanced_interval_s: the interval if all stages took equally long. Both intervals are None of a
    single sample, which none follows.
    """

    samples: int
    interval_s: float | None
    fill_s: float
    drain_s: float
    latency: Latencies
    stages: tuple[StageUse, ...]
    buffers: tuple[BufferUse, ...]
    bottleneck: str
    balanced_interval_s: float | None


@dataclass(frozen=True)
class Metrics:
    """Everything measured of a run.

    traffic: by the memories it leaves and reaches. collectives: by kind and algorithm, beside
    them ``send`` for what is part of none and ``load`` for the next batch. dimensions: by mesh
    axes along which the members of a collective or both ends of a send differ; ``other`` where
    they differ along none, ``load`` for the next batch. idleness: of each core that shares an address
    space. control: None where tasks start by themselves at no cost. pipeline: None unless the
    experiment's mode is ``pipeline``. memory_map: what is stored in which bank of an address space.
    engines: the part of the step in which each is busy. sample_latency: None where a step trains.
    input: None where batches are not made of files.
    """

    steps: int
    batch: int
    step_time_s: float
    images_per_s: float
    training_days: float
    cold_start_s: float
    phases: Mapping[str, float]
    processors: Mapping[str, ProcessorUse]
    memories: Mapping[str, MemoryUse]
    links: Mapping[str, LinkUse]
    traffic: Mapping[tuple[str, str], Traffic]
    collectives: tuple[CommunicationTime, ...]
    dimensions: tuple[CommunicationTime, ...]
    bubble: Bubble
    transfers: tuple[Transfer, ...]
    transfer_latency: Latencies
    layers: tuple[LayerTime, ...]
    critical_path: tuple[PathPart, ...]
    limits: tuple[Limit, ...]
    idleness: Mapping[str, Idleness] = field(default_factory=dict)
    control: ControlUse | None = None
    pipeline: PipelineUse | None = None
    memory_map: tuple[BankUse, ...] = ()
    engines: Mapping[str, float] = field(default_factory=dict)
    sample_latency: Latencies | None = None
    input: InputPath | None = None
