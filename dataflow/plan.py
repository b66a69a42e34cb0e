"""A plan: who does which part of which layer, where its parameters are kept, and in what order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from dataflow.layers import Count

ON = "on"
"""The name of the axis that a layer's own list of processors makes."""

Axes = str | tuple[str, ...]
"""One mesh axis, or several that slice a dimension together, the first slowest."""

Order = Literal["gpipe", "1f1b"]
"""All micro-batches forward and then all backward, or backward as soon as possible and few in flight."""

Kept = Literal["parameter", "gradient", "velocity"]
"""What of a layer can be kept in shards."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Which processors do a layer's work, and which slice of it each does.

    shard: dimension (a loop of the op, such as ``channel``, ``batch``, ``height``, or a name
    for units of one, such as ``group`` or ``head``) to mesh axis or axes. at: mesh axis to
    coordinate: only the processors there. on: processors in place of the mesh; they form an
    axis called ``on``. What is sharded along no axis is computed by each of the processors.
    """

    shard: Mapping[str, Axes] = field(default_factory=dict)
    at: Mapping[str, Annotated[int, Ge(0)]] = field(default_factory=dict)
    on: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Rule(Split):
    """How layers are placed: their forward tasks, and all others unless they are placed apart.

    gradient, update: other processors or slices for these tasks. microbatches: the batch in
    so many parts, one after the other; None for the plan's. store: ``parameter``, ``gradient``
    or ``velocity`` to a mesh axis, along which what would be held by every processor is kept
    in shards of its first dimension. recompute: whether activations are computed again for
    the gradients rather than kept.
    """

    gradient: Split | None = None
    update: Split | None = None
    microbatches: Count | None = None
    store: Mapping[Kept, Axes] = field(default_factory=dict)
    recompute: bool = False


@dataclass(frozen=True, kw_only=True)
class Pipeline:
    """Stages of consecutive layers along a mesh axis. cuts: the first layer of each later stage."""

    cuts: tuple[str, ...]
    axis: str = "stage"


@dataclass(frozen=True, kw_only=True)
class CollectiveRule:
    """How a collective is carried out.

    algorithm: ``auto`` for the one with the least predicted time. pieces: into how many a
    payload is cut so that they follow one another. server: the memory that the algorithm
    ``server`` goes through.
    """

    algorithm: str = "auto"
    pieces: Annotated[int, Gt(0), Le(1024)] = 1
    server: str | None = None


@dataclass(frozen=True, kw_only=True)
class Control:
    """Who says when a task starts.

    kind: ``dataflow``, a task starts when what it reads is there; ``static``, a controller signals
    each task then, whose processor is fixed; ``dynamic``, the controller hands it to whichever
    processor is free. spacing_ps: with ``static``, tasks of the forward pass are signalled
    so far apart whether what they read is there or not, and take what is missing as zero
    (race dropout); None to wait for it.
    """

    kind: Literal["dataflow", "static", "dynamic"] = "dataflow"
    spacing_ps: Annotated[int, Gt(0)] | None = None


ANY = "*"
"""The key of the rule for collectives that have none of their own."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A mesh of processors and a rule for each layer; of the patterns that match, the last wins.

    mesh: axis name to length, the last axis fastest. processors: those of the mesh, in order;
    all of the hardware's when empty. shares: axis to the proportions in which it is shared,
    equal for an axis that is not named. layers: name pattern (``*``, ``conv?``) to rule.
    microbatches: of layers whose rule says nothing else. order: of micro-batches.
    bucket_bytes: parameter gradients are exchanged together until so many are; 0 for each alone.
    collectives: kind, such as ``all-reduce``, or ``*``, to how it is carried out. Unless it says,
    processors that add what arrives on the way (as collective libraries do) choose by predicted
    time, and others send directly. control: who says when a task starts. buffers: how many
    samples a buffer between two processors of a hardware pipeline holds. banks: tensor (without
    its version) or pattern to the bank, or kind of bank, of its address space that it is kept in;
    others are kept in the nearest with room.
    """

    mesh: Mapping[str, Count] = field(default_factory=dict)
    processors: tuple[str, ...] = ()
    shares: Mapping[str, tuple[Count, ...]] = field(default_factory=dict)
    layers: Mapping[str, Rule] = field(default_factory=dict)
    pipeline: Pipeline | None = None
    microbatches: Count = 1
    order: Order = "1f1b"
    bucket_bytes: Annotated[int, Ge(0)] = 0
    collectives: Mapping[str, CollectiveRule] = field(default_factory=dict)
    control: Control = field(default_factory=Control)
    buffers: Count = 2
    banks: Mapping[str, str] = field(default_factory=dict)

    def rule(self, layer: str) -> Rule:
        """The rule for a layer: that of the last pattern that matches, or an empty one."""
        found = Rule()
        for pattern, rule in self.layers.items():
            if fnmatchcase(layer, pattern):
                found = rule
        return found

    def collective(self, kind: str) -> CollectiveRule | None:
        """How a kind of collective is carried out; None when the plan does not say."""
        return self.collectives.get(kind, self.collectives.get(ANY))

    def stages(self, layers: Sequence[str]) -> dict[str, int]:
        """The pipeline stage of each layer, of layers in the order in which they are computed."""
        cuts = set(self.pipeline.cuts) if self.pipeline else set()
        stage, found = 0, {}
        for layer in layers:
            stage += layer in cuts
            found[layer] = stage
        return found


def axes_of(axes: Axes) -> tuple[str, ...]:
    """A tuple, also of a single axis."""
    return (axes,) if isinstance(axes, str) else axes
