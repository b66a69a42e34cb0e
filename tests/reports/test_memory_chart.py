"""Which memories the picture of memories draws."""

from __future__ import annotations

from dataflow.metrics import Holding, MemoryUse
from reports.memory_chart import _alike


def used(peak_bytes: int, kind: str = "activation") -> MemoryUse:
    """A memory of 1,000 B that held so many of one kind at its fullest."""
    return MemoryUse(1000, peak_bytes, 0.0, (Holding("t", kind, peak_bytes),))


def test_few_memories_are_all_drawn() -> None:
    """Up to twelve each have a panel of their own, however alike."""
    uses = {f"gpu{index}": used(100) for index in range(12)}
    assert _alike(uses) == {name: [name] for name in uses}


def test_of_many_memories_those_alike_are_drawn_once() -> None:
    """Alike: as large, with the same kinds of tensors, and peaks within 5 % of one another."""
    uses = {f"gpu{index}": used(100) for index in range(10)}
    uses |= {"near": used(104), "far": used(110), "other": used(100, "velocity")}
    assert _alike(uses) == {
        "gpu0": [f"gpu{index}" for index in range(10)] + ["near"],
        "far": ["far"],
        "other": ["other"],
    }
