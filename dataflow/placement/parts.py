"""Who does which part of which layer: a plan's rules applied to the loops of the ops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from dataflow.errors import CheckError
from dataflow.hardware import Hardware
from dataflow.ops import Op, Phase
from dataflow.ops.axis import Slices
from dataflow.placement.plan_faults import plan_faults
from dataflow.plan import ON, Plan, Split, axes_of
from dataflow.region import Range, Region, share_of

Place = Mapping[str, int]
"""Coordinates of a processor: mesh axis to index."""


@dataclass(frozen=True)
class Part:
    """The slice of a layer's loops that one processor does, in one micro-batch of so many.

    memory: the one that the processor computes in.
    """

    processor: str
    memory: str
    slices: Slices
    microbatch: int = 0
    microbatches: int = 1


class Parts:
    """The parts of every layer under a plan. Raises CheckError listing what is wrong with the plan.

    gradient_ops: by layer, the op whose loops gradient tasks slice, where it is not the layer's.
    """

    def __init__(
        self,
        plan: Plan,
        ops: Mapping[str, Op],
        hardware: Hardware,
        gradient_ops: Mapping[str, Op] | None = None,
    ) -> None:
        self.plan = plan
        self.hardware = hardware
        self.mesh = mesh_processors(plan, hardware)
        faults = plan_faults(plan, ops, hardware, self.mesh)
        if faults:
            raise CheckError(f"plan for hardware {hardware.name!r}", faults)
        self.stages = plan.stages(tuple(ops))
        self.places: dict[str, Place] = dict(zip(self.mesh, _coordinates(plan.mesh), strict=True))
        self._in_memory: dict[str, list[Place]] = {}
        for processor, place in self.places.items():
            self._in_memory.setdefault(hardware.memory_of(processor), []).append(place)
        self._forward = {name: self._parts(name, op, None) for name, op in ops.items()}
        self._gradient = {
            name: self._parts(name, op, rule.gradient)
            if rule.gradient or op is not ops[name]
            else self._forward[name]
            for name, op in {**ops, **(gradient_ops or {})}.items()
            for rule in (plan.rule(name),)
        }

    def of(self, layer: str, phase: Phase) -> tuple[Part, ...]:
        """Who does what of a layer's forward or gradient passes."""
        return self._gradient[layer] if phase is Phase.GRADIENT else self._forward[layer]

    def of_update(self, layer: str, op: Op) -> tuple[Part, ...] | None:
        """Who does what of the update of a parameter, when the plan says so."""
        split = self.plan.rule(layer).update
        return None if split is None else tuple(self._parts_of(layer, op, split, 1))

    def _parts(self, layer: str, op: Op, split: Split | None) -> tuple[Part, ...]:
        rule = self.plan.rule(layer)
        microbatches = rule.microbatches or self.plan.microbatches
        if "batch" not in op.shardable:
            microbatches = 1
        return tuple(self._parts_of(layer, op, split or rule, microbatches))

    def _parts_of(self, layer: str, op: Op, split: Split, microbatches: int) -> list[Part]:
        """One part for each micro-batch and each processor that has anything to do in it.

        Of processors in one address space that would do the same slice the first does it for all.
        """
        sizes = {ON: len(split.on)} if split.on else self.plan.mesh
        places = dict(zip(split.on, _coordinates(sizes), strict=True)) if split.on else self.places
        at = {} if split.on else self._at(layer, split)
        parts: list[Part] = []
        for microbatch in range(microbatches):
            done: set[tuple[str, tuple[Range, ...]]] = set()
            for processor, place in places.items():
                if any(place[axis] != index for axis, index in at.items()):
                    continue
                slices = op.whole
                if microbatches > 1:
                    slices["batch"] = share_of(slices["batch"], (1,) * microbatches, microbatch)
                for dimension, axes in split.shard.items():
                    loop = op.divisions[dimension][0] if dimension in op.divisions else dimension
                    if loop in op.shardable:
                        shares, index = self._shares(axes_of(axes), sizes, place)
                        slices[loop] = _cut(op, dimension, slices[loop], shares, index)
                memory = self.hardware.memory_of(processor)
                work = (memory, tuple(slices.values()))
                if work not in done and all(start < stop for start, stop in slices.values()):
                    done.add(work)
                    parts.append(Part(processor, memory, slices, microbatch, microbatches))
        return parts

    def _at(self, layer: str, split: Split) -> Mapping[str, int]:
        pipeline = self.plan.pipeline
        if pipeline is None:
            return split.at
        return {pipeline.axis: self.stages[layer], **split.at}

    def _shares(
        self, axes: Sequence[str], sizes: Mapping[str, int], place: Place
    ) -> tuple[tuple[int, ...], int]:
        """The proportions in which several axes together cut a dimension, and which is this place's."""
        each = [self.plan.shares.get(axis, (1,) * sizes[axis]) for axis in axes]
        index = 0
        for axis in axes:
            index = index * sizes[axis] + place[axis]
        return tuple(prod(combination) for combination in product(*each)), index

    def stored(self, region: Region, processor: str, axes: Sequence[str]) -> Region | None:
        """The shard of a region that a processor of the mesh keeps along axes; None for an empty one."""
        place = self.places.get(processor)
        if place is None or not region.ranges:
            return region
        shares, index = self._shares(axes, self.plan.mesh, place)
        first = share_of(region.ranges[0], shares, index)
        return Region((first, *region.ranges[1:])) if first[0] < first[1] else None

    def along(self, processor: str, axes: Sequence[str]) -> tuple[str, ...]:
        """The processors that differ from one along these axes alone; it alone when it is in no mesh."""
        place = self.places.get(processor)
        if place is None:
            return (processor,)
        others = [axis for axis in place if axis not in axes]
        return tuple(
            name for name, there in self.places.items() if all(there[axis] == place[axis] for axis in others)
        )

    def distance(self, memory: str, other: str) -> int:
        """Along how many mesh axes the nearest processors of two memories differ.

        More than there are for a memory in which no processor of the mesh computes.
        """
        return min(
            (
                sum(here[axis] != there[axis] for axis in here)
                for here in self._in_memory.get(memory, ())
                for there in self._in_memory.get(other, ())
            ),
            default=len(self.plan.mesh) + 1,
        )

    def dimension(self, memories: Sequence[str]) -> str:
        """The mesh axes along which the processors of memories differ, joined by ``+``.

        Empty when in one of them no processor of the mesh computes.
        """
        if any(memory not in self._in_memory for memory in memories):
            return ""
        places = [self._in_memory[memory] for memory in memories]
        return "+".join(
            axis
            for axis in self.plan.mesh
            if len({frozenset(place[axis] for place in there) for there in places}) > 1
        )


def mesh_processors(plan: Plan, hardware: Hardware) -> tuple[str, ...]:
    """The processors of the mesh in order: of those listed, else of the machine, one for each place.

    Fewer where there are fewer. Without a mesh the list itself, or the machine's first processor.
    """
    named = plan.processors or tuple(hardware.processors)
    if plan.processors and not plan.mesh:
        return named
    return named[: prod(plan.mesh.values())]


def _coordinates(sizes: Mapping[str, int]) -> list[Place]:
    return [dict(zip(sizes, place, strict=True)) for place in product(*(range(n) for n in sizes.values()))]


def _cut(op: Op, dimension: str, whole: Range, shares: tuple[int, ...], index: int) -> Range:
    """A share of a loop, or of the units of a loop that have a name of their own."""
    if dimension not in op.divisions:
        return share_of(whole, shares, index)
    units = [unit for unit in op.divisions[dimension][1] if whole[0] <= unit[0] and unit[1] <= whole[1]]
    first, last = share_of((0, len(units)), shares, index)
    return (units[first][0], units[last - 1][1]) if first < last else (whole[0], whole[0])
