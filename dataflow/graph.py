"""The task graph of one training step, before anything is placed.

Nodes are tasks (forward, loss, gradient and update of each layer); an edge says that
a task reads what another writes. The next step's graph is the same one with every
version one higher.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import networkx as nx

from dataflow.errors import CheckError
from dataflow.experiment import Experiment, Training
from dataflow.layers import Learned
from dataflow.network import DATA, LABEL, WEIGHT, Network
from dataflow.ops import MomentumSgd, Op, Operand, Pass, Phase, Role, gradient_of
from dataflow.tensor import Tensor, TensorKind


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
    """Tasks and tensors of one training step. Raises CheckError, on construction, if malformed."""

    network: Network
    training: Training
    ops: Mapping[str, Op]
    tensors: Mapping[str, Tensor]
    tasks: tuple[Task, ...]

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


def training_graph(experiment: Experiment) -> TaskGraph:
    """The task graph of one training step of an experiment's network.

    Raises NetworkError and CheckError when layers do not fit together.
    """
    builder = _Builder(experiment.network, experiment.training)
    builder.add_forward()
    builder.add_gradients()
    builder.add_updates()
    return TaskGraph(
        network=experiment.network,
        training=experiment.training,
        ops=builder.ops,
        tensors=builder.tensors,
        tasks=tuple(builder.tasks),
    )


_KINDS = {
    Role.OUTPUT: TensorKind.ACTIVATION,
    Role.SAVED: TensorKind.SAVED,
    Role.RANDOM: TensorKind.MASK,
    Role.PARAMETER: TensorKind.PARAMETER,
}


class _Builder:
    """Collects the tensors and tasks of a step, phase by phase."""

    def __init__(self, network: Network, training: Training) -> None:
        self.network = network
        self.training = training
        self.ops = network.ops(training.batch)
        self.tensors: dict[str, Tensor] = {}
        self.tasks: list[Task] = []
        for version in (0, 1):
            for given in network.batch(training.batch):
                dtype = given.dtype or training.dtype
                self._add_tensor(
                    Tensor(given.name, version, TensorKind.BATCH, given.labels, given.shape, dtype, DATA)
                )

    def _add_tensor(self, tensor: Tensor) -> str:
        self.tensors[tensor.name] = tensor
        return tensor.name

    def _tensor(self, base: str, operand: Operand, kind: TensorKind, layer: str, version: int = 0) -> str:
        spec = self.network.layers[layer]
        initial = None
        if kind is TensorKind.PARAMETER and isinstance(spec, Learned):
            initial = spec.initial_of(operand)
        dtype = operand.dtype or self.training.dtype
        return self._add_tensor(
            Tensor(base, version, kind, operand.labels, operand.shape, dtype, layer, initial)
        )

    def _operand_tensor(self, layer: str, operand: Operand) -> str:
        """The name of the tensor that an operand of a layer stands for; made when first asked for."""
        if operand.role is Role.INPUT:
            base = self._source(layer, operand)
        elif operand.name == WEIGHT and layer in self.network.shared_weights:
            layer = self.network.shared_weights[layer]
            operand = self.ops[layer].operand(WEIGHT)
            base = f"{layer}.{WEIGHT}"
        else:
            base = layer if operand.role is Role.OUTPUT else f"{layer}.{operand.name}"
        name = f"{base}@0"
        if name not in self.tensors:
            self._tensor(base, operand, _KINDS[operand.role], layer)
        return name

    def _source(self, layer: str, operand: Operand) -> str:
        """The layer (or the batch) that an input comes from: inputs are listed in the op's order."""
        if operand.name == LABEL:
            return LABEL
        names = [each.name for each in self.ops[layer].by_role(Role.INPUT) if each.name != LABEL]
        return self.network.inputs[layer][names.index(operand.name)]

    def _add_task(
        self, name: str, layer: str, op: Op, direction: Pass, reads: dict[str, str], writes: dict[str, str]
    ) -> None:
        names = [*reads.values(), *writes.values()]
        self.tasks.append(
            Task(
                name=f"{name}.{direction.name}",
                layer=layer,
                op=op,
                direction=direction,
                reads=reads,
                writes=writes,
                flop=op.flop_of(direction),
                bytes=sum(self.tensors[name].bytes for name in names),
                order=len(self.tasks),
            )
        )

    def add_forward(self) -> None:
        """The forward passes of each layer, the loss last; the first to read a mask counts as its writer."""
        for layer, op in self.ops.items():
            undrawn = [operand.name for operand in op.by_role(Role.RANDOM)]
            for direction in op.forward_passes:
                drawn = [name for name in undrawn if name in direction.reads]
                undrawn = [name for name in undrawn if name not in drawn]
                named = {
                    name: self._operand_tensor(layer, op.operand(name))
                    for name in (*direction.reads, *direction.writes)
                }
                writes = {name: named[name] for name in (*drawn, *direction.writes)}
                reads = {name: named[name] for name in named if name not in writes}
                self._add_task(layer, layer, op, direction, reads, writes)

    def add_gradients(self) -> None:
        """The gradient passes of each layer in reverse; none for what depends on no parameter."""
        learned: set[str] = set()
        for layer, op in self.ops.items():
            if op.by_role(Role.PARAMETER) or not learned.isdisjoint(self.network.inputs[layer]):
                learned.add(layer)
        for layer, op in reversed(self.ops.items()):
            if layer not in learned:
                continue
            unwanted = {
                gradient_of(operand.name)
                for operand in op.by_role(Role.INPUT)
                if self._source(layer, operand) not in learned
            }
            for direction in op.gradient_passes:
                wanted = direction.without(unwanted)
                if not wanted.writes:
                    continue
                reads = {name: self._gradient_operand(layer, op, name) for name in wanted.reads}
                writes = {name: self._gradient_operand(layer, op, name) for name in wanted.writes}
                self._add_task(layer, layer, op, wanted, reads, writes)

    def _gradient_operand(self, layer: str, op: Op, name: str) -> str:
        bare = name.removesuffix(".grad")
        operand = op.operand(bare)
        primal = self._operand_tensor(layer, operand)
        if bare == name:
            return primal
        base = gradient_of(self.tensors[primal].base)
        if f"{base}@0" not in self.tensors:
            parameter = operand.role is Role.PARAMETER
            kind = TensorKind.PARAMETER_GRADIENT if parameter else TensorKind.ACTIVATION_GRADIENT
            self._add_tensor(replace(self.tensors[primal], base=base, kind=kind, initial=None))
        return f"{base}@0"

    def add_updates(self) -> None:
        """The update of each parameter, in the order in which gradients become known."""
        training = self.training
        for layer, op in reversed(self.ops.items()):
            for operand in op.by_role(Role.PARAMETER):
                if operand.name == WEIGHT and layer in self.network.shared_weights:
                    continue
                base = f"{layer}.{operand.name}"
                sgd = MomentumSgd(
                    labels=operand.labels,
                    shape=operand.shape,
                    learning_rate=training.learning_rate,
                    momentum=training.momentum,
                    weight_decay=training.weight_decay,
                )
                velocity = [
                    self._tensor(f"{base}.velocity", operand, TensorKind.VELOCITY, layer, version)
                    for version in (0, 1)
                ]
                parameter = self._tensor(base, operand, TensorKind.PARAMETER, layer, 1)
                reads = {"parameter": f"{base}@0", "gradient": f"{base}.grad@0", "velocity": velocity[0]}
                writes = {"new_parameter": parameter, "new_velocity": velocity[1]}
                self._add_task(base, layer, sgd, sgd.passes[0], reads, writes)
