"""Machines with one kind of resource twice as fast: which kinds there are, and what each changes."""

from __future__ import annotations

import pytest

import topologies
from dataflow.cost import Roofline
from dataflow.cycles.model import Cycles
from dataflow.measurement.faster import doubled
from tests.engine.worlds import machine

CARD = topologies.load_hardware("agilio-cx")


def test_kinds_of_gpus() -> None:
    """A GPU has no engines, no controller and no latency of its own."""
    faster = doubled(machine(2, flops=5.0, launch_ps=9, latency_ps=7, copy_overhead_ps=5))
    assert list(faster) == ["arithmetic", "memory bandwidth", "kernel launches", "links"]
    costs = {name: found.processors["p0"].cost for name, found in faster.items()}
    assert costs["arithmetic"] == Roofline(10.0, 1e12, 9, {})
    assert costs["memory bandwidth"] == Roofline(5.0, 2e12, 9, {})
    assert costs["kernel launches"] == Roofline(5.0, 1e12, 4, {})
    links = faster["links"]
    assert (links.links[0].bandwidth_bytes_per_s, links.links[0].latency_ps) == (2e12, 3)
    assert links.processors["p0"].copy_overhead_ps == 2


def test_kinds_of_cores() -> None:
    """A card with a controller has no launches, but latency, engines and signals."""
    faster = doubled(CARD)
    assert list(faster) == ["arithmetic", "memory latency", "engines", "control", "links"]
    assert CARD.controller is not None
    control = faster["control"].controller
    assert control is not None
    assert control.signal_ps == CARD.controller.signal_ps // 2
    for name, engine in CARD.engines.items():
        assert faster["engines"].engines[name].operations_per_s == 2 * engine.operations_per_s


@pytest.mark.parametrize(
    ("resource", "issue", "latency"), [("arithmetic", 0.5, 1.0), ("memory latency", 1.0, 0.5)]
)
def test_a_core_twice_as_fast(resource: str, issue: float, latency: float) -> None:
    """At twice the clock instructions take half as long and memories outside the core as long as before."""
    before, after = CARD.processors["core0"].cost, doubled(CARD)[resource].processors["core0"].cost
    assert isinstance(before, Cycles)
    assert isinstance(after, Cycles)
    assert after.picoseconds(100) == round(before.picoseconds(100) * issue)
    for kind, memory in before.memories.items():
        if memory.blocking:
            changed = after.memories[kind]
            for waited, of in zip(changed.latency, memory.latency, strict=True):
                assert waited / after.clock_hz == pytest.approx(of / before.clock_hz * latency)
            assert changed.spacing / after.clock_hz == pytest.approx(
                memory.spacing / before.clock_hz * latency
            )
            assert changed.issue == memory.issue
