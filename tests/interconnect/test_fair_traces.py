"""The checker of traces on shared links: bytes that no link could have carried are refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from dataflow.hardware import Hardware, Packets
from dataflow.simulation.check import trace_faults
from dataflow.trace import Span, Trace
from tests.interconnect.sending import Send, Wire, machine, run

STAR = machine([Wire(leaf, "s") for leaf in "abc"], ["s"])
SENDS = (Send("a", "c", 100), Send("b", "c", 100))


def faults(spans: Sequence[Span], hardware: Hardware = STAR) -> list[str]:
    """What is wrong with a trace of these spans."""
    return list(trace_faults(Trace(tuple(spans), (), 0, (1000,)), hardware))


def test_a_possible_trace_passes() -> None:
    """Two transfers of 100 share a link for 200, or have it one after the other."""
    first, second = run(STAR, SENDS).spans
    assert (first.end_ps, second.end_ps) == (200, 200)
    assert faults([first, second]) == []
    assert faults([replace(first, end_ps=100), replace(second, start_ps=100)]) == []


def test_more_than_a_link_carries() -> None:
    """200 bytes cannot pass c's link between 0 and 190, whoever was first; nor in a later interval."""
    first, second = run(STAR, SENDS).spans
    spans = [replace(first, end_ps=190), replace(second, end_ps=190)]
    assert faults(spans) == ["channel 's->c' carries in 190 ps from 0 ps what takes 200 ps"]
    later = [replace(s, ready_ps=500, start_ps=500, end_ps=e) for s, e in ((first, 601), (second, 670))]
    moved = [replace(first, end_ps=100), *later]
    assert faults(moved) == ["channel 's->c' carries in 170 ps from 500 ps what takes 200 ps"]


def test_faster_than_alone() -> None:
    """100 bytes take 100 ps on a link of their own: 99 is within rounding, 98 is not."""
    (span,) = run(STAR, SENDS[:1]).spans
    assert faults([replace(span, end_ps=99)]) == []
    told = faults([replace(span, end_ps=98)])
    assert "'send 0' takes 98 ps, but 100 ps when it shares nothing" in told


def test_headers_count() -> None:
    """With a header of 1 a byte 100 bytes are 200 on the link."""
    doubled = machine([Wire("a", "s"), Wire("b", "s"), Wire("s", "c", packets=Packets(1, 1))], ["s"])
    spans = run(doubled, SENDS).spans
    assert [span.end_ps for span in spans] == [400, 400]
    told = faults([replace(span, end_ps=300) for span in spans], doubled)
    assert told == ["channel 's->c' carries in 300 ps from 0 ps what takes 400 ps"]


def test_exclusive_links_are_exclusive_still() -> None:
    """Two at once on a fifo link overlap, though they share the next one."""
    mixed = machine([Wire("a", "s", sharing="fifo"), Wire("s", "c")], ["s"])
    first, second = run(mixed, [Send("a", "c", 100), Send("a", "c", 100)]).spans
    together = [replace(first, end_ps=200), replace(second, start_ps=0, end_ps=200, cause=None)]
    assert faults(together, mixed) == ["'send 1' overlaps 'send 0' on 'a->s'"]


def test_resources_that_are_none() -> None:
    """A channel that is neither exclusive nor fair is nowhere."""
    (span,) = run(STAR, SENDS[:1]).spans
    assert faults([replace(span, resources=("s->x",))]) == ["spans hold s->x, which are no resources"]


@pytest.mark.parametrize("steps", [1, 7])
def test_many_that_share_pass_the_check(steps: int) -> None:
    """Every run is checked; one in which ends are rounded at every turn is possible too."""
    sends = [Send("ab"[i % 2], "c", 3 + i * steps, start_ps=i * 5) for i in range(40)]
    assert len(run(STAR, sends).spans) == 40 + 39
