"""Hardware as YAML writes it: every constant with its unit and its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Gt, Le
from pydantic import ConfigDict, Field

from topologies.units import Measure

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)
"""No unknown keys and no coercion; the dataclasses below a document inherit it."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_/-]*$")]
"""Letters, digits, ``_``, ``-`` and ``/``; no dots, which separate the keys of ``--set``."""
Source = Annotated[str, Field(pattern=r"\S")]
"""Who measured or published a constant, or that it is assumed."""
Fraction = Annotated[float, Gt(0), Le(1)]

_FLOPS = Measure("computing speed", "FLOP / second", "GFLOP/s", whole=False)
_BANDWIDTH = Measure("bandwidth", "byte / second", "GB/s", whole=False)
_SIZE = Measure("size", "byte", "GiB", whole=True)
_TIME = Measure("time", "picosecond", "us", whole=True, zero=True, most=(10**18, "1,000,000 s"))


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Floating-point operations a second."""

    value: Annotated[float, _FLOPS]
    source: Source


@dataclass(frozen=True, kw_only=True)
class Bandwidth:
    """Bytes a second."""

    value: Annotated[float, _BANDWIDTH]
    source: Source


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Bytes."""

    value: Annotated[int, _SIZE]
    source: Source


@dataclass(frozen=True, kw_only=True)
class Duration:
    """Picoseconds."""

    value: Annotated[int, _TIME]
    source: Source


@dataclass(frozen=True, kw_only=True)
class Number:
    """A count."""

    value: Annotated[int, Ge(1)]
    source: Source


@dataclass(frozen=True, kw_only=True)
class Attained:
    """Fractions of peak FLOP/s and of memory bandwidth; what is left out, the default has."""

    compute: Fraction | None = None
    memory: Fraction | None = None
    source: Source


@dataclass(frozen=True, kw_only=True)
class _OfKind:
    """Fractions of every pass of one kind of op, and of single passes where they differ."""

    compute: Fraction | None = None
    memory: Fraction | None = None
    source: Source | None = None
    forward: Attained | None = None
    input_gradient: Attained | None = None


@dataclass(frozen=True, kw_only=True)
class OfLearned(_OfKind):
    """Fractions of an op with weights."""

    weight_gradient: Attained | None = None


@dataclass(frozen=True, kw_only=True)
class OfFixed(_OfKind):
    """Fractions of an op without weights."""


@dataclass(frozen=True, kw_only=True)
class OfForward:
    """Fractions of an op with a forward pass alone."""

    compute: Fraction | None = None
    memory: Fraction | None = None
    source: Source | None = None
    forward: Attained | None = None


@dataclass(frozen=True, kw_only=True)
class OfUpdate:
    """Fractions of the update of weights."""

    compute: Fraction | None = None
    memory: Fraction | None = None
    source: Source | None = None
    update: Attained | None = None


@dataclass(frozen=True, kw_only=True)
class Efficiencies:
    """What code attains of a processor, by kind of op; ``default`` for what is not named."""

    default: Attained | None = None
    convolution: OfLearned | None = None
    fully_connected: OfLearned | None = None
    max_pooling: OfFixed | None = None
    average_pooling: OfFixed | None = None
    local_response_normalization: OfFixed | None = None
    relu: OfFixed | None = None
    tanh: OfFixed | None = None
    sigmoid: OfFixed | None = None
    dropout: OfFixed | None = None
    softmax_cross_entropy: OfFixed | None = None
    momentum_sgd: OfUpdate | None = None
    accumulate: OfForward | None = None


OfKind = OfLearned | OfFixed | OfForward | OfUpdate


@dataclass(frozen=True, kw_only=True)
class ComputeModel:
    """How long a task takes: launch overhead + max(FLOP / attained, bytes / attained)."""

    cost: Literal["roofline"]
    peak: Speed
    launch_overhead: Duration
    efficiency: Efficiencies = Efficiencies()


@dataclass(frozen=True, kw_only=True)
class MemoryModel:
    """A processor's own memory."""

    capacity: Capacity
    bandwidth: Bandwidth


@dataclass(frozen=True, kw_only=True)
class CopyModel:
    """How a processor moves tensors.

    engines: transfers it drives while it computes. overhead: of each transfer.
    """

    engines: Number
    overhead: Duration


@dataclass(frozen=True, kw_only=True)
class ProcessorModel:
    """A make of processor."""

    compute: ComputeModel
    memory: MemoryModel
    copy: CopyModel
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class ProcessorDocument:
    """A processor of some model."""

    model: str


@dataclass(frozen=True, kw_only=True)
class HostMemory:
    """Memory of a host."""

    capacity: Capacity


@dataclass(frozen=True, kw_only=True)
class HostDocument:
    """Where the batches come from."""

    memory: HostMemory


@dataclass(frozen=True, kw_only=True)
class LinkDocument:
    """A kind of link, and each pair of nodes that one of them connects.

    duplex: ``full`` when both directions carry data at once, ``half`` when they take turns.
    """

    bandwidth: Bandwidth
    latency: Duration
    duplex: Literal["full", "half"]
    connects: tuple[tuple[str, str], ...]


@dataclass(frozen=True, kw_only=True)
class HardwareDocument:
    """A machine: processors of some models, hosts, switches, and links between them."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: Source
    description: str = ""
    models: Mapping[Name, ProcessorModel]
    processors: Mapping[Name, ProcessorDocument]
    hosts: Mapping[Name, HostDocument] = field(default_factory=dict)
    links: Mapping[Name, LinkDocument] = field(default_factory=dict)
    switches: tuple[Name, ...] = ()
