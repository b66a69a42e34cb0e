"""The task graph of one step of an experiment, built from its network phase by phase."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dataflow.conventions import as_trained, initial_faults, initial_of, update_of
from dataflow.differences import finite_difference
from dataflow.errors import NetworkError
from dataflow.experiment import Experiment, Mode, Training
from dataflow.network import DATA, LABEL, WEIGHT, Network
from dataflow.numbers.formats import dtype_of
from dataflow.ops import (
    ArgMax,
    BatchNormalization,
    BatchNormalizationInference,
    Dropout,
    Loss,
    Op,
    Operand,
    Pass,
    Role,
    Scale,
    gradient_of,
)
from dataflow.task_graph import Task, TaskGraph
from dataflow.tensor import Tensor, TensorKind

__all__ = [
    "PREDICTION",
    "Task",
    "TaskGraph",
    "evaluation_graph",
    "inference_graph",
    "step_graph",
    "training_graph",
]

PREDICTION = "prediction"
"""The tensor that holds the class a network takes each example for, where nothing is learned."""


def step_graph(experiment: Experiment) -> TaskGraph:
    """The task graph of one step of an experiment, in its mode; raises as those of the modes do."""
    return training_graph(experiment) if experiment.mode == "training" else inference_graph(experiment)


def training_graph(experiment: Experiment) -> TaskGraph:
    """The task graph of one training step of an experiment's network.

    Raises NetworkError and CheckError when layers do not fit together.
    """
    builder = _Builder(experiment.network, experiment.training, "training")
    builder.add_batch(experiment.network.batch(experiment.training.batch), versions=(0, 1))
    builder.add_forward()
    if experiment.training.gradient == "finite-difference":
        builder.add_differences()
    else:
        builder.add_gradients()
    builder.add_updates()
    return builder.graph


def inference_graph(experiment: Experiment) -> TaskGraph:
    """The forward passes alone, which end in the ``prediction`` of the class instead of the loss.

    Nothing is learned and nothing dropped. Inverted dropout is left out; the paper's instead multiplies
    by what it keeps on average (Krizhevsky et al. 2012, section 4.2). Batch normalisation uses the running
    statistics of the training, which are parameters here: 0 and 1 where nothing has been learned. Raises
    NetworkError and CheckError when layers do not fit together.
    """
    mode: Mode = "pipeline" if experiment.mode == "pipeline" else "inference"
    builder = _Builder(experiment.network, experiment.training, mode)
    builder.forget_training(loss=False)
    data, _ = experiment.network.batch(experiment.training.batch)
    builder.add_batch([data], versions=(0,))
    builder.add_forward()
    return builder.graph


def evaluation_graph(experiment: Experiment) -> TaskGraph:
    """As ``inference_graph``, but with the loss at its end, which reads the ``label`` of each example.

    Raises NetworkError and CheckError when layers do not fit together.
    """
    builder = _Builder(experiment.network, experiment.training, "inference")
    builder.forget_training(loss=True)
    builder.add_batch(experiment.network.batch(experiment.training.batch), versions=(0,))
    builder.add_forward()
    return builder.graph


_KINDS = {
    Role.OUTPUT: TensorKind.ACTIVATION,
    Role.SAVED: TensorKind.SAVED,
    Role.RANDOM: TensorKind.MASK,
    Role.PARAMETER: TensorKind.PARAMETER,
}


class _Builder:
    """Collects the tensors and tasks of a step, phase by phase."""

    def __init__(self, network: Network, training: Training, mode: Mode) -> None:
        self.network = network
        self.training = training
        self.mode = mode
        for _, fault in initial_faults(training.initial, network.layers):
            raise NetworkError(f"training.initial: {fault}")
        self.ops = {name: as_trained(op, training) for name, op in network.ops(training.batch).items()}
        self.tensors: dict[str, Tensor] = {}
        self.tasks: list[Task] = []
        self._left_out: set[str] = set()

    @property
    def graph(self) -> TaskGraph:
        """What has been collected."""
        return TaskGraph(self.network, self.training, self.ops, self.tensors, tuple(self.tasks), self.mode)

    def add_batch(self, operands: Sequence[Operand], versions: Sequence[int]) -> None:
        """The tensors that come from outside: this step's version, and the next step's."""
        for version in versions:
            for given in operands:
                dtype = given.dtype or self._dtype(given.name, TensorKind.BATCH)
                self._add_tensor(
                    Tensor(given.name, version, TensorKind.BATCH, given.labels, given.shape, dtype, DATA)
                )

    def forget_training(self, *, loss: bool) -> None:
        """Puts in the place of ops that are different, or nothing, in inference what they are there.

        loss: whether the loss stays as it is; otherwise a prediction takes its place.
        """
        if PREDICTION in self.ops and not loss:
            raise NetworkError(
                f"layer {PREDICTION!r} has the name of what a network predicts in inference; rename it"
            )
        for layer, op in self.ops.items():
            if isinstance(op, Loss) and not loss:
                self.ops[layer] = ArgMax(op.batch, op.classes, op.positions)
            elif isinstance(op, BatchNormalization):
                self.ops[layer] = BatchNormalizationInference(op.shape, op.epsilon)
            elif isinstance(op, Dropout) and op.inverted:
                self._left_out.add(layer)
            elif isinstance(op, Dropout):
                self.ops[layer] = Scale(op.shape, 1 - op.rate)

    def _dtype(self, base: str, kind: TensorKind) -> str:
        scores = {
            self._source(layer, op.operand("input"))
            for layer, op in self.ops.items()
            if isinstance(op, Loss | ArgMax)
        }
        return dtype_of(self.training, base, kind, scores=base in scores)

    def _add_tensor(self, tensor: Tensor) -> str:
        self.tensors[tensor.name] = tensor
        return tensor.name

    def _tensor(self, base: str, operand: Operand, kind: TensorKind, layer: str, version: int = 0) -> str:
        initial = None
        if kind is TensorKind.PARAMETER:
            spec = self.network.layers[layer]
            initial = initial_of(layer, spec, self.ops[layer], operand, self.training)
        dtype = operand.dtype or self._dtype(base, kind)
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
            base = PREDICTION if isinstance(self.ops[layer], ArgMax) else base
        name = f"{base}@0"
        if name not in self.tensors:
            self._tensor(base, operand, _KINDS[operand.role], layer)
        return name

    def _source(self, layer: str, operand: Operand) -> str:
        """The layer (or the batch) that an input comes from: inputs are listed in the op's order."""
        if operand.name == LABEL:
            return LABEL
        names = [each.name for each in self.ops[layer].by_role(Role.INPUT) if each.name != LABEL]
        source = self.network.inputs[layer][names.index(operand.name)]
        while source in self._left_out:
            (source,) = self.network.inputs[source]
        return source

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
            if layer in self._left_out:
                continue
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
            dtype = self._dtype(base, kind)
            self._add_tensor(replace(self.tensors[primal], base=base, kind=kind, dtype=dtype, initial=None))
        return f"{base}@0"

    def add_differences(self) -> None:
        """In place of gradient passes, one finite difference for each layer that learns."""

        def tensor_of(layer: str, operand: Operand) -> Tensor:
            return self.tensors[self._operand_tensor(layer, operand)]

        for layer, op in reversed(self.ops.items()):
            moving = finite_difference(layer, self.ops, tensor_of, self.training.difference_step)
            if moving is not None:
                (direction,) = moving.passes
                reads = {name: f"{name}@0" for name in direction.reads}
                writes = {name: self._gradient_operand(layer, op, name) for name in direction.writes}
                self._add_task(layer, layer, moving, direction, reads, writes)

    def add_updates(self) -> None:
        """The update of each parameter, in the order in which gradients become known."""
        for layer, op in reversed(self.ops.items()):
            for operand in op.by_role(Role.PARAMETER):
                if operand.name == WEIGHT and layer in self.network.shared_weights:
                    continue
                base = f"{layer}.{operand.name}"
                sgd = update_of(operand, self.training)
                reads = {"parameter": f"{base}@0", "gradient": f"{base}.grad@0"}
                if sgd.keeps_velocity:
                    reads["velocity"] = self._velocity(base, operand, layer, 0)
                writes = {"new_parameter": self._tensor(base, operand, TensorKind.PARAMETER, layer, 1)}
                if sgd.keeps_velocity:
                    writes["new_velocity"] = self._velocity(base, operand, layer, 1)
                self._add_task(base, layer, sgd, sgd.passes[0], reads, writes)

    def _velocity(self, base: str, operand: Operand, layer: str, version: int) -> str:
        return self._tensor(f"{base}.velocity", operand, TensorKind.VELOCITY, layer, version)
