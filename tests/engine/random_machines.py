"""Hypothesis generators of machines: a few unequal processors, hosts, and every way to join them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from hypothesis import strategies as st

from dataflow.cost import Roofline
from dataflow.hardware import Hardware, Link, Memory, Packets, Processor
from tests.engine.worlds import PLENTY

RATES = st.sampled_from((1e11, 3e11, 1e12))
TIMES = st.sampled_from((0, 7, 1000))
ATTAINED = ((64, 0.25), (512, 0.5), (4096, 1.0))


@dataclass(frozen=True)
class Wiring:
    """Who is joined to whom, which nodes are switches, and the machine each processor is in."""

    pairs: tuple[tuple[str, str], ...]
    hosts: tuple[str, ...] = ("host",)
    switches: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()


@st.composite
def machines(draw: st.DrawFn, most: int = 4) -> Hardware:
    """Processors of unequal speed, one host or two, and links that are exclusive or shared."""
    count = draw(st.one_of(*[st.integers(1, most)] * 4, st.just(6)))
    names = [f"p{index}" for index in range(count)]
    wiring = draw(_wirings(names))
    fair = draw(st.sampled_from(("none", "all", "some")))
    links: list[Link] = []
    for a, b in wiring.pairs:
        links += draw(_both_ways(a, b, fair))
    reducing = draw(st.sampled_from(("none", "all", "some")))
    processors = {
        name: Processor(
            name,
            "p",
            Roofline(draw(RATES), draw(RATES), draw(TIMES) + 1, {}),
            draw(st.integers(1, 2)),
            draw(TIMES),
            reduces=reducing == "all" or (reducing == "some" and draw(st.booleans())),
            node=wiring.nodes[index] if wiring.nodes else "",
        )
        for index, name in enumerate(names)
    }
    return Hardware(
        "random",
        processors,
        {name: Memory(name, PLENTY) for name in (*names, *wiring.hosts)},
        tuple(links),
        wiring.hosts,
        wiring.switches,
        routing=draw(st.sampled_from(("shortest", "ecmp"))),
    )


@st.composite
def _both_ways(draw: st.DrawFn, a: str, b: str, fair: str) -> list[Link]:
    """A link there and a link back, of one channel when it is half duplex."""
    rate, latency_ps, half = draw(RATES), draw(TIMES), draw(st.booleans())
    shared = fair == "all" or (fair == "some" and draw(st.booleans()))
    packets = draw(st.sampled_from((None, None, Packets(32, 4))))
    overhead_ps, attained = draw(st.sampled_from((0, 0, 5))), draw(st.sampled_from(((), (), ATTAINED)))
    return [
        Link(
            f"{x}->{y}",
            "wire",
            x,
            y,
            rate,
            latency_ps,
            f"{a}--{b}" if half else f"{x}->{y}",
            "fair" if shared else "fifo",
            overhead_ps,
            packets,
            attained,
        )
        for x, y in ((a, b), (b, a))
    ]


@st.composite
def _wirings(draw: st.DrawFn, names: Sequence[str]) -> Wiring:
    """A star, a full mesh, a line, a PCIe tree, or two machines that a network joins."""
    nodes = [*names, "host"]
    match draw(st.sampled_from(("star", "mesh", "line", "tree", "two", "two"))):
        case "star":
            return Wiring(tuple((node, "switch") for node in nodes), switches=("switch",))
        case "mesh":
            return Wiring(tuple((a, b) for a in nodes for b in nodes if a < b))
        case "line":
            return Wiring(tuple(pairwise(nodes)))
        case "tree":
            below = [(name, f"bridge{index % 2}") for index, name in enumerate(names)]
            above = [("bridge0", "root"), ("bridge1", "root"), ("root", "host")]
            return Wiring((*below, *above), switches=("root", "bridge0", "bridge1"))
    half = (len(names) + 1) // 2
    where = [index // half for index in range(len(names))]
    inside = [(name, f"switch{place}") for name, place in zip(names, where, strict=True)]
    hosts = [(f"host{place}", f"switch{place}") for place in (0, 1)]
    spines = ("spine0", "spine1") if draw(st.booleans()) else ("spine0",)
    between = [(f"switch{place}", spine) for place in (0, 1) for spine in spines]
    return Wiring(
        (*inside, *hosts, *between),
        hosts=("host0", "host1"),
        switches=("switch0", "switch1", *spines),
        nodes=tuple(f"n{place}" for place in where),
    )
