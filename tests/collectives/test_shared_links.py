"""Predictions for messages that share links, and of machines whose bandwidth depends on the message."""

from __future__ import annotations

from dataflow.collectives import Collective, Way, best, chunk_bytes, lower, predicted_ps

ALPHA_PS = 100


def bus(held_ps: int) -> Way:
    """One link for all: a message of S bytes takes 100 + S ps, and uses it up for S + ``held_ps`` of that."""

    def way(size_bytes: int) -> tuple[int, tuple[tuple[str, int], ...]]:
        return ALPHA_PS + size_bytes, (("bus", size_bytes + held_ps),)

    return way


def taken(held_ps: int) -> int:
    """An exchange of 1,000 B each way between two over such a link."""
    lowering = lower(Collective.ALL_REDUCE, "direct", 2)
    return predicted_ps(lowering, chunk_bytes(lowering, 1000), lambda a, b: bus(held_ps))


def test_messages_that_hold_a_link_follow_one_another() -> None:
    """First in, first out, from start to end: 2 x (100 + 1,000)."""
    assert taken(held_ps=ALPHA_PS) == 2 * (ALPHA_PS + 1000)


def test_messages_that_share_a_link_overlap_in_their_latencies() -> None:
    """The second's bytes flow when the first's have: 1,000 + 100 + 1,000, as when both had half of it."""
    assert taken(held_ps=0) == 1000 + ALPHA_PS + 1000


def test_contention_is_in_the_prediction() -> None:
    """Over links of their own eight ranks halve and double; over one link all bytes follow one another."""

    def own(a: int, b: int) -> Way:
        return lambda size_bytes: (1 + size_bytes, ((f"{a}->{b}", size_bytes),))

    size = 8 * 10**6
    assert best(Collective.ALL_REDUCE, 8, size, own)[0] == "halving-doubling"
    shared = [
        predicted_ps(low, chunk_bytes(low, size), lambda a, b: bus(0))
        for low in (lower(Collective.ALL_REDUCE, name, 8) for name in ("ring", "direct"))
    ]
    # 14 rounds of 8 messages of S / 8, against 56 messages of S, one after another: 14 S and 56 S.
    assert shared[0] < 14 * size + 200 * ALPHA_PS
    assert shared[1] > 56 * size


def test_a_bandwidth_that_grows_with_the_message() -> None:
    """Where small messages are slow, few large ones win over many small ones of as many bytes in all."""

    def slow_when_small(a: int, b: int) -> Way:
        return lambda size_bytes: (size_bytes if size_bytes >= 50_000 else 100 * size_bytes, ())

    ring = lower(Collective.ALL_GATHER, "ring", 8)
    doubling = lower(Collective.ALL_GATHER, "halving-doubling", 8)
    each = (20_000,) * 8
    times = [predicted_ps(low, chunk_bytes(low, each), slow_when_small) for low in (ring, doubling)]
    # Ring: 7 rounds of 20 kB at 1 %; doubling: 20 and 40 kB at 1 %, then 80 kB at full speed.
    assert times == [7 * 2_000_000, 2_000_000 + 4_000_000 + 80_000]
