"""Machines of links, and transfers on them that start at given times, run through the whole simulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

from dataflow.cost import Cost, Work
from dataflow.hardware import Hardware, Link, Memory, Packets, Processor, Sharing
from dataflow.ops import Phase
from dataflow.placement import PlacedGraph, PlacedTask, Shard, TaskKind
from dataflow.placement.placed_task import Piece, Read
from dataflow.region import Region
from dataflow.simulation import simulate
from dataflow.tensor import Tensor, TensorKind
from dataflow.trace import Trace
from tests.engine.timing import Unlimited
from tests.engine.worlds import experiment, fc, network, placed
from tests.engine.worlds import machine as meshed

B_PER_PS = 1e12
"""The bandwidth of one byte a picosecond."""


@dataclass(frozen=True)
class Send:
    """So many bytes to be sent from one memory to another, from a time on."""

    source: str
    destination: str
    bytes: int
    start_ps: int = 0


@dataclass(frozen=True)
class Wire:
    """A link both ways between two nodes; bandwidths in bytes a picosecond there and, if others, back."""

    first: str
    second: str
    there: float = 1.0
    back: float | None = None
    latency_ps: int = 0
    half_duplex: bool = False
    sharing: Sharing = "fair"
    overhead_ps: int = 0
    packets: Packets | None = None
    attained: tuple[tuple[int, float], ...] = ()

    def links(self) -> tuple[Link, Link]:
        """One for each direction."""
        one, other = self.first, self.second
        channel = f"{one}--{other}"
        ways = ((one, other, self.there), (other, one, self.there if self.back is None else self.back))
        first, second = (
            Link(
                f"{a}->{b}",
                "wire",
                a,
                b,
                speed * B_PER_PS,
                self.latency_ps,
                channel if self.half_duplex else f"{a}->{b}",
                self.sharing,
                self.overhead_ps,
                self.packets,
                self.attained,
            )
            for a, b, speed in ways
        )
        return first, second


@dataclass(frozen=True)
class Clock(Unlimited):
    """A processor on which a task takes as many picoseconds as it has FLOP."""

    peak_flops: float = field(default=1e12)

    def cost(self, work: Work) -> Cost:
        """One picosecond a FLOP."""
        return Cost(work.flop, "compute")


def machine(
    wires: Sequence[Wire],
    switches: Sequence[str] = (),
    *,
    engines: int = 100,
    overhead_ps: int = 0,
    routes: Mapping[tuple[str, str], tuple[str, ...]] | None = None,
) -> Hardware:
    """Every node that is no switch is a processor; ``clock``, linked to the first, measures time."""
    ends = dict.fromkeys(end for wire in wires for end in (wire.first, wire.second))
    names = [name for name in ends if name not in switches]
    processors = {name: Processor(name, "p", Clock(), engines, overhead_ps) for name in names}
    processors["clock"] = Processor("clock", "clock", Clock(), 0, 0)
    links = [link for wire in wires for link in wire.links()]
    return Hardware(
        "wires",
        processors,
        {name: Memory(name, 1 << 60) for name in processors},
        (*links, *Wire("clock", names[0]).links()),
        switches=tuple(switches),
        routes=routes or {},
    )


@cache
def _any_graph() -> PlacedGraph:
    """A placed graph of which only the parts are kept that do not matter here."""
    return placed(experiment(network({"a": fc(2)}), meshed(1)))


def run(hardware: Hardware, sends: Sequence[Send]) -> Trace:
    """The trace of these transfers, checked as every trace is; ``clock`` counts to their starts."""
    shards: dict[str, Shard] = {}
    tasks: list[PlacedTask] = []
    times = sorted({send.start_ps for send in sends if send.start_ps})
    for before, time in zip([0, *times], times, strict=False):
        after = (f"clock {before}",) if before else ()
        tasks.append(
            PlacedTask(
                name=f"clock {time}",
                kind=TaskKind.SUM,
                layer="a",
                phase=Phase.FORWARD,
                order=len(tasks),
                reads=(),
                writes={},
                flop=time - before,
                bytes=0,
                processor="clock",
                after=after,
            )
        )
    for number, send in enumerate(sends):
        tensor = Tensor(f"t{number}", 0, TensorKind.PARAMETER, ("byte",), (max(1, send.bytes),), "uint8", "a")
        copied = replace(tensor, base=f"c{number}")
        region = Region.whole(tensor.shape)
        source = Shard(f"t{number}@0 on {send.source}", tensor, region, send.source)
        copy = Shard(f"c{number}@0 on {send.destination}", copied, region, send.destination)
        shards |= {source.name: source, copy.name: copy}
        tasks.append(
            PlacedTask(
                name=f"send {number}",
                kind=TaskKind.TRANSFER,
                layer="a",
                phase=Phase.FORWARD,
                order=len(tasks),
                reads=(Read("source0", region, (Piece(source.name, region),)),),
                writes={"copy0": copy.name},
                flop=0,
                bytes=send.bytes,
                ends=(send.source, send.destination),
                after=(f"clock {send.start_ps}",) if send.start_ps else (),
            )
        )
    return simulate(
        replace(_any_graph(), hardware=hardware, shards=shards, homes={}, tasks=tuple(tasks))
    ).trace


def times_of(hardware: Hardware, sends: Sequence[Send]) -> list[tuple[int, int]]:
    """When each transfer starts and ends."""
    found = {span.name: (span.start_ps, span.end_ps) for span in run(hardware, sends).spans}
    return [found[f"send {number}"] for number in range(len(sends))]
