"""The prediction keeps to ports, order and data: tiny worlds whose whole schedule is known by hand."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow.collectives import (
    ALGORITHMS,
    Collective,
    HopCost,
    Lowering,
    Move,
    chunk_bytes,
    lower,
    predicted_ps,
)

LAW = settings(derandomize=True, deadline=None, database=None, max_examples=60)


def world(*moves: Move) -> Lowering:
    """Moves of four chunks between four ranks."""
    return Lowering(Collective.BROADCAST, "by hand", 4, 4, None, moves)


def slots(lowering: Lowering) -> int:
    """The time when each message lasts 10 ps: 4 of latency and 6 for its bytes."""
    return predicted_ps(lowering, [6] * 4, lambda _a, _b: (4, 1e12))


def test_messages_of_different_ports_overlap() -> None:
    """Both directions between two ranks, and two other ranks, at once."""
    both = world(Move(0, 1, (0,), adds=False), Move(1, 0, (1,), adds=False), Move(2, 3, (2,), adds=False))
    assert slots(both) == 10


def test_a_port_carries_one_message_at_a_time() -> None:
    """Two from one sender, or two to one receiver, follow each other."""
    assert slots(world(Move(0, 1, (0,), adds=False), Move(0, 2, (1,), adds=False))) == 20
    assert slots(world(Move(0, 2, (0,), adds=False), Move(1, 2, (1,), adds=False))) == 20


def test_a_message_waits_for_its_data_unless_it_is_the_own() -> None:
    """What was received is sent on after it came; what was there from the start at once."""
    received = Move(0, 1, (0,), adds=True)
    assert slots(world(received, Move(1, 2, (0,), adds=True))) == 20
    assert slots(world(received, Move(1, 2, (0,), adds=True, own=True))) == 10
    assert slots(world(received, Move(1, 2, (1,), adds=True))) == 10


def test_ports_serve_in_the_order_of_the_moves() -> None:
    """A port does not let a later message pass one that still waits for its data."""
    first = Move(0, 1, (0,), adds=False)
    waiting, ready = Move(1, 2, (0,), adds=False), Move(1, 3, (1,), adds=False)
    assert slots(world(first, waiting, ready)) == 30
    assert slots(world(first, ready, waiting)) == 20


def test_chunks_travel_as_one_message() -> None:
    """Two chunks pay one latency: 4 + 12; a message of no bytes is not sent."""
    lowering = world(Move(0, 1, (0, 1), adds=False))
    assert slots(lowering) == 16
    assert predicted_ps(lowering, [0, 0, 5, 5], lambda _a, _b: (4, 1e12)) == 0


@LAW
@given(st.data(), st.integers(2, 7), st.sampled_from(list(Collective)), st.integers(0, 10**6))
def test_time_is_at_least_what_each_port_and_each_message_needs(
    data: st.DataObject, ranks: int, collective: Collective, size: int
) -> None:
    """On any hops and sizes: not below the busiest port, not above all messages one after the other."""
    algorithm = data.draw(st.sampled_from([a for a in ALGORITHMS[collective] if a != "hierarchical"]))
    table = [
        [
            (data.draw(st.integers(0, 10**6)), float(data.draw(st.integers(10**8, 10**10))))
            for _ in range(ranks + 1)
        ]
        for _ in range(ranks + 1)
    ]

    def hop(source: int, destination: int) -> HopCost:
        return table[source][destination]

    lowering = lower(collective, algorithm, ranks)
    sizes = chunk_bytes(lowering, size)
    busy_ps: dict[tuple[str, int], int] = {}
    for move in lowering.moves:
        carried = sum(sizes[chunk] for chunk in move.chunks)
        latency_ps, rate = hop(move.source, move.destination)
        cost_ps = latency_ps + round(carried * 10**12 / rate) if carried else 0
        for port in (("send", move.source), ("receive", move.destination)):
            busy_ps[port] = busy_ps.get(port, 0) + cost_ps
    time_ps = predicted_ps(lowering, sizes, hop)
    assert max(busy_ps.values()) <= time_ps <= sum(v for (side, _), v in busy_ps.items() if side == "send")
