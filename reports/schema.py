"""What report.json holds: its fields, in the order they are written.

All times are seconds of simulated time and, like bytes and FLOP, those of one step
unless a field says otherwise. A number that is not finite is written as null.
"""

from __future__ import annotations

from math import isfinite
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

VERSION: Literal["1"] = "1"
"""The version of the format; it changes when a field changes its name or meaning, or goes."""


def _finite_or_none(value: object) -> object:
    return None if isinstance(value, float) and not isfinite(value) else value


FiniteOrNone = Annotated[float | None, BeforeValidator(_finite_or_none)]
"""A number that a computation gave and that may not be finite."""


class Entry(BaseModel):
    """Part of a report; no number in it is one that JSON cannot write."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False, from_attributes=True)


class NetworkEntry(Entry):
    """What was trained."""

    name: str
    parameters: int = Field(description="weights and biases")
    macs_per_image: int = Field(description="multiply-accumulates of one image's forward pass")
    forward_flop_per_image: int = Field(description="two for each multiply-accumulate")


class HardwareEntry(Entry):
    """What it was trained on."""

    name: str
    description: str
    processors: int
    links: int = Field(description="directions of links")


class RuleEntry(Entry):
    """How the layers that a pattern matches are placed."""

    shard: dict[str, str] = Field(description="dimension to mesh axis")
    on: tuple[str, ...] = Field(description="the processors that run the layer, if not the whole mesh")


class PlanEntry(Entry):
    """How it was split."""

    mesh: dict[str, int] = Field(description="axis to length")
    processors: tuple[str, ...] = Field(description="those of the mesh; empty for all")
    layers: dict[str, RuleEntry] = Field(description="pattern of layer names to rule; the last that matches")


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
    """What one layer and phase put on a link or route."""

    layer: str
    phase: str
    bytes: int
    time_s: float


class LinkEntry(Entry):
    """One direction of a link, or all that went from one memory to another over several links."""

    kind: Literal["link", "route"]
    bytes: int
    busy_s: float
    utilisation: float
    movements: tuple[MovementEntry, ...]


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


class LatencyEntry(Entry):
    """Percentiles (nearest rank) of transfers' time from ready to end, over all steps."""

    count: int
    p50_s: float
    p99_s: float
    max_s: float


class LayerEntry(Entry):
    """What the tasks of one layer and phase took, summed over processors."""

    name: str
    phase: str
    time_s: float
    flop: int
    bytes: int = Field(description="read and written by its tasks")
    transfer_bytes: int = Field(description="moved between memories for it")
    bound: str = Field(description="what set most of the time: compute, memory, launch or link")


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

    version: Literal["1"] = Field(description="of this format")
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
    transfer_latency: LatencyEntry
    layers: tuple[LayerEntry, ...]
    verification: VerificationEntry | None
    warnings: tuple[str, ...]
    versions: dict[str, str] = Field(description="of Dataflow, Python and the libraries that took part")
    constants: tuple[ConstantEntry, ...]
    transfers: tuple[TransferEntry, ...] = Field(description="all of them, of all steps")
