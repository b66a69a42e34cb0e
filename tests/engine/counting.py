"""Counting what a placed graph keeps and sends, and whether it trains like one processor."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import backends
from dataflow.data.batches import Noise
from dataflow.experiment import Experiment
from dataflow.hardware import Hardware
from dataflow.ops import Phase
from dataflow.placement import PlacedGraph, PlacedTask
from dataflow.plan import CollectiveRule
from dataflow.tensor import TensorKind
from dataflow.verification.references import OneProcessor, verify
from tests.engine.worlds import computed

NUMBER = 8
"""Bytes of a float64."""


def adding(hardware: Hardware) -> Hardware:
    """The same machine with processors that add what arrives on the way, as collective libraries do."""
    processors = {name: replace(p, reduces=True) for name, p in hardware.processors.items()}
    return replace(hardware, processors=processors)


RING = {"*": CollectiveRule(algorithm="ring")}
"""All sums and gathers around a ring."""


def assert_trains_like_one_processor(world: Experiment) -> None:
    """Every tensor of the last of three steps is that of one processor, within 1e-9."""
    world = replace(world, training=replace(world.training, steps=3))
    backend = backends.get("numpy")
    _, last = computed(world, backend)
    verification = verify(last, world, Noise(world), OneProcessor(backend), tolerance=1e-9)
    assert [c.tensor for c in verification.comparisons if not c.passed] == []
    assert verification.passed


def moved(graph: PlacedGraph, phase: Phase | None = None) -> dict[tuple[str, str], int]:
    """Bytes that go from each layer's name, or phase of it, in messages."""
    found: Counter[tuple[str, str]] = Counter()
    for task in sends(graph):
        if phase in (None, task.phase):
            found[task.layer, task.collective] += task.bytes
    return dict(found)


def sends(graph: PlacedGraph) -> list[PlacedTask]:
    """All messages but the loading of batches."""
    return [task for task in graph.transfers if task.phase is not Phase.LOAD]


def sent_by(graph: PlacedGraph) -> dict[str, int]:
    """Bytes that each memory sends."""
    found: Counter[str] = Counter()
    for task in sends(graph):
        found[task.route[0]] += task.bytes
    return dict(found)


def kept(graph: PlacedGraph, kind: TensorKind) -> dict[str, int]:
    """Bytes of a kind of tensor that each memory has before the first step."""
    found: Counter[str] = Counter()
    for shard in graph.shards.values():
        if shard.tensor.kind is kind and shard.tensor.version == 0:
            found[shard.memory] += shard.bytes
    return dict(found)
