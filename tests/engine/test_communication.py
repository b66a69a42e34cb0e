"""Who sent how much to whom, for which collective and along which mesh axis, in traces made by hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dataflow.communication_metrics import CommunicationTime
from dataflow.measurement import critical_path, measure_trace
from dataflow.ops import Phase
from dataflow.placement import TaskKind
from dataflow.trace import Span, Trace
from tests.engine.traces import TWO, S, compute, run, trace, transfer

RING = {"collective": "all-reduce ring", "dimension": "data"}


def shared(span: Span) -> Span:
    """A transfer that holds nothing, as those that share a link do."""
    return replace(span, resources=())


def reduced() -> Trace:
    """p0 and p1 compute to 10, send each other 10-14, add 14-16, and p0 sends a plain 16-19."""
    sum_of = {"kind": TaskKind.SUM, "phase": Phase.GRADIENT, **RING}
    return trace(
        compute(0, 10),
        compute(0, 10, on="p1"),
        replace(transfer(10, 14, 0, phase=Phase.GRADIENT), **RING),  # type: ignore[arg-type]
        replace(transfer(10, 14, 1, ends=("p1", "p0"), phase=Phase.GRADIENT), **RING),  # type: ignore[arg-type]
        replace(compute(14, 16, 3), **sum_of),  # type: ignore[arg-type]
        replace(compute(14, 16, 2, on="p1"), **sum_of),  # type: ignore[arg-type]
        replace(transfer(16, 19, 4), dimension="model"),
        compute(19, 20, 6, on="p1"),
        compute(19, 20, 6),
    )


def test_matrix() -> None:
    """Each pair of memories once with its bytes; nothing where nothing went."""
    traffic = measure_trace(run(TWO)).traffic
    assert list(traffic) == [("p0", "p1"), ("p1", "p0")]
    there = traffic["p0", "p1"]
    assert (there.transfers, there.bytes, there.loaded_bytes, there.exchanged_bytes) == (1, 100, 0, 100)
    assert there.busy_s == pytest.approx(4 * S)
    assert [(m.layer, m.phase, m.bytes) for m in there.movements] == [("b", "forward", 100)]


def test_loads_are_told_apart() -> None:
    """Of 200 bytes from the host 100 are the next batch."""
    load = transfer(0, 4, ends=("host", "p0"), phase=Phase.LOAD)
    traffic = measure_trace(run(trace(load, compute(0, 9), transfer(4, 9, 0, ends=("host", "p0"))))).traffic
    assert traffic["host", "p0"].loaded_bytes == traffic["host", "p0"].exchanged_bytes == 100


def test_links_that_are_shared() -> None:
    """Transfers of 0-6 and 2-8 on one link: busy 8 of 10, 200 bytes."""
    metrics = measure_trace(
        run(trace(shared(transfer(0, 6)), shared(transfer(2, 8)), compute(0, 8), compute(8, 10, 1)))
    )
    link = metrics.links["p0->p1"]
    assert (link.bytes, link.busy_s, link.utilisation) == (200, pytest.approx(8 * S), pytest.approx(0.8))
    assert [movement.time_s for movement in link.movements] == [pytest.approx(8 * S)]
    assert metrics.traffic["p0", "p1"].busy_s == pytest.approx(8 * S)


def test_collectives() -> None:
    """The ring goes on from 10 to 16, sums included, and keeps both waiting for 4; the send for 3 each."""
    ring, send = measure_trace(run(reduced())).collectives
    assert ring == CommunicationTime("all-reduce ring", 2, 200, pytest.approx(6 * S), pytest.approx(8 * S))
    assert send == CommunicationTime("send", 1, 100, pytest.approx(3 * S), pytest.approx(6 * S))


def test_dimensions() -> None:
    """The same by mesh axis; what goes along none and what is loaded have names of their own."""
    data, model = measure_trace(run(reduced())).dimensions
    assert (data.name, data.bytes, model.name, model.bytes) == ("data", 200, "model", 100)
    plain = trace(compute(0, 4), transfer(0, 4), transfer(0, 3, ends=("host", "p1"), phase=Phase.LOAD))
    metrics = measure_trace(run(plain))
    assert [time.name for time in metrics.dimensions] == ["other", "load"]
    assert [time.name for time in metrics.collectives] == ["send", "load"]


@pytest.mark.parametrize("measured", [TWO, reduced()], ids=["two", "reduced"])
def test_exposed_times_add_up(measured: Trace) -> None:
    """By collective, dimension and layer, what is exposed is what the processors waited for transfers."""
    metrics = measure_trace(run(measured))
    exposed = sum(use.communication_exposed_s for use in metrics.processors.values())
    for parts in (metrics.collectives, metrics.dimensions, metrics.layers):
        assert sum(part.exposed_s for part in parts) == pytest.approx(exposed)


def test_transfers_know_what_they_are_part_of() -> None:
    """Collective and dimension are told of each transfer."""
    first, _, last = measure_trace(run(reduced())).transfers
    assert (first.collective, first.dimension) == ("all-reduce ring", "data")
    assert (last.collective, last.dimension) == ("", "model")


def test_collectives_on_the_critical_path() -> None:
    """They are named as a whole, not by the many pairs that take part."""
    parts = {part.told: round(part.time_s / S) for part in critical_path(reduced())}
    assert parts["all-reduce ring transfers"] == 4
    assert parts["all-reduce ring sums"] == 2
    assert parts["forward transfers p0->p1"] == 3
