"""A plan: which mesh axis shards which dimension of which layer, or who runs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import product
from math import prod

from dataflow.errors import CheckError
from dataflow.hardware import Hardware
from dataflow.layers import Count
from dataflow.ops import Op
from dataflow.ops.axis import Slices
from dataflow.region import split_range

ON = "on"
"""The name of the axis that a layer's own list of processors makes."""


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How layers are placed.

    shard: dimension (a loop of the op, such as ``channel``, ``batch``, ``height``) to mesh
    axis. on: the processors that run the layer, in place of the whole mesh; they form an
    axis called ``on``. What is sharded along no axis is computed by each of its processors.
    """

    shard: Mapping[str, str] = field(default_factory=dict)
    on: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A mesh of processors and a rule for each layer; of the patterns that match, the last wins.

    mesh: axis name to length, the last axis fastest. processors: those of the mesh, in
    order; all of the hardware's when empty. layers: name pattern (``*``, ``conv?``) to rule.
    """

    mesh: Mapping[str, Count] = field(default_factory=dict)
    processors: tuple[str, ...] = ()
    layers: Mapping[str, Rule] = field(default_factory=dict)

    def rule(self, layer: str) -> Rule:
        """The rule for a layer: that of the last pattern that matches, or an empty one."""
        found = Rule()
        for pattern, rule in self.layers.items():
            if fnmatchcase(layer, pattern):
                found = rule
        return found


@dataclass(frozen=True)
class Part:
    """The slice of a layer's loops that one processor does."""

    processor: str
    slices: Slices


def parts_of_layers(plan: Plan, ops: Mapping[str, Op], hardware: Hardware) -> dict[str, tuple[Part, ...]]:
    """For each layer who does which slice of its loops. Raises CheckError listing all faults."""
    mesh = _mesh_processors(plan, hardware)
    faults = [*_mesh_faults(plan, mesh), *_faults(plan, ops, hardware)]
    if faults:
        raise CheckError(f"plan for hardware {hardware.name!r}", faults)
    return {name: _parts(plan.rule(name), op, plan, mesh) for name, op in ops.items()}


def _mesh_processors(plan: Plan, hardware: Hardware) -> tuple[str, ...]:
    """The processors of the mesh in order; the first one alone when there is no mesh."""
    if not plan.mesh and not plan.processors:
        return tuple(hardware.processors)[:1]
    return plan.processors or tuple(hardware.processors)


def _mesh_faults(plan: Plan, names: tuple[str, ...]) -> list[str]:
    length = prod(plan.mesh.values())
    if length == len(names):
        return []
    axes = ", ".join(f"{axis}: {size}" for axis, size in plan.mesh.items())
    there = f"{len(names)} are there ({', '.join(names)})"
    return [
        f"mesh {{{axes}}} needs {length} processors, but {there}; change it, or name them under 'processors'"
    ]


def _faults(plan: Plan, ops: Mapping[str, Op], hardware: Hardware) -> list[str]:
    known = ", ".join(hardware.processors)
    faults: list[str] = []
    if ON in plan.mesh:
        faults.append(f"no mesh axis may be called {ON!r}: that is the axis a layer's own processors make")
    faults += [
        f"processor {name!r} is not in hardware {hardware.name!r}, which has {known}"
        for name in plan.processors
        if name not in hardware.processors
    ]
    faults += [f"'processors' names {name!r} more than once" for name in _twice(plan.processors)]
    for pattern, rule in plan.layers.items():
        matched = [name for name in ops if fnmatchcase(name, pattern)]
        if not matched:
            faults.append(f"layer {pattern!r} is not in the network (there are: {', '.join(ops)})")
        faults += [
            f"layer {pattern!r} on {name!r}, but hardware {hardware.name!r} has {known}"
            for name in rule.on
            if name not in hardware.processors
        ]
        faults += [f"layer {pattern!r} names {name!r} more than once under 'on'" for name in _twice(rule.on)]
        faults += _diagonal_faults(pattern, rule)
        axes = (ON,) if rule.on else tuple(plan.mesh)
        faults += [
            f"layer {pattern!r} shards {dimension!r} over axis {axis!r}, "
            f"but the axes are: {', '.join(axes) or 'none'}"
            for dimension, axis in rule.shard.items()
            if axis not in axes
        ]
        possible = sorted({loop for name in matched for loop in ops[name].shardable})
        faults += [
            f"layer {pattern!r} cannot be sharded by {dimension!r}; possible: {', '.join(possible)}"
            for dimension in rule.shard
            if matched and dimension not in possible
        ]
    return faults


def _twice(names: tuple[str, ...]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _diagonal_faults(pattern: str, rule: Rule) -> list[str]:
    """Two dimensions over one axis would leave all but a diagonal of the work undone."""
    along: dict[str, str] = {}
    faults: list[str] = []
    for dimension, axis in rule.shard.items():
        first = along.setdefault(axis, dimension)
        if first != dimension:
            faults.append(
                f"layer {pattern!r} shards both {first!r} and {dimension!r} over axis {axis!r}; "
                "an axis can slice one dimension of a layer"
            )
    return faults


def _parts(rule: Rule, op: Op, plan: Plan, mesh: tuple[str, ...]) -> tuple[Part, ...]:
    """One part for each processor that has anything to do."""
    sizes = {ON: len(rule.on)} if rule.on else plan.mesh
    processors = rule.on or mesh
    parts: list[Part] = []
    coordinates = product(*(range(size) for size in sizes.values()))
    for processor, place in zip(processors, coordinates, strict=True):
        at = dict(zip(sizes, place, strict=True))
        slices = op.whole
        for dimension, axis in rule.shard.items():
            if dimension in op.shardable:
                slices[dimension] = split_range(op.loops[dimension], sizes[axis], at[axis])
        if all(start < stop for start, stop in slices.values()):
            parts.append(Part(processor, slices))
    return tuple(parts)
