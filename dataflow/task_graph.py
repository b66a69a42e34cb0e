"""A task graph: one step before anything is placed.

Nodes are tasks (forward, loss, gradient and update of each layer, or the forward ones alone); an
edge says that a task reads what another writes. The next step's graph is the same one with
every version one higher.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import networkx as nx

from dataflow.errors import CheckError
from dataflow.experiment import Mode, Training
from dataflow.network import Network
from dataflow.ops import FiniteDifference, Op, Pass, Phase
from dataflow.tensor import Tensor


@dataclass(frozen=True)
class Task:
    """One pass of one layer's op over the whole batch.

    reads, writes: operand name (as in the pass) to tensor name. order: its place among
    the tasks, which is also its priority within a phase. after: tasks that must have ended
    before it starts, beyond those whose tensors it reads.
    """

    name: str
    layer: str
    op: Op
    direction: Pass
    reads: Mapping[str, str]
    writes: Mapping[str, str]
    flop: int
    bytes: int
    order: int
    after: tuple[str, ...] = ()

    @property
    def phase(self) -> Phase:
        """The part of the step it belongs to."""
        return self.direction.phase


@dataclass(frozen=True)
class TaskGraph:
    """Tasks and tensors of one step. Raises CheckError, on construction, if malformed.

    mode: what a step is; in ``inference`` and ``pipeline`` there are forward tasks alone, which load
    the batch they read, and parameters are constants.
    """

    network: Network
    training: Training
    ops: Mapping[str, Op]
    tensors: Mapping[str, Tensor]
    tasks: tuple[Task, ...]
    mode: Mode = "training"

    def __post_init__(self) -> None:
        faults = list(self._faults())
        if faults:
            raise CheckError(f"task graph of {self.network.name!r}", faults)

    def _faults(self) -> Iterator[str]:
        """Every read is of a tensor that exists and was written, or is there from the start."""
        written = {name for task in self.tasks for name in task.writes.values()}
        for task in self.tasks:
            for operand, name in (*task.reads.items(), *task.writes.items()):
                if name not in self.tensors:
                    yield f"task {task.name!r}: {operand} is tensor {name!r}, which is not defined"
            for operand, name in task.reads.items():
                tensor = self.tensors.get(name)
                if name not in written and not (tensor is not None and tensor.carried):
                    yield f"task {task.name!r} reads {operand} {name!r}, which no task writes"
        if not nx.is_directed_acyclic_graph(self.graph):
            yield f"tasks wait for one another in a cycle: {nx.find_cycle(self.graph)}"

    @cached_property
    def writers(self) -> Mapping[str, tuple[Task, ...]]:
        """For each tensor the tasks that write it; where several do, its value is their sum."""
        found: dict[str, list[Task]] = {}
        for task in self.tasks:
            for name in task.writes.values():
                found.setdefault(name, []).append(task)
        return {name: tuple(tasks) for name, tasks in found.items()}

    @cached_property
    def gradient_ops(self) -> Mapping[str, Op]:
        """By layer the op whose loops its gradient tasks are slices of: mostly the layer's own."""
        differences = {task.layer: task.op for task in self.tasks if isinstance(task.op, FiniteDifference)}
        return {**self.ops, **differences}

    @cached_property
    def graph(self) -> nx.DiGraph[str]:
        """The networkx graph: nodes are task names with a ``task``, edges carry the ``tensor``."""
        graph: nx.DiGraph[str] = nx.DiGraph()
        for task in self.tasks:
            graph.add_node(task.name, task=task)
        for task in self.tasks:
            for name in task.reads.values():
                for writer in self.writers.get(name, ()):
                    graph.add_edge(writer.name, task.name, tensor=name)
        return graph
