"""Hardware as YAML writes it: every constant with its unit and its source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Literal

from annotated_types import Ge, Le, Len
from pydantic import ConfigDict, Discriminator

from topologies.constants import (
    STRICT,
    Bandwidth,
    Capacity,
    Duration,
    Fraction,
    Multiple,
    Name,
    Number,
    PixelRate,
    Size,
    Source,
)
from topologies.interconnects import Interconnect
from topologies.processor_document import ProcessorDocument, ProcessorModel
from topologies.space_document import SpaceDocument

__all__ = ["STRICT", "HardwareDocument", "LinkDocument", "MachineDocument", "Name", "Source"]


@dataclass(frozen=True, kw_only=True)
class HostMemory:
    """Memory of a host. bandwidth: that of making batches; without one it is never in the way."""

    capacity: Capacity
    bandwidth: Bandwidth | None = None


@dataclass(frozen=True, kw_only=True)
class InputDocument:
    """How a host makes batches of JPEG files, with ``training.input: jpeg``.

    cores: that do nothing else, each with an image of its own. decode, augment: pixels a second of
    one core, of the stored picture and of the crop. buffers: batches in preparation, ready or being loaded
    that there is room for.
    """

    cores: Number
    decode: PixelRate
    augment: PixelRate
    buffers: Annotated[int, Ge(1), Le(64)] = 2


@dataclass(frozen=True, kw_only=True)
class HostDocument:
    """Where the batches come from; or ``count`` of them, whose numbers follow the name."""

    memory: HostMemory
    input: InputDocument | None = None
    count: Multiple | None = None


@dataclass(frozen=True, kw_only=True)
class PacketSizes:
    """How a message is cut: at most ``payload`` in a packet, with a ``header`` each."""

    payload: Size
    header: Size
    source: Source


@dataclass(frozen=True, kw_only=True)
class AttainedBySize:
    """[message size, fraction of the bandwidth] pairs, interpolated between, constant beyond."""

    points: Annotated[tuple[tuple[Size, Fraction], ...], Len(1)]
    source: Source


@dataclass(frozen=True, kw_only=True)
class LinkDocument:
    """A kind of link, and each pair of nodes that one of them connects.

    duplex: ``full`` when both directions carry data at once, ``half`` when they take turns.
    sharing: ``fifo`` carries one transfer at a time, ``fair`` shares the bandwidth max-min.
    message_overhead: what each message costs beside the latency.
    """

    bandwidth: Bandwidth
    latency: Duration
    duplex: Literal["full", "half"]
    sharing: Literal["fifo", "fair"] = "fifo"
    message_overhead: Duration | None = None
    packets: PacketSizes | None = None
    attained: AttainedBySize | None = None
    connects: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, kw_only=True)
class MachineDocument:
    """A machine: processors of some models, address spaces of cores, hosts, switches, and links between them.

    interconnect: what generates switches and connections, in order. routing: how one of several
    equally short routes is chosen, the first by name or by a hash of the flow (ECMP). routes:
    node by node from one memory to another and back, whatever is shorter.
    """

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: Source
    description: str = ""
    models: Mapping[Name, ProcessorModel] = field(default_factory=dict)
    processors: Mapping[Name, ProcessorDocument] = field(default_factory=dict)
    spaces: Mapping[Name, SpaceDocument] = field(default_factory=dict)
    hosts: Mapping[Name, HostDocument] = field(default_factory=dict)
    links: Mapping[Name, LinkDocument] = field(default_factory=dict)
    switches: tuple[Name, ...] = ()
    interconnect: tuple[Annotated[Interconnect, Discriminator("kind")], ...] = ()
    routing: Literal["shortest", "ecmp"] = "shortest"
    routes: tuple[Annotated[tuple[str, ...], Len(2)], ...] = ()


@dataclass(frozen=True, kw_only=True)
class ClusterDocument:
    """A machine ``count`` times; node ``gpu0`` of the first is called ``NAME0/gpu0``."""

    of: MachineDocument
    count: Multiple
    name: Name = "node"


@dataclass(frozen=True, kw_only=True)
class HardwareDocument(MachineDocument):
    """A machine, or a cluster of one with what joins its copies."""

    cluster: ClusterDocument | None = None
