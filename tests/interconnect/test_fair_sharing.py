"""Max-min fair sharing: whole runs whose picoseconds are worked out by hand, and laws.

A link carries 1 byte a picosecond unless it says otherwise; transfers are written as (start, end).
"""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow.hardware import Packets
from dataflow.simulation.fairness import max_min_rates
from tests.interconnect.sending import Send, Wire, machine, run, times_of

QUICK = settings(derandomize=True, deadline=None, database=None, max_examples=150)


def star(**leaves: float) -> list[Wire]:
    """A switch ``s`` and leaves with links of these bandwidths to it."""
    return [Wire(leaf, "s", there) for leaf, there in leaves.items()]


def test_two_flows_on_one_link() -> None:
    """Both have half; when the shorter has ended, at 100, the longer has 50 bytes left."""
    shared = machine(star(a=1, b=1, c=1), ["s"])
    assert times_of(shared, [Send("a", "c", 100), Send("b", "c", 50)]) == [(0, 150), (0, 100)]


def test_a_flow_that_begins_later() -> None:
    """Alone until 60 a moves 60 bytes, the other 40 at half speed: until 140. By then b has moved 40."""
    shared = machine(star(a=1, b=1, c=1), ["s"])
    sends = [Send("a", "c", 100), Send("b", "c", 50, start_ps=60)]
    assert times_of(shared, sends) == [(0, 140), (60, 150)]


def test_three_flows_on_one_link() -> None:
    """Each has a third: 30 bytes take 90; then two have half: 30 more take 60; the last 30 take 30."""
    shared = machine(star(a=1, b=1, c=1, d=1), ["s"])
    sends = [Send("a", "d", 30), Send("b", "d", 60), Send("c", "d", 90)]
    assert times_of(shared, sends) == [(0, 90), (0, 150), (0, 180)]


def test_a_parking_lot_of_three_links() -> None:
    """One flow over three links of 1, 2 and 4, and one over each: it has what its narrowest link gives it.

    On the first link it and the local flow have 1/2 each; so on the second the other has 3/2, on the
    third 7/2. Each ends at 600: 300 = 600/2, 900 = 600 * 3/2, 2100 = 600 * 7/2.
    """
    wires = [Wire("p", "q", 1), Wire("q", "r", 2), Wire("r", "t", 4)]
    wires += [Wire(f"{end}{node}", node, 100) for node in "pqrt" for end in "ab"]
    lot = machine(wires, ["p", "q", "r", "t"])
    sends = [Send("ap", "at", 300), Send("bp", "bq", 300), Send("aq", "br", 900), Send("ar", "bt", 2100)]
    assert times_of(lot, sends) == [(0, 600)] * 4


def test_what_one_leaves_another_takes() -> None:
    """With 1/4 of its own a has no more; b takes the 3/4 that are left of the shared link, not a half."""
    shared = machine(star(a=0.25, b=1, c=1), ["s"])
    assert times_of(shared, [Send("a", "c", 25), Send("b", "c", 75)]) == [(0, 100), (0, 100)]


def test_far_flows_change_through_others() -> None:
    """As b shares with a at one end and with c at the other, c slows down when a ends.

    On d's link a and b have 1/2 each, so c has 3/4 of b's own link (5/4). At 100 a (50 bytes) has ended, and
    b and c have 5/8 each. c has 25 of 100 bytes left then: until 140. b has moved 50 + 25 then; alone
    it moves the last 10 of 85 at d's 1: until 150.
    """
    wires = [Wire("a", "s"), Wire("b", "s", 1.25), Wire("s", "d"), Wire("s", "e")]
    shared = machine(wires, ["s"])
    sends = [Send("a", "d", 50), Send("b", "d", 85), Send("b", "e", 100)]
    assert times_of(shared, sends) == [(0, 100), (0, 150), (0, 140)]


@pytest.mark.parametrize(("half", "ends"), [(False, [100, 60]), (True, [160, 120])])
def test_duplex(half: bool, ends: list[int]) -> None:
    """There and back do not meet, or share what there is: 60 take 120 at a half, then 40 more take 40."""
    wire = machine([Wire("a", "b", half_duplex=half)])
    assert times_of(wire, [Send("a", "b", 100), Send("b", "a", 60)]) == [(0, ends[0]), (0, ends[1])]


def test_directions_of_different_bandwidth() -> None:
    """There a byte takes 1 ps, back 4."""
    wire = machine([Wire("a", "b", 1, 0.25)])
    assert times_of(wire, [Send("a", "b", 100), Send("b", "a", 60)]) == [(0, 100), (0, 240)]


def test_directions_of_different_bandwidth_that_share() -> None:
    """Rates are equal, not times: at r there and r back r + 4 r of the channel are taken, so r is 1/5.

    60 bytes back take 300; of 100 there 40 are left then, and take 40.
    """
    wire = machine([Wire("a", "b", 1, 0.25, half_duplex=True)])
    assert times_of(wire, [Send("a", "b", 100), Send("b", "a", 60)]) == [(0, 340), (0, 300)]


