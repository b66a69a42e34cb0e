"""Processors as YAML writes them: what they compute, hold and move, and how fast."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from annotated_types import Gt, Le
from pydantic import Discriminator

from topologies.constants import (
    Bandwidth,
    Capacity,
    Duration,
    Fraction,
    Multiple,
    Number,
    Source,
    Speed,
)
from topologies.cycles_document import CyclesModel
from topologies.op_kinds import DEFAULT, OP_KINDS, OpKind

__all__ = [
    "DEFAULT",
    "OP_KINDS",
    "Attained",
    "OfKind",
    "ProcessorDocument",
    "ProcessorModel",
    "RooflineModel",
]

_MOST_COMPUTE = 4.0
"""Winograd's F(4x4, 3x3) multiplies four times less than counted (Lavin and Gray 2016); nothing more."""

ComputeFraction = Annotated[float, Gt(0), Le(_MOST_COMPUTE)]
"""Of peak FLOP/s. FLOP are counted as for direct convolution, so that fast algorithms may pass 1."""


@dataclass(frozen=True, kw_only=True)
class Attained:
    """Fractions of peak FLOP/s and of memory bandwidth; what is left out, the default has."""

    compute: ComputeFraction | None = None
    memory: Fraction | None = None
    source: Source


@dataclass(frozen=True, kw_only=True)
class OfKind:
    """Fractions of every pass of one kind of op, and of single passes where they differ."""

    compute: ComputeFraction | None = None
    memory: Fraction | None = None
    source: Source | None = None
    forward: Attained | None = None
    moments: Attained | None = None
    input_gradient: Attained | None = None
    weight_gradient: Attained | None = None
    update: Attained | None = None


@dataclass(frozen=True, kw_only=True)
class RooflineModel:
    """How long a task takes: launch overhead + max(FLOP / attained, bytes / attained).

    efficiency: what code attains, by kind of op; ``default`` for what is not named.
    """

    cost: Literal["roofline"]
    peak: Speed
    launch_overhead: Duration
    efficiency: Mapping[OpKind, OfKind] = field(default_factory=dict)


ComputeModel = Annotated[RooflineModel | CyclesModel, Discriminator("cost")]


@dataclass(frozen=True, kw_only=True)
class MemoryModel:
    """A processor's own memory."""

    capacity: Capacity
    bandwidth: Bandwidth


@dataclass(frozen=True, kw_only=True)
class CopyModel:
    """How a processor moves tensors.

    engines: transfers it drives while it computes. overhead: of each transfer. reduces: what
    arrives is added to what is there on the way, as collective libraries do.
    """

    engines: Number
    overhead: Duration
    reduces: bool = False


@dataclass(frozen=True, kw_only=True)
class ProcessorModel:
    """A make of processor. In its place, ``from`` names the hardware whose model of this name it is.

    memory, copy: of a processor with a memory of its own; cores of an address space have neither.
    """

    compute: ComputeModel
    memory: MemoryModel | None = None
    copy: CopyModel | None = None
    description: str = ""


@dataclass(frozen=True, kw_only=True)
class ProcessorDocument:
    """A processor of some model, or ``count`` of them, whose numbers follow the name.

    node: the machine it is in, for collectives that go inside machines before between them.
    """

    model: str
    count: Multiple | None = None
    node: str = ""
