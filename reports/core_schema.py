"""What report.json holds of cores that share an address space, of pipelines and of number formats."""

from __future__ import annotations

from pydantic import Field

from reports.entry import Entry, FiniteOrNone


class StoredEntry(Entry):
    """A tensor, or a region of one, in a bank."""

    tensor: str
    region: str = Field(description="such as '[0:4]'; empty for all of it")
    kind: str
    bytes: int = Field(description="all the room it takes")
    copies: int = Field(1, description="for how many values that is room: those of several steps in a buffer")
    misses: bool = Field(False, description="whether the bank's cache has no room for it")
    part_of: str = Field("", description="the tensor that it is a part of the sum of; empty for none")


class BankEntry(Entry):
    """A bank of an address space and what has its fixed place there."""

    memory: str = Field(description="the address space")
    name: str
    kind: str = Field(description="such as 'ctm'")
    capacity_bytes: int
    cache_bytes: int = Field(0, description="of a cache in front of it")
    used_bytes: int
    cached_bytes: int = Field(0, description="of what is stored, always in the cache")
    reached_by: tuple[str, ...] = Field(description="processors that read and write it")
    stored: tuple[StoredEntry, ...] = Field(description="largest first")


class IdlenessEntry(Entry):
    """Why a core did not compute, in seconds of a step: the whole run over its steps."""

    signal_s: float = Field(description="what it reads was there, but no signal yet")
    input_s: float = Field(description="what it reads was not there")
    memory_s: float = Field(description="in its tasks, for memory that its threads could not hide")
    engine_s: float = Field(description="in its tasks, for shared engines that others kept busy")
    idle_s: float = Field(description="it had no more to do")


class ControlEntry(Entry):
    """What starting tasks took in a step."""

    kind: str = Field(description="dataflow, static or dynamic")
    signals: float = Field(description="messages to and from the controller, or semaphore operations")
    busy_s: float = Field(description="what the controller spent on them; without one, all cores together")
    utilisation: float
    overhead_s: float = Field(description="what cores lost by it, together")


class LatencyEntry(Entry):
    """Percentiles (nearest rank) of transfers' time from ready to end."""

    count: int
    p50_s: float
    p99_s: float
    max_s: float


class SampleLatencyEntry(LatencyEntry):
    """Percentiles (nearest rank) of samples' time from entering to leaving."""

    drawn: bool = Field(False, description="whether latencies were drawn within their published ranges")


class StageEntry(Entry):
    """A processor as a stage of a pipeline."""

    processor: str
    layers: tuple[str, ...]
    time_s: float = Field(description="how long it computes for one sample")
    occupied: float = Field(description="share of the interval, or of a single sample, that it computes")


class BufferEntry(Entry):
    """A buffer between two stages."""

    tensor: str = Field(description="which region of which tensor, and where")
    holds: str = Field(description="the tensor alone")
    producer: str
    consumer: str
    capacity: int = Field(description="samples it holds at most")
    mean: float = Field(description="samples in it, averaged over time")
    peak: int = Field(description="the most samples that were in it")
    full_fraction: float = Field(description="share of the time in which it was full")
    stalled_s: float = Field(description="how long, in all, its producer waited for room")


class PipelineEntry(Entry):
    """A hardware pipeline: samples stream through stages."""

    samples: int
    interval_s: float | None = Field(
        description="initiation interval: between two samples that leave, once filled; null of a single one"
    )
    fill_s: float = Field(description="until the first sample leaves")
    drain_s: float = Field(description="from when the last sample enters until it leaves")
    latency: SampleLatencyEntry
    stages: tuple[StageEntry, ...]
    buffers: tuple[BufferEntry, ...]
    bottleneck: str = Field(description="the stage that sets the interval")
    balanced_interval_s: float | None = Field(
        description="the interval if all stages took equally long; null of a single sample"
    )


class TensorPrecisionEntry(Entry):
    """What a number format did to one tensor."""

    tensor: str
    kind: str
    dtype: str
    values: int = Field(description="numbers rounded into it, over the whole run")
    saturated: int = Field(description="of these, beyond the format")
    underflowed: int = Field(description="updates that left it as it was although its gradient was not zero")
    scale: FiniteOrNone = Field(description="largest magnitude in float32; null without a comparison")
    rms_error: FiniteOrNone = Field(description="root mean square of the differences from float32")
    max_error: FiniteOrNone = Field(description="largest absolute difference from float32")


class PrecisionEntry(Entry):
    """What number formats cost."""

    reference: str = Field(description="what computed the same in float32; empty for nothing")
    tensors: tuple[TensorPrecisionEntry, ...]


class TensorValuesEntry(Entry):
    """All values of a tensor of the last step, or that it starts from."""

    tensor: str = Field(description="with its version: step k starts from @k and leaves @(k + 1)")
    kind: str
    layer: str
    dtype: str
    shape: tuple[int, ...]
    values: tuple[FiniteOrNone, ...] = Field(
        description="in the order of its elements, the last axis fastest"
    )
    reference: tuple[FiniteOrNone, ...] | None = Field(description="the same in float32; null if that is it")
