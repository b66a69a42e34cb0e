"""The executor: computes the values of a simulated run, from tensors where the simulation put them.

It watches the simulation. Values are read when a task starts and published when it ends;
a task reads only from its own processor's memory, which is a store of its own, so a
missing transfer is an error and a wrong one a wrong number.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter

import numpy as np

from dataflow.backend import Array, Backend
from dataflow.batches import Batch, BatchSource
from dataflow.errors import BackendError, NumericError, ResidencyError
from dataflow.network import DATA
from dataflow.number import array_dtype
from dataflow.ops import Dropout, Phase, Role, SoftmaxCrossEntropy
from dataflow.placement import PlacedGraph, PlacedTask, Read, Shard, TaskKind
from dataflow.randomness import dropout_mask, initial_values
from dataflow.region import Region
from dataflow.simulation.schedule import Instance, Schedule
from dataflow.tensor import Tensor, TensorKind

Keep = Callable[[str, Shard, Array], bool]
"""Is shown the value of every home of a tensor, with its name in the run; True to keep the array."""


class Executor:
    """Computes with a backend whatever the simulation starts.

    keep: is shown values as they are published. steps: how many will be run; the batch
    that is loaded after the last is timed but has no values, since nothing reads it.
    compute_s: wall time spent inside the backend so far.
    """

    def __init__(
        self,
        placed: PlacedGraph,
        backend: Backend,
        batches: BatchSource,
        steps: int = 1,
        keep: Keep | None = None,
    ) -> None:
        training = placed.task_graph.training
        if training.dtype not in backend.dtypes:
            raise BackendError(
                f"backend {backend.name!r} does not compute in {training.dtype}; "
                f"it has {', '.join(backend.dtypes)}"
            )
        self.placed = placed
        self.schedule = Schedule(placed)
        self.backend = backend
        self.batches = batches
        self.seed = training.seed
        self.steps = steps
        self.keep = keep
        self.stores: dict[str, dict[Instance, Array]] = {name: {} for name in placed.hardware.memories}
        self.kept: set[Instance] = set()
        self.unpublished: dict[tuple[int, str], dict[str, Array]] = {}
        self.is_home = {name for shards in placed.homes.values() for name in shards}
        self.compute_s = 0.0

    # -- what the simulation tells --------------------------------------------------------

    def begins(self, instances: Sequence[Instance]) -> None:
        """Gives parameters their initial values and sets velocities to zero."""
        by_tensor: dict[str, list[Instance]] = {}
        for instance in instances:
            by_tensor.setdefault(self.placed.shards[instance[0]].tensor.name, []).append(instance)
        for shards in by_tensor.values():
            tensor = self.placed.shards[shards[0][0]].tensor
            whole = None
            if tensor.initial is not None:
                whole = initial_values(self.seed, tensor.base, tensor.shape, tensor.initial)
            for instance in shards:
                shard = self.placed.shards[instance[0]]
                array = self._empty(shard.tensor, shard.region.shape)
                array[...] = 0.0 if whole is None else whole[shard.region.slices_within(tensor.region)]
                self._store(instance, array)

    def started(self, step: int, task: PlacedTask) -> None:
        """Reads what the task reads and computes what it will publish."""
        if task.phase is Phase.LOAD and step + 1 >= self.steps:
            return
        compute = {
            TaskKind.COMPUTE: self._compute,
            TaskKind.SUM: self._sum,
            TaskKind.TRANSFER: self._transfer,
        }[task.kind]
        # What is not finite ends the run with the tensor's name (_check_finite), not with a warning.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            self.unpublished[step, task.name] = compute(step, task)

    def ended(self, step: int, task: PlacedTask) -> None:
        """Publishes what the task wrote."""
        written = self.unpublished.pop((step, task.name), {})
        for operand, array in written.items():
            shard = self.placed.shards[task.writes[operand]]
            instance = self.schedule.instance(shard.name, step)
            if task.kind is not TaskKind.TRANSFER:
                self._check_finite(step, task, shard, array)
            self._store(instance, array)
            home = shard.name in self.is_home and task.phase is not Phase.LOAD
            if self.keep and home and self.keep(shard.tensor.name_in(step), shard, array):
                self.kept.add(instance)

    def freed(self, instance: Instance) -> None:
        """Forgets a value that has left its memory, and lets the backend use its room again."""
        array = self.stores[self.placed.shards[instance[0]].memory].pop(instance, None)
        if instance in self.kept:
            self.kept.discard(instance)
        elif array is not None:
            self.backend.release(array)

    # -- values ---------------------------------------------------------------------------

    def _empty(self, tensor: Tensor, shape: tuple[int, ...]) -> Array:
        return self.backend.empty(tensor.labels, shape, array_dtype(tensor.dtype))

    def _store(self, instance: Instance, array: Array) -> None:
        self.stores[self.placed.shards[instance[0]].memory][instance] = array

    def _resident(self, name: str, step: int, task: PlacedTask, memory: str) -> Array:
        """A shard's value in a memory the task reads from. Raises ResidencyError if it is not there."""
        instance = self.schedule.instance(name, step)
        array = self.stores[memory].get(instance)
        if array is None:
            raise ResidencyError(
                f"task {task.name!r} (step {step}) reads {self.schedule.shard_name(instance)!r}, "
                f"which is not in the memory of {memory!r}; a transfer is missing or it was freed too early"
            )
        return array

    def _operand(self, step: int, task: PlacedTask, read: Read) -> tuple[Array, bool]:
        """An operand as one array, and whether it had to be put together for the purpose."""
        if len(read.pieces) == 1:
            shard = self.placed.shards[read.pieces[0].shard]
            array = self._resident(shard.name, step, task, task.read_memory(read))
            return array[read.region.slices_within(shard.region)], False
        tensor = self.placed.shards[read.pieces[0].shard].tensor
        whole = self._empty(tensor, read.region.shape)
        self._fill(whole, step, task, read)
        return whole, True

    def _compute(self, step: int, task: PlacedTask) -> dict[str, Array]:
        assert task.op is not None
        assert task.direction is not None
        reads: dict[str, Array] = {}
        assembled: list[Array] = []
        for read in task.reads:
            reads[read.operand], made = self._operand(step, task, read)
            if made:
                assembled.append(reads[read.operand])
        written: dict[str, Array] = {}
        for operand, name in task.writes.items():
            shard = self.placed.shards[name]
            if self._drawn(task, operand):
                written[operand] = reads[operand] = self._draw(step, task, shard)
            else:
                written[operand] = self._empty(shard.tensor, shard.region.shape)
        computed = {operand: array for operand, array in written.items() if operand not in reads}
        began = perf_counter()
        self.backend.compute(task.op, task.direction, reads, computed)
        self.compute_s += perf_counter() - began
        for array in assembled:
            self.backend.release(array)
        return written

    @staticmethod
    def _drawn(task: PlacedTask, operand: str) -> bool:
        op = task.op
        return op is not None and any(o.name == operand for o in op.by_role(Role.RANDOM))

    def _draw(self, step: int, task: PlacedTask, shard: Shard) -> Array:
        assert isinstance(task.op, Dropout)
        whole = dropout_mask(self.seed, shard.tensor.name_in(step), shard.tensor.shape, task.op.rate)
        return np.ascontiguousarray(whole[shard.region.slices_within(shard.tensor.region)])

    def _sum(self, step: int, task: PlacedTask) -> dict[str, Array]:
        read = task.reads[0]
        addends = []
        for piece in read.pieces:
            shard = self.placed.shards[piece.shard]
            array = self._resident(shard.name, step, task, task.read_memory(read))
            addends.append(
                (piece.region.slices_within(read.region), array[piece.region.slices_within(shard.region)])
            )
        shard = self.placed.shards[task.writes["total"]]
        total = self._empty(shard.tensor, shard.region.shape)
        began = perf_counter()
        self.backend.accumulate(total, addends)
        self.compute_s += perf_counter() - began
        return {"total": total}

    def _transfer(self, step: int, task: PlacedTask) -> dict[str, Array]:
        """Copies what a message carries; adds, on arrival, what it is to be added to."""
        reads = {read.operand: read for read in task.reads}
        written: dict[str, Array] = {}
        for operand, name in task.writes.items():
            number = operand.removeprefix("copy")
            source, addend = reads[f"source{number}"], reads.get(f"addend{number}")
            for piece in source.pieces:
                if self.placed.shards[piece.shard].supplied:
                    self._supply(step, self.placed.shards[piece.shard])
            copy = self._empty(self.placed.shards[name].tensor, source.region.shape)
            self._fill(copy, step, task, source)
            if addend is not None:
                own, made = self._operand(step, task, addend)
                copy += own
                if made:
                    self.backend.release(own)
            written[operand] = copy
        return written

    def _fill(self, whole: Array, step: int, task: PlacedTask, read: Read) -> None:
        """Puts the pieces of an operand into an array of its region's shape."""
        for piece in read.pieces:
            shard = self.placed.shards[piece.shard]
            array = self._resident(shard.name, step, task, task.read_memory(read))
            whole[piece.region.slices_within(read.region)] = array[piece.region.slices_within(shard.region)]

    def _supply(self, step: int, source: Shard) -> None:
        """Puts the next step's images and labels into host memory when they are first read."""
        if self.schedule.instance(source.name, step) in self.stores[source.memory]:
            return
        batch: Batch = self.batches.batch(step + 1)
        for name, shard in self.placed.shards.items():
            if shard.supplied:
                values = batch.images if shard.tensor.base == DATA else batch.labels
                array = self._empty(shard.tensor, shard.tensor.shape)
                array[...] = values
                self._store(self.schedule.instance(name, step), array)

    def _check_finite(self, step: int, task: PlacedTask, shard: Shard, array: Array) -> None:
        """Raises NumericError for the first tensor with a value that is not finite.

        A velocity is not looked at: the parameter it was just added to tells.
        """
        if shard.tensor.kind in (TensorKind.MASK, TensorKind.VELOCITY):
            return
        with np.errstate(over="ignore", invalid="ignore"):
            total = np.add.reduce(array, axis=None)
        if np.isfinite(total):
            return
        if not np.isfinite(array).all():
            bad = int(np.count_nonzero(~np.isfinite(array)))
            name = shard.tensor.name_in(step)
            raise NumericError(
                f"tensor {name!r} is the first that is not finite: {bad:,} of {array.size:,} values, "
                f"written by {task.name!r} in step {step}; "
                "a smaller training.learning_rate or smaller initial weights may keep it in range"
            )


class Losses:
    """Collects the mean loss of each step from the values an executor publishes."""

    def __init__(self, placed: PlacedGraph) -> None:
        ops = placed.task_graph.ops
        losses = ((name, op.images) for name, op in ops.items() if isinstance(op, SoftmaxCrossEntropy))
        self.layer, self.count = next(losses)
        self.sums: dict[str, dict[Region, float]] = {}

    def see(self, name: str, shard: Shard, array: Array) -> None:
        """Notes the losses of a part of the batch; replicas of the same part count once."""
        if shard.tensor.base == self.layer:
            self.sums.setdefault(name, {})[shard.region] = float(np.sum(array, dtype=np.float64))

    @property
    def means(self) -> tuple[float, ...]:
        """The mean loss of every step so far."""
        return tuple(sum(parts.values()) / self.count for parts in self.sums.values())