def test_latency_and_overheads_come_before_the_bytes() -> None:
    """7 for the copy, 2 + 3 for each link: bytes move from 17 on, and what comes at 20 shares from 37 on.

    Until 37 a has moved 20 of 50, the other 30 take 60: 97. b has moved 30 then, and 20 more by 117.
    """
    wires = [Wire(leaf, "s", latency_ps=2, overhead_ps=3) for leaf in "abc"]
    shared = machine(wires, ["s"], overhead_ps=7)
    sends = [Send("a", "c", 50), Send("b", "c", 50, start_ps=20)]
    assert times_of(shared, sends) == [(0, 97), (20, 117)]


def test_exclusive_links_on_the_way() -> None:
    """A flow that passes a fifo link has it to itself and goes no faster than it; fair links it shares.

    a's fifo link (1/4) has two transfers: 25 bytes take 100, the second waits. b shares c's link and
    has the 3/4 that are left: 150 bytes take 200.
    """
    wires = [Wire("a", "s", 0.25, sharing="fifo"), Wire("b", "s"), Wire("s", "c")]
    mixed = machine(wires, ["s"])
    sends = [Send("a", "c", 25), Send("a", "c", 25), Send("b", "c", 150)]
    assert times_of(mixed, sends) == [(0, 100), (100, 200), (0, 200)]


def test_copy_engines_are_held_to_the_end() -> None:
    """With one engine a sends one after the other, even over links that would be shared."""
    single = machine(star(a=1, b=1, c=1), ["s"], engines=1)
    sends = [Send("a", "c", 10), Send("a", "b", 10), Send("b", "a", 5)]
    assert times_of(single, sends) == [(0, 10), (10, 20), (0, 5)]


def test_packets_take_their_share() -> None:
    """A header of 1 for each 4 bytes: 10 bytes are 13 on the wire, so two such flows take 26 together."""
    wires = [Wire("a", "s"), Wire("b", "s"), Wire("s", "c", packets=Packets(4, 1))]
    shared = machine(wires, ["s"])
    assert times_of(shared, [Send("a", "c", 10)]) == [(0, 13)]
    assert times_of(shared, [Send("a", "c", 10), Send("b", "c", 10)]) == [(0, 26), (0, 26)]


def test_small_messages_attain_less_and_leave_the_rest() -> None:
    """10 bytes attain half of c's link, and so take 20; b has the other half, then, from 20 on, all of it.

    b's 100 bytes attain all: 10 by 20, the other 90 by 110. Were the lost half lost for all, b would
    have nothing until 20.
    """
    wires = [Wire("a", "s"), Wire("b", "s"), Wire("s", "c", attained=((10, 0.5), (100, 1.0)))]
    shared = machine(wires, ["s"])
    assert times_of(shared, [Send("a", "c", 10), Send("b", "c", 100)]) == [(0, 20), (0, 110)]


def test_messages_of_no_bytes() -> None:
    """They take latency alone, and at least a picosecond."""
    wires = machine([Wire("a", "b"), Wire("b", "c", latency_ps=9)])
    assert times_of(wires, [Send("a", "b", 0), Send("b", "c", 0)]) == [(0, 1), (0, 9)]


def test_a_byte_on_a_link_faster_than_time() -> None:
    """What would end in no time takes a picosecond."""
    fast = machine([Wire("a", "b", 1000)])
    assert times_of(fast, [Send("a", "b", 1)]) == [(0, 1)]


def test_causes_and_resources() -> None:
    """A flow names its engine and all channels; who waited for an engine was let in by who had it."""
    single = machine(star(a=1, b=1, c=1), ["s"], engines=1)
    spans = {span.name: span for span in run(single, [Send("a", "c", 10), Send("a", "b", 10)]).spans}
    assert spans["send 0"].resources == ("a.copy", "a->s", "s->c")
    assert spans["send 1"].cause == spans["send 0"].index
    assert (spans["send 1"].ready_ps, spans["send 1"].start_ps, spans["send 1"].bound) == (0, 10, "link")


def test_a_ring_takes_its_closed_form_to_the_picosecond() -> None:
    """Of n = 4 each sends its neighbour 2 (n - 1) times S/n bytes: 2(n-1) a + 2(n-1)/n S/B.

    a = 11 for the copy and 2 x 7 for the links; S = 4000, B = 1/2 (both of a's links): 6 x (25 + 2000).
    """
    wires = [Wire(leaf, "s", 0.5, latency_ps=7) for leaf in "abcd"]
    ring = machine(wires, ["s"], engines=1, overhead_ps=11)
    sends = [Send(x, y, 1000) for _ in range(6) for x, y in pairwise("abcda")]
    alpha, bandwidth = ring.hop("a", "b")
    assert max(end for _, end in times_of(ring, sends)) == 6 * (25 + 2000)
    assert 6 * alpha + 6 * 1000 * 1e12 / bandwidth == 6 * (25 + 2000)


