"""Links: how long a message takes, and what cannot be a link."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow.errors import CheckError
from dataflow.hardware import Hardware, Link, Packets
from tests.interconnect.sending import Wire, machine

QUICK = settings(derandomize=True, deadline=None, database=None, max_examples=100)


def link(**changes: object) -> Link:
    """A link of one byte a picosecond."""
    return replace(Wire("a", "b", sharing="fifo").links()[0], **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("size", "wire"),
    [(0, 0), (1, 27), (256, 282), (257, 309), (1024, 1024 + 4 * 26)],
)
def test_bytes_on_the_wire(size: int, wire: int) -> None:
    """A header of 26 for each packet of at most 256: 1 + 26; 256 + 26; 257 + 2 x 26; ..."""
    cut = link(packets=Packets(256, 26))
    assert cut.wire_bytes(size) == wire
    assert link().wire_bytes(size) == size
    assert cut.time_ps(size) == wire


@pytest.mark.parametrize(
    ("size", "fraction"), [(1, 0.25), (100, 0.25), (150, 0.375), (200, 0.5), (650, 0.75), (9999, 1.0)]
)
def test_attained_fraction(size: int, fraction: float) -> None:
    """Half-way between two sizes half-way between their fractions; beyond them what they have."""
    slow = link(attained=((100, 0.25), (200, 0.5), (1100, 1.0)))
    assert slow.fraction(size) == fraction
    assert slow.time_ps(size) == size / fraction
    assert slow.occupied_ps(size) == size


def test_large_messages() -> None:
    """Per second the largest fraction of the bandwidth, less the headers: 1e12 x 0.5 x 4/5."""
    assert link(packets=Packets(4, 1), attained=((1, 0.1), (9, 0.5))).attainable_bytes_per_s == 4e11
    assert link().attainable_bytes_per_s == 1e12


def test_transfer_and_hop() -> None:
    """Two links: 10 for the copy, latencies 1 + 2, overheads 3 + 4, then 100 bytes at 1/4: 400."""
    wires = [
        Wire("a", "s", 0.25, latency_ps=1, overhead_ps=3),
        Wire("s", "b", 2, latency_ps=2, overhead_ps=4),
    ]
    hardware = machine(wires, ["s"], overhead_ps=10)
    assert hardware.transfer_ps(100, "a", "b") == 10 + 3 + 7 + 400
    assert hardware.hop("a", "b") == (20, 0.25e12)
    assert machine([Wire("a", "b")]).transfer_ps(0, "a", "b") == 1


def test_the_link_that_takes_longest_sets_the_pace() -> None:
    """Of 8 bytes one link makes 16 on the wire, the other is half as fast but adds less: 16 against 18."""
    wires = [Wire("a", "s", packets=Packets(1, 1)), Wire("s", "b", 0.5, packets=Packets(8, 1))]
    assert machine(wires, ["s"]).transfer_ps(8, "a", "b") == 18


@QUICK
@given(st.integers(1, 10**9), st.integers(1, 4096), st.integers(0, 64))
def test_headers_only_add(size: int, payload: int, header: int) -> None:
    """A message with headers is longer by whole headers, and the larger of two is never faster."""
    cut = link(packets=Packets(payload, header))
    assert (cut.wire_bytes(size) - size) % max(1, header) == 0
    assert link().time_ps(size) <= cut.time_ps(size) <= cut.time_ps(size + 1)
    assert size / cut.time_ps(size) <= cut.attainable_bytes_per_s / 1e12 * (1 + 1e-12)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"bandwidth_bytes_per_s": 0.0}, "bandwidth 0.0 B/s, which must be more than 0"),
        ({"latency_ps": -1}, "a latency of -1 ps, which must not be negative"),
        ({"message_overhead_ps": -2}, "a message overhead of -2 ps, which must not be negative"),
        (
            {"packets": Packets(0, 4)},
            "packets of 0 B and headers of 4 B; a packet carries at least 1 B, a header has at least 0",
        ),
        (
            {"attained": ((5, 0.5), (5, 0.6))},
            "attained fractions for [5, 5] B; list the sizes from small to large, each once",
        ),
        (
            {"attained": ((5, 1.5),)},
            "an attained fraction of 1.5 at 5 B; it must be more than 0 and at most 1",
        ),
    ],
)
def test_numbers_that_cannot_be(changes: dict[str, object], fault: str) -> None:
    """Each is refused by the link's name."""
    assert faults(link(**changes)) == (f"link 'a->b' has {fault}",)


def test_a_channel_is_shared_in_one_way() -> None:
    """Two directions with one channel are both exclusive or both fair."""
    two = Wire("a", "b", half_duplex=True).links()
    assert faults(replace(two[0], sharing="fifo"), two[1]) == (
        "link 'b->a' is fair, but not all of channel 'a--b'; choose one",
    )


def faults(*links: Link) -> tuple[str, ...]:
    """What a machine with these links between a and b is refused for."""
    whole = machine([Wire("a", "b")])
    others = tuple(x for x in whole.links if x.name not in {y.name for y in links})
    with pytest.raises(CheckError) as raised:
        Hardware("m", whole.processors, whole.memories, (*links, *others))
    return raised.value.faults
