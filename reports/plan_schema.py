"""What report.json says of the plan."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from dataflow.plan import Order
from reports.entry import Entry


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Axes = Annotated[tuple[str, ...], BeforeValidator(_several)]
"""One mesh axis or several that slice a dimension together, the first slowest."""


class SplitEntry(Entry):
    """Which processors do a layer's work, and which slice of it each does."""

    shard: dict[str, Axes] = Field(description="dimension to mesh axes")
    at: dict[str, int] = Field({}, description="mesh axis to coordinate: only the processors there")
    on: tuple[str, ...] = Field(description="processors in place of the mesh")


class RuleEntry(SplitEntry):
    """How the layers that a pattern matches are placed."""

    gradient: SplitEntry | None = Field(None, description="gradient tasks, if placed apart")
    update: SplitEntry | None = Field(None, description="update tasks, if placed apart")
    microbatches: int | None = Field(None, description="null for the plan's")
    store: dict[str, Axes] = Field({}, description="what is kept in shards, to the axes it is sharded along")
    recompute: bool = Field(False, description="whether activations are computed again for the gradients")


class PipelineEntry(Entry):
    """Stages of consecutive layers along a mesh axis."""

    axis: str
    cuts: tuple[str, ...] = Field(description="the first layer of each later stage")


class AlgorithmEntry(Entry):
    """How a kind of collective is carried out."""

    algorithm: str
    pieces: int = Field(description="into how many a payload is cut")
    server: str | None = Field(description="the memory that the algorithm 'server' goes through")


class PlanControlEntry(Entry):
    """Who says when a task starts."""

    kind: str = Field(description="dataflow, static or dynamic")
    spacing_ps: int | None = Field(description="between signals that wait for no input; null to wait")


class PlanEntry(Entry):
    """How it was split."""

    mesh: dict[str, int] = Field(description="axis to length")
    processors: tuple[str, ...] = Field(description="those of the mesh; empty for all")
    shares: dict[str, tuple[int, ...]] = Field({}, description="axis to proportions, if not equal")
    layers: dict[str, RuleEntry] = Field(description="pattern of layer names to rule; the last that matches")
    pipeline: PipelineEntry | None = None
    microbatches: int = Field(1, description="of layers whose rule says nothing else")
    order: Order = Field("1f1b", description="of micro-batches")
    bucket_bytes: int = Field(0, description="gradients exchanged together; 0 for each alone")
    collectives: dict[str, AlgorithmEntry] = Field({}, description="kind, or *, to how it is carried out")
    control: PlanControlEntry = Field(PlanControlEntry(kind="dataflow", spacing_ps=None))
    buffers: int = Field(2, description="samples that a buffer of a hardware pipeline holds")
    banks: dict[str, str] = Field({}, description="pattern of tensors to the bank they are kept in")