# -- laws ---------------------------------------------------------------------------------

CHANNELS = "uvwxyz"
shares_of_a_flow = st.dictionaries(
    st.sampled_from(CHANNELS), st.floats(0.01, 10.0), min_size=1, max_size=len(CHANNELS)
)
flows = st.lists(st.tuples(st.floats(0.01, 100.0), shares_of_a_flow), min_size=1, max_size=12)


@QUICK
@given(flows)
def test_rates_are_max_min_fair(drawn: list[tuple[float, dict[str, float]]]) -> None:
    """No channel is overfull; each flow has its cap, or as much as any other in a channel that is full."""
    caps, shares = [cap for cap, _ in drawn], [share for _, share in drawn]
    rates = max_min_rates(caps, shares)
    used = {
        channel: sum(rate * share.get(channel, 0.0) for rate, share in zip(rates, shares, strict=True))
        for channel in CHANNELS
    }
    assert all(load <= 1 + 1e-9 for load in used.values())
    for rate, cap, share in zip(rates, caps, shares, strict=True):
        assert 0 < rate <= cap
        most = {
            channel: max(r for r, s in zip(rates, shares, strict=True) if channel in s) for channel in share
        }
        bottleneck = any(used[c] >= 1 - 1e-9 and rate >= most[c] * (1 - 1e-9) for c in share)
        assert rate == cap or bottleneck


@QUICK
@given(flows)
def test_rates_do_not_depend_on_the_order(drawn: list[tuple[float, dict[str, float]]]) -> None:
    """There is one max-min fair allocation, whoever is asked first."""
    there = max_min_rates([cap for cap, _ in drawn], [share for _, share in drawn])
    back = max_min_rates([cap for cap, _ in drawn[::-1]], [share for _, share in drawn[::-1]])
    assert there == pytest.approx(back[::-1], rel=1e-9)


leaves = st.sampled_from("abcde")
sends_drawn = st.lists(
    st.builds(Send, leaves, leaves, st.integers(0, 1000), st.integers(0, 500)).filter(
        lambda send: send.source != send.destination
    ),
    min_size=1,
    max_size=12,
)
speeds = st.lists(st.sampled_from([0.1, 0.5, 1.0, 3.0]), min_size=5, max_size=5)


@QUICK
@given(sends_drawn, speeds, st.booleans())
def test_no_interval_is_overfull(sends: list[Send], there: list[float], half: bool) -> None:
    """In no interval a channel carries more than it can: of all that begins and ends in it, to 1 ps each.

    And no transfer is faster than alone, nor slower than after all others: links are not left idle.
    """
    shared = machine(
        [Wire(leaf, "s", x, half_duplex=half) for leaf, x in zip("abcde", there, strict=True)], ["s"]
    )
    spans = [span for span in run(shared, sends).spans if span.source is not None]
    for link in shared.links:
        through = [s for s in spans if link.channel in s.resources]
        for first in through:
            for last in through:
                inside = [s for s in through if s.start_ps >= first.start_ps and s.end_ps <= last.end_ps]
                needed_ps = sum(
                    next(x for x in shared.route(*s.ends) if x.channel == link.channel).occupied_ps(s.bytes)
                    for s in inside
                )
                assert needed_ps <= max(0, last.end_ps - first.start_ps) + len(through)
    alone = [shared.transfer_ps(send.bytes, send.source, send.destination) for send in sends]
    assert all(span.length_ps >= shared.transfer_ps(span.bytes, *span.ends) - 1 for span in spans)
    assert max(s.end_ps for s in spans) <= max(s.start_ps for s in sends) + sum(alone) + len(sends)


@QUICK
@given(st.builds(Send, leaves, st.just("f"), st.integers(0, 10**9)), speeds, st.booleans())
def test_alone_fair_is_fifo(send: Send, there: list[float], packets: bool) -> None:
    """A transfer that meets no other takes the same on fair links as on exclusive ones, to the picosecond."""
    cut = Packets(256, 26) if packets else None
    found = []
    for sharing in ("fair", "fifo"):
        wires = [
            Wire(
                leaf,
                "s",
                x * 0.7,
                latency_ps=3,
                sharing=sharing,
                packets=cut,
                attained=((9, 0.3), (99999, 1.0)),
            )
            for leaf, x in zip("abcde", there, strict=True)
        ]
        joined = machine([*wires, Wire("s", "f", 0.9, sharing=sharing)], ["s"])
        found += times_of(joined, [send])
        assert found[-1][1] == joined.transfer_ps(send.bytes, send.source, send.destination)
    assert found[0] == found[1]
