"""What report.json holds: its fields, in the order they are written.

All times are seconds of simulated time and, like bytes and FLOP, those of one step
unless a field says otherwise. A number that is not finite is written as null.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from reports.core_schema import (
    BankEntry,
    ControlEntry,
    IdlenessEntry,
    LatencyEntry,
    PipelineEntry,
    PrecisionEntry,
    SampleLatencyEntry,
    TensorValuesEntry,
)
from reports.entry import Entry, FiniteOrNone
from reports.input_schema import InputPathEntry
from reports.plan_schema import PlanEntry

VERSION: Literal["2"] = "2"
"""The version of the format; it changes when a field changes its name or meaning, or goes."""


class NetworkEntry(Entry):
    """What was trained."""

    name: str
    parameters: int = Field(description="weights and biases")
    examples: str = Field(description="what a batch is made of: images, or sequences of tokens")
    macs_per_image: int = Field(description="multiply-accumulates of one image's forward pass")
    forward_flop_per_image: int = Field(description="two for each multiply-accumulate")


class HardwareEntry(Entry):
    """What it was trained on."""

    name: str
    description: str
    processors: int
    links: int = Field(description="directions of links")


class TrainingEntry(Entry):
    """How it was trained, beyond batch, steps, seed and dtype."""

    epochs: int
    images_per_epoch: int
    learning_rate: float
    momentum: float
    weight_decay: float


class OverrideEntry(Entry):
    """A field set from outside the YAML files."""

    path: str
    value: str


class ExposureEntry(Entry):
    """Time a processor was idle for the transfers of one layer and phase."""

    layer: str
    phase: str
    time_s: float


class ProcessorEntry(Entry):
    """What a processor did in a step."""

    model: str
    busy_s: float
    utilisation: float = Field(description="busy share of the step")
    flop: int
    attained_flops: float = Field(description="FLOP over step time, FLOP/s")
    peak_flops: float = Field(description="what it cannot exceed, FLOP/s")
    communication_exposed_s: float = Field(description="idle while it waited for transfers")
    communication_hidden_s: float = Field(description="transfers to or from it that kept it from nothing")
    waiting_for_others_s: float = Field(description="idle while others computed what it needed next")
    exposed_by: tuple[ExposureEntry, ...]
    peak_memory_bytes: int
    memory_capacity_bytes: int
    waiting_for_input_s: float = Field(0.0, description="idle while hosts prepared batches")


class HoldingEntry(Entry):
    """A tensor in a memory."""

    tensor: str
    kind: str
    bytes: int


class MemoryEntry(Entry):
    """A memory at its fullest."""

    capacity_bytes: int
    peak_bytes: int
    peak_at_s: float = Field(description="since the first step began; negative in the cold start")
    by_kind: dict[str, int] = Field(description="bytes at the peak by kind of tensor, largest first")
    holdings: tuple[HoldingEntry, ...] = Field(description="the largest tensors at the peak")
    other_holdings: int = Field(description="how many more tensors there were")
    other_bytes: int = Field(description="the bytes of those")


class MovementEntry(Entry):
    """What one layer and phase put on a link, or moved from one memory to another."""

    layer: str
    phase: str
    bytes: int
    time_s: float = Field(description="while any of it was passing")


class LinkEntry(Entry):
    """One direction of a link."""

    bytes: int
    busy_s: float = Field(description="while anything passed, however many transfers shared it")
    utilisation: float = Field(description="busy share of the step")
    movements: tuple[MovementEntry, ...]


class TrafficEntry(Entry):
    """All that went from one memory to another, over however many links."""

    source: str
    destination: str
    transfers: int
    bytes: int
    loaded_bytes: int = Field(description="of the bytes those of the next batch")
    busy_s: float = Field(description="while at least one of the transfers was on its way")
    movements: tuple[MovementEntry, ...]


class CommunicationEntry(Entry):
    """What the transfers of one collective, or along one mesh axis, took."""

    name: str
    transfers: int
    bytes: int
    busy_s: float = Field(description="while at least one of its transfers or sums went on")
    exposed_s: float = Field(description="what processors were idle for its transfers, all together")


class BubbleEntry(Entry):
    """Idle shares from a step's first forward to its last gradient task."""

    fraction: float = Field(description="1 - busy / (span_s * processors)")
    span_s: float = Field(description="from the first forward to the end of the last gradient task")
    processors: dict[str, float] = Field(
        description="of those with forward or gradient tasks, each one's own"
    )


