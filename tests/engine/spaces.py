"""Machines built by hand whose processors share address spaces, some of these made of banks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from hypothesis import strategies as st

from dataflow.bank import Bank
from dataflow.cost import CostModel, Roofline
from dataflow.hardware import Hardware, Link, Memory, Processor
from tests.engine.worlds import PLENTY

ROOFLINE = Roofline(1e12, 1e12, 0, {})
"""A FLOP and a byte take one picosecond each."""


def cores(count: int) -> list[str]:
    """core0, core1 and so on."""
    return [f"core{index}" for index in range(count)]


def machine_of(
    spaces: Mapping[str, Sequence[str]],
    banks: Mapping[str, Sequence[Bank]] | None = None,
    *,
    cost: CostModel = ROOFLINE,
    hosts: Sequence[str] = ("host",),
    copy_overhead_ps: int = 0,
    floats: bool = True,
) -> Hardware:
    """Processors in memories, each joined to each other by a link of 1 byte/ps, and hosts.

    A memory with the name of its only processor is that processor's own.
    """
    processors = {
        name: Processor(
            name, "p", cost, int(memory == name), 0, memory="" if memory == name else memory, floats=floats
        )
        for memory, names in spaces.items()
        for name in names
    }
    names = list(dict.fromkeys((*spaces, *hosts)))
    memories = {
        name: Memory(
            name,
            PLENTY,
            tuple((banks or {}).get(name, ())),
            copy_engines=0 if name in processors or name in hosts else 1,
            copy_overhead_ps=copy_overhead_ps,
        )
        for name in names
    }
    links = tuple(
        Link(f"{a}->{b}", "wire", a, b, 1e12, 0, f"{a}->{b}") for a in names for b in names if a != b
    )
    return Hardware("spaces", processors, memories, links, hosts=tuple(hosts))


def nic(
    count: int, banks: Sequence[Bank] = (), *, cost: CostModel = ROOFLINE, floats: bool = True
) -> Hardware:
    """So many cores in one address space, and a host."""
    return machine_of({"nic": cores(count)}, {"nic": banks}, cost=cost, floats=floats)


def small_banks(
    count: int, local_bytes: int = 1024, shared_bytes: int = 4096, far_bytes: int = PLENTY
) -> tuple[Bank, ...]:
    """Next-neighbour registers and memory of each core, and two memories that all and the DMA reach."""
    names = cores(count)
    everyone = (*names, "nic")
    return (
        *(Bank(f"{a}.nn", "nn", 64, (a, b), passes_on=True) for a, b in pairwise(names)),
        *(Bank(f"{name}.local", "local", local_bytes, (name,)) for name in names),
        Bank("near", "ctm", shared_bytes, everyone),
        Bank("far", "emem", far_bytes, everyone),
    )


@st.composite
def machines_with_spaces(draw: st.DrawFn) -> Hardware:
    """Up to six processors over up to three memories, of which one may be the host's and some have banks."""
    count = draw(st.integers(2, 6))
    where = [draw(st.integers(0, 2)) for _ in range(count)]
    names = ["a", "b", "host" if draw(st.booleans()) else "c"]
    spaces = {
        name: [f"p{index}" for index, at in enumerate(where) if at == number]
        for number, name in enumerate(names)
        if number in where
    }
    banks = {
        name: (
            *(Bank(f"{each}.local", "local", draw(st.sampled_from((64, 1024))), (each,)) for each in there),
            Bank(f"{name}.all", "ctm", PLENTY, (*there, name)),
        )
        for name, there in spaces.items()
        if draw(st.booleans())
    }
    return machine_of(spaces, banks)
