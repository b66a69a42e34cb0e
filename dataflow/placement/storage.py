"""Where parameters live, where their gradients are summed and where they are updated."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace

from dataflow.ops import Phase
from dataflow.placement.contributions import Home
from dataflow.placement.parts import Parts
from dataflow.plan import Axes, Plan, axes_of
from dataflow.region import Region, uncovered
from dataflow.task_graph import Task, TaskGraph
from dataflow.tensor import Tensor, TensorKind


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
    Parameters that are never updated, of graphs that only infer, have a home alone.
    """

    def __init__(self, graph: TaskGraph, plan: Plan, parts: Parts) -> None:
        self._graph = graph
        self._plan = plan
        self._parts = parts
        self._read: dict[str, dict[Home, Home]] = {}
        for task in graph.tasks:
            if task.phase in (Phase.FORWARD, Phase.LOSS):
                self._note_reads(task)
        self.of: dict[str, Stored] = {}
        for task in graph.tasks:
            if task.phase is Phase.UPDATE:
                self.of[task.reads["gradient"]] = self.of[task.reads["parameter"]] = self._stored(task)
        for name in self._read:
            if name not in self.of:
                self.of[name] = self._constant(graph.tensors[name])

    def _note_reads(self, task: Task) -> None:
        for part in self._parts.of(task.layer, task.phase):
            for operand, name in task.reads.items():
                if self._graph.tensors[name].kind is not TensorKind.PARAMETER:
                    continue
                region = task.op.region(operand, part.slices)
                if region is not None:
                    home = Home(region, part.memory, part.processor)
                    self._read.setdefault(name, {}).setdefault(home, home)

    def _constant(self, tensor: Tensor) -> Stored:
        """Of a parameter that nothing updates: where it is read, or in the shards it is stored in."""
        read = _disjoint(tuple(self._read[tensor.name]))
        store = self._plan.rule(tensor.layer).store
        homes = self._shards(read, store["parameter"]) if "parameter" in store else read
        return Stored(homes, (), (), scattered=False, sharded="parameter" in store)

    def _stored(self, task: Task) -> Stored:
        tensor = self._graph.tensors[task.reads["parameter"]]
        read = _disjoint(tuple(self._read[tensor.name]))
        store = self._plan.rule(tensor.layer).store
        parameter = self._shards(read, store["parameter"]) if "parameter" in store else read
        # In an address space, whoever made a gradient adds it up and applies it, unless the plan says.
        update = tuple(Home(home.region, home.memory) for home in parameter) if not store else parameter
        parts = self._parts.of_update(tensor.layer, task.op)
        if parts is not None:
            update = _distinct(
                Home(Region(tuple(part.slices[loop] for loop in task.op.loops)), part.memory, part.processor)
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
            Home(region, self._parts.hardware.memory_of(processor), processor)
            for home in read
            for processor in self._parts.along(home.processor, axes_of(axes))
            for region in (self._parts.stored(home.region, processor, axes_of(axes)),)
            if region is not None
        )


def _distinct(homes: Iterable[Home]) -> tuple[Home, ...]:
    return tuple(dict.fromkeys(homes))


def _disjoint(homes: Collection[Home]) -> tuple[Home, ...]:
    """The same regions in the same memories, no part of them twice in one: the largest are left whole."""
    kept: dict[str, list[Home]] = {}
    for home in sorted(homes, key=lambda home: -home.region.size):
        there = kept.setdefault(home.memory, [])
        left = uncovered(home.region, tuple(each.region for each in there))
        there += [replace(home, region=region) for region in left]
    order = dict.fromkeys(home.memory for home in homes)
    return tuple(home for memory in order for home in kept[memory])
