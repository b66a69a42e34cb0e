"""Where parameters live, where their gradients are summed and where they are updated."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from dataflow.graph import Task, TaskGraph
from dataflow.ops import Phase
from dataflow.placement.contributions import Home
from dataflow.placement.parts import Parts
from dataflow.plan import Axes, Plan, axes_of
from dataflow.region import Region, uncovered


@dataclass(frozen=True)
class Stored:
    """The homes of a parameter, of its gradient, and the places of its update (and velocity).

    scattered: whether gradients are summed between processors for each micro-batch apart. sharded:
    whether the parameter is kept in shards, and gathered for each micro-batch apart.
    """

    parameter: tuple[Home, ...]
    gradient: tuple[Home, ...]
    update: tuple[Home, ...]
    scattered: bool
    sharded: bool


class Storage:
    """Applies a plan to every parameter of a task graph.

    A parameter lives where forward slices read it, and is updated there. What a plan stores in
    shards lives along a mesh axis in shards of that; a plan may name other places to update it.
    """

    def __init__(self, graph: TaskGraph, plan: Plan, parts: Parts) -> None:
        self._graph = graph
        self._plan = plan
        self._parts = parts
        self._read: dict[str, dict[Home, None]] = {}
        for task in graph.tasks:
            if task.phase in (Phase.FORWARD, Phase.LOSS):
                self._note_reads(task)
        self.of: dict[str, Stored] = {}
        for task in graph.tasks:
            if task.phase is Phase.UPDATE:
                self.of[task.reads["gradient"]] = self.of[task.reads["parameter"]] = self._stored(task)

    def _note_reads(self, task: Task) -> None:
        for part in self._parts.of(task.layer, task.phase):
            for operand, name in task.reads.items():
                region = task.op.region(operand, part.slices)
                if region is not None:
                    self._read.setdefault(name, {})[Home(region, part.processor)] = None

    def _stored(self, task: Task) -> Stored:
        tensor = self._graph.tensors[task.reads["parameter"]]
        read = _disjoint(tuple(self._read[tensor.name]))
        store = self._plan.rule(tensor.layer).store
        parameter = self._shards(read, store["parameter"]) if "parameter" in store else read
        update = parameter
        parts = self._parts.of_update(tensor.layer, task.op)
        if parts is not None:
            update = _distinct(
                Home(Region(tuple(part.slices[loop] for loop in task.op.loops)), part.processor)
                for part in parts
            )
        elif "velocity" in store:
            update = self._shards(read, store["velocity"])
        gradient = self._shards(read, store["gradient"]) if "gradient" in store else update
        # Who updates a parameter that lives elsewhere keeps a copy, rather than ask for it every step.
        parameter = _disjoint([*parameter, *update])
        return Stored(
            parameter, gradient, update, scattered="gradient" in store, sharded="parameter" in store
        )

    def _shards(self, read: tuple[Home, ...], axes: Axes) -> tuple[Home, ...]:
        """Each home's region in shards on all processors along axes, whether these have work or not."""
        return _distinct(
            Home(region, processor)
            for home in read
            for processor in self._parts.along(home.memory, axes_of(axes))
            for region in (self._parts.stored(home.region, processor, axes_of(axes)),)
            if region is not None
        )


def _distinct(homes: Iterable[Home]) -> tuple[Home, ...]:
    return tuple(dict.fromkeys(homes))


def _disjoint(homes: Collection[Home]) -> tuple[Home, ...]:
    """The same regions in the same memories, no part of them twice in one: the largest are left whole."""
    kept: dict[str, list[Region]] = {}
    for home in sorted(homes, key=lambda home: -home.region.size):
        there = kept.setdefault(home.memory, [])
        there += uncovered(home.region, tuple(there))
    order = dict.fromkeys(home.memory for home in homes)
    return tuple(Home(region, memory) for memory in order for region in kept[memory])
