"""Hypothesis generators of plans: every way to say who does what, legal as far as that can be told here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from hypothesis import strategies as st

from dataflow.collectives import ALGORITHMS, Collective
from dataflow.hardware import Hardware
from dataflow.ops import BatchNormalization, Op, Role
from dataflow.plan import ON, Axes, CollectiveRule, Kept, Pipeline, Plan, Rule, Split, axes_of


@dataclass(frozen=True)
class Places:
    """What a rule may name. stage: the axis of a pipeline. uneven: whether some axis has shares."""

    mesh: Mapping[str, int]
    everyone: Sequence[str]
    stage: str | None
    uneven: bool
    microbatches: int


@st.composite
def plans(draw: st.DrawFn, ops: Mapping[str, Op], hardware: Hardware) -> Plan:
    """A mesh of one axis or more, and for each layer dimensions over axes or processors of its own."""
    everyone = tuple(hardware.processors)
    chosen = tuple(draw(st.permutations(everyone)))[: draw(st.integers(1, len(everyone)))]
    mesh = draw(_meshes(len(chosen)))
    pipeline = draw(_pipelines(tuple(ops), mesh))
    shares = {}
    if draw(st.integers(0, 3)) == 0:
        axis = draw(st.sampled_from(list(mesh)))
        shares = {axis: tuple(draw(st.integers(1, 3)) for _ in range(mesh[axis]))}
    batch = min((op.loops["batch"] for op in ops.values() if "batch" in op.loops), default=1)
    microbatches = draw(st.sampled_from([n for n in (1, 1, 2, 3, 4) if n <= batch]))
    stage = pipeline.axis if pipeline else None
    places = Places(mesh, everyone, stage, bool(shares), microbatches)
    rules = {name: draw(_rules(op, places)) for name, op in ops.items()}
    together = {rule.microbatches or microbatches for rule in rules.values()}
    joined = len(together) > 1 or any(isinstance(op, BatchNormalization) for op in ops.values())
    return Plan(
        mesh=mesh,
        processors=chosen,
        shares=shares,
        layers=rules,
        pipeline=pipeline,
        microbatches=microbatches,
        # What joins micro-batches needs all of them forward before any goes back.
        order="gpipe" if joined else draw(st.sampled_from(("gpipe", "1f1b"))),
        bucket_bytes=draw(st.sampled_from((0, 0, 100, 1000))),
        collectives=draw(_collectives(hardware)),
    )


@st.composite
def _meshes(draw: st.DrawFn, count: int) -> Mapping[str, int]:
    """Axes whose lengths multiply to a count."""
    meshes = [{"a": count}, {"a": 1, "b": count}]
    for first in (2, 3):
        if count % first == 0 and count > first:
            meshes += [{"a": first, "b": count // first}] * 3
    return draw(st.sampled_from(meshes))


@st.composite
def _pipelines(draw: st.DrawFn, layers: Sequence[str], mesh: Mapping[str, int]) -> Pipeline | None:
    axis = draw(st.sampled_from(list(mesh)))
    if draw(st.integers(0, 2)) or mesh[axis] > len(layers):
        return None
    cuts = draw(st.permutations(range(1, len(layers))))[: mesh[axis] - 1]
    return Pipeline(axis=axis, cuts=tuple(layers[index] for index in sorted(cuts)))


@st.composite
def _rules(draw: st.DrawFn, op: Op, places: Places) -> Rule:
    dimensions = {
        name: op.divisions[name][0] if name in op.divisions else name
        for name in (*op.shardable, *op.divisions)
    }
    learned = {label: label for parameter in op.by_role(Role.PARAMETER) for label in parameter.labels}
    split = draw(_splits(dimensions, places))
    batch = op.loops.get("batch", 1)
    microbatches = None
    if draw(st.integers(0, 5)) == 0:
        microbatches = draw(st.sampled_from([n for n in (1, 2, 3) if n <= batch]))
    store = draw(_stores(op, places, split, microbatches or places.microbatches))
    # Velocities are where the update is: a rule says one or the other.
    apart = "velocity" not in store and draw(st.integers(0, 4)) == 0
    return Rule(
        shard=split.shard,
        at=split.at,
        on=split.on,
        gradient=draw(_splits(dimensions, places)) if draw(st.integers(0, 4)) == 0 else None,
        update=draw(_splits(learned, places)) if apart else None,
        microbatches=microbatches,
        store=store,
        recompute=draw(st.integers(0, 4)) == 0,
    )


@st.composite
def _splits(draw: st.DrawFn, dimensions: Mapping[str, str], places: Places) -> Split:
    """Dimensions over axes, each axis once; at some place of others; or processors of their own.

    dimensions: what can be sharded, and the loop that each is or is of.
    """
    if draw(st.integers(0, 3)) == 0:
        everyone = places.everyone
        own = tuple(draw(st.permutations(everyone)))[: draw(st.integers(1, len(everyone)))]
        return Split(on=own, shard=draw(_shards(dimensions, (ON,))))
    at: dict[str, int] = {}
    free = [axis for axis in places.mesh if axis != places.stage]
    if free and draw(st.integers(0, 5)) == 0:
        axis = draw(st.sampled_from(free))
        at[axis] = draw(st.integers(0, places.mesh[axis] - 1))
        free.remove(axis)
    return Split(at=at, shard=draw(_shards(dimensions, tuple(free))))


@st.composite
def _shards(draw: st.DrawFn, dimensions: Mapping[str, str], axes: Sequence[str]) -> Mapping[str, Axes]:
    found: dict[str, Axes] = {}
    for axis in axes:
        loops = {dimensions[name] for name in found}
        free = [name for name, loop in dimensions.items() if loop not in loops]
        several = draw(st.integers(0, 3)) == 0
        if found and several:
            # One dimension along several axes.
            name: str = draw(st.sampled_from(list(found)))
            found[name] = (*axes_of(found[name]), axis)
        elif free and draw(st.integers(0, 4)):
            found[draw(st.sampled_from(free))] = axis
    return found


_KEPT: Sequence[tuple[Kept, ...]] = (
    ("velocity",),
    ("velocity", "gradient"),
    ("velocity", "gradient", "parameter"),
    ("parameter",),
    ("gradient",),
)


@st.composite
def _stores(draw: st.DrawFn, op: Op, places: Places, split: Split, microbatches: int) -> Mapping[Kept, Axes]:
    """Along axes whose processors all read the same parameters: they cut nothing but the batch."""
    if draw(st.booleans()) or split.on or places.uneven:
        return {}
    along: dict[str, str] = {axis: name for name, axes in split.shard.items() for axis in axes_of(axes)}
    cut = prod(places.mesh[axis] for axis in axes_of(split.shard.get("batch", ())))
    fits = op.loops.get("batch", 1) // microbatches >= cut
    possible = [
        axis
        for axis in places.mesh
        if axis != places.stage
        and axis not in split.at
        and (axis not in along or (along[axis] == "batch" and fits))
    ]
    if not possible:
        return {}
    axes: Axes = draw(st.sampled_from([*possible, tuple(possible)]))
    return dict.fromkeys(draw(st.sampled_from(_KEPT)), axes)


@st.composite
def _collectives(draw: st.DrawFn, hardware: Hardware) -> Mapping[str, CollectiveRule]:
    if draw(st.integers(0, 2)) == 0:
        return {}
    found: dict[str, CollectiveRule] = {}
    for kind in Collective:
        if draw(st.booleans()):
            algorithms = ["auto", *(name for name in ALGORITHMS[kind] if name != "hierarchical")]
            if any(processor.node for processor in hardware.processors.values()):
                algorithms.append("hierarchical")
            algorithm = draw(st.sampled_from(algorithms))
            whole = algorithm == "auto" or kind is Collective.ALL_TO_ALL
            found[kind.value] = CollectiveRule(
                algorithm=algorithm,
                pieces=1 if whole else draw(st.sampled_from((1, 1, 2, 3))),
                server=draw(st.sampled_from(hardware.hosts)) if algorithm == "server" else None,
            )
    return found