class TransferEntry(Entry):
    """One transfer of one step; times are since the beginning of the run."""

    layer: str
    phase: str
    step: int
    source: str
    destination: str
    bytes: int
    ready_s: float = Field(description="when what it carries was there")
    start_s: float
    end_s: float
    collective: str = Field(description="such as 'all-reduce ring'; empty for a plain send")
    dimension: str = Field(description="mesh axes it goes along, such as 'data' or 'data+model'")


class LayerEntry(Entry):
    """What the tasks of one layer and phase took, summed over processors."""

    name: str
    phase: str
    time_s: float
    flop: int
    bytes: int = Field(description="read and written by its tasks")
    transfer_bytes: int = Field(description="moved between memories for it")
    exposed_s: float = Field(description="what processors were idle for its transfers")
    hidden_s: float = Field(description="its transfers while the processors at their ends waited for none")
    bound: str = Field(description="what set most of the time: compute, memory, engine, launch or link")


class PathEntry(Entry):
    """What a share of the critical path was spent on."""

    what: str
    time_s: float
    share: float


class LimitEntry(Entry):
    """The step time if one kind of resource were twice as fast."""

    resource: str
    step_time_s: float
    gain: float = Field(description="how many times faster the step would be")


class TensorEntry(Entry):
    """How far two computations of one tensor are apart."""

    tensor: str
    kind: str
    shape: tuple[int, ...]
    scale: FiniteOrNone = Field(description="largest magnitude in the reference")
    max_absolute_error: FiniteOrNone
    max_relative_error: FiniteOrNone = Field(description="over the scale; null when not finite")
    passed: bool


class VerificationEntry(Entry):
    """The run's tensors against a reference."""

    passed: bool
    reference: str
    dtype: str
    worst_tensor: str | None
    max_relative_error: FiniteOrNone
    tolerance: float
    missing: tuple[str, ...] = Field(description="tensors that only one side has")
    tensors: tuple[TensorEntry, ...]


class ConstantEntry(Entry):
    """One number of the hardware's description and who measured it."""

    path: str
    value: str
    source: str
    where: str


class Report(Entry):
    """Everything one run of Dataflow has to say; see docs/report.md."""

    version: Literal["2"] = Field(description="of this format")
    experiment: str
    description: str
    network: NetworkEntry
    hardware: HardwareEntry
    plan: PlanEntry
    batch: int = Field(description="images a step, over all processors")
    steps: int = Field(description="how many were simulated")
    dtype: str
    backend: str
    seed: int
    training: TrainingEntry
    overrides: tuple[OverrideEntry, ...]
    step_time_s: float
    images_per_s: float
    training_days: float = Field(description="for training.epochs of training.images_per_epoch")
    cold_start_s: float = Field(description="loading the first batch; in no other number")
    losses: tuple[FiniteOrNone, ...] | None = Field(description="mean loss of each step")
    limits: tuple[LimitEntry, ...] = Field(description="best first")
    critical_path: tuple[PathEntry, ...] = Field(description="largest first; adds up to the step time")
    phases: dict[str, float] = Field(description="busy time of all processors together, by phase")
    processors: dict[str, ProcessorEntry]
    memories: dict[str, MemoryEntry]
    links: dict[str, LinkEntry] = Field(description="by A->B")
    traffic: tuple[TrafficEntry, ...] = Field(description="the communication matrix, without its zeros")
    collectives: tuple[CommunicationEntry, ...] = Field(description="by kind and algorithm; send; load")
    dimensions: tuple[CommunicationEntry, ...] = Field(description="by mesh axes; other; load")
    bubble: BubbleEntry
    transfer_latency: LatencyEntry
    layers: tuple[LayerEntry, ...]
    verification: VerificationEntry | None
    warnings: tuple[str, ...]
    versions: dict[str, str] = Field(description="of Dataflow, Python and the libraries that took part")
    constants: tuple[ConstantEntry, ...]
    transfers: tuple[TransferEntry, ...] = Field(description="all of them, of all steps")
    mode: str = Field("training", description="training, inference or pipeline: what a step is")
    memory_map: tuple[BankEntry, ...] = Field((), description="banks of address spaces")
    idleness: dict[str, IdlenessEntry] = Field(
        default_factory=dict, description="by core that shares an address space"
    )
    engines: dict[str, float] = Field(
        default_factory=dict, description="share of the step in which each shared engine is busy"
    )
    control: ControlEntry | None = Field(None, description="null where tasks start at no cost")
    pipeline: PipelineEntry | None = Field(None, description="null unless mode is pipeline")
    precision: PrecisionEntry | None = Field(None, description="null of floating point")
    sample_latency: SampleLatencyEntry | None = Field(None, description="null where a step trains")
    values: tuple[TensorValuesEntry, ...] = Field((), description="of a network that has few: all of them")
    input: InputPathEntry | None = Field(None, description="null unless hosts make batches of files")
