"""The executor: computes the values of a simulated run, from tensors where the simulation put them.

It watches the simulation. Values are read when a task starts and published when it ends;
a task reads only from its own processor's memory, which is a store of its own, so a
missing transfer is an error and a wrong one a wrong number.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from time import perf_counter

import numpy as np

from dataflow.backend import Array, Backend
from dataflow.data.batches import Batch, BatchSource
from dataflow.errors import BackendError, ResidencyError
from dataflow.network import DATA
from dataflow.numbers.number import array_dtype, fixed_point
from dataflow.ops import Dropout, Loss
from dataflow.placement import PlacedGraph, PlacedTask, Shard, TaskKind
from dataflow.region import Region
from dataflow.simulation.schedule import Instance, Schedule
from dataflow.values.bindings import Bindings, Bound, Slices, Source, made_of
from dataflow.values.composition import run_pass
from dataflow.values.drops import Drops
from dataflow.values.finite import check_finite
from dataflow.values.randomness import dropout_mask, initial_values
from dataflow.values.sites import Sites, base_of

Keep = Callable[[str, Shard, Array], bool]
"""Is shown the value of every home of a tensor, with its name in the run; True to keep the array."""


class Executor:
    """Computes with a backend whatever the simulation starts.

    keep: is shown values as they are put there or published. steps: how many will be run; the batch
    that is loaded after the last is timed but has no values, since nothing reads it.
    compute_s: wall time spent inside the backend so far. drops: what tasks that start at a
    fixed signal, as a plan's ``control`` may have them, found missing and took as zero.
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
        if not backend.supports(training.dtype):
            hint = "; backend: fixed computes in fixed point" if fixed_point(training.dtype) else ""
            raise BackendError(
                f"backend {backend.name!r} does not compute in {training.dtype}; "
                f"it has {', '.join(backend.dtypes)}{hint}"
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
        self.compute_s = 0.0
        self.sites = Sites(placed)
        self.bindings = Bindings(placed, self.schedule, self.stores)
        self.floating = fixed_point(training.dtype) is None
        self.loads = {placed.tasks[index].name for index in self.schedule.loads}
        self.drops = Drops()
        self._kinds = {
            TaskKind.COMPUTE: self._compute,
            TaskKind.SUM: self._sum,
            TaskKind.TRANSFER: self._transfer,
        }

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
                values = 0.0 if whole is None else whole[shard.region.slices_within(tensor.region)]
                self._store(instance, self._given(shard, values))

    def started(self, step: int, task: PlacedTask) -> None:
        """Reads what the task reads and computes what it will publish."""
        if step + 1 >= self.steps and task.name in self.loads:
            return
        compute = self._kinds[task.kind]
        if self.floating:
            # What is not finite ends the run with the tensor's name (``check_finite``), not with a warning.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                self.unpublished[step, task.name] = compute(step, task)
        else:
            self.unpublished[step, task.name] = compute(step, task)

    def ended(self, step: int, task: PlacedTask) -> None:
        """Publishes what the task wrote."""
        written = self.unpublished.pop((step, task.name), None)
        if written is None:
            return
        for target in self.bindings.of(task).writes:
            array = written[target.name]
            if self.floating and task.kind is not TaskKind.TRANSFER:
                check_finite(step, task.name, target.shard, array)
            instance = target.at.instance(step)
            target.at.store[instance] = array
            if target.home and self.keep:
                shard = target.shard
                if self.keep(shard.tensor.name_in(step), shard, array):
                    self.kept.add(instance)

    def freed(self, instance: Instance) -> None:
        """Forgets a value that has left its memory, and lets the backend use its room again."""
        array = self.stores[self.placed.shards[instance[0]].memory].pop(instance, None)
        if instance in self.kept:
            self.kept.discard(instance)
        elif array is not None:
            self.backend.release(array)

    # -- values ---------------------------------------------------------------------------

    def _given(self, shard: Shard, values: Array | float) -> Array:
        """A shard's array of values that nothing computes, in the shard's format."""
        array = self.backend.empty(*made_of(shard.tensor, shard.region))
        self.backend.fill(array, values, shard.tensor.dtype, shard.tensor.base)
        return array

    def _store(self, instance: Instance, array: Array) -> None:
        shard = self.placed.shards[instance[0]]
        self.stores[shard.memory][instance] = array
        if self.keep and self.keep(shard.tensor.name_in(instance[1]), shard, array):
            self.kept.add(instance)

    def _piece(self, source: Source, step: int, task: PlacedTask) -> Array:
        """A piece's values in a memory the task reads from. Raises ResidencyError if they are not there."""
        instance = source.at.instance(step)
        array = source.at.store.get(instance)
        if source.raced:
            missing = array is None
            self.drops.note(step, base_of(source.shard.tensor), source.region.size, missing=missing)
            if missing:
                return np.zeros(source.region.shape, array_dtype(source.shard.tensor.dtype))
        if array is None and source.shard.supplied:
            array = self._supply(step, source.shard)
        if array is None:
            name = self.placed.shards[instance[0]].name_in(instance[1])
            raise ResidencyError(
                f"task {task.name!r} (step {step}) reads {name!r}, "
                f"which is not in the memory of {source.shard.memory!r}; a transfer is missing or it was "
                "freed too early"
            )
        return array if source.part is None else array[source.part]

    def _operand(self, step: int, task: PlacedTask, read: Bound) -> tuple[Array, bool]:
        """An operand as one array, and whether it had to be put together for the purpose."""
        if read.whole:
            return self._piece(read.sources[0], step, task), False
        array = self.backend.empty(*read.made)
        self._fill(array, step, task, read)
        return array, True

    def _compute(self, step: int, task: PlacedTask) -> dict[str, Array]:
        assert task.op is not None
        assert task.direction is not None
        binding = self.bindings.of(task)
        reads: dict[str, Array] = {}
        assembled: list[Array] = []
        for operand, read in binding.reads.items():
            reads[operand], made = self._operand(step, task, read)
            if made:
                assembled.append(reads[operand])
        written: dict[str, Array] = {}
        computed: dict[str, Array] = {}
        for target in binding.writes:
            if target.drawn:
                written[target.name] = reads[target.name] = self._draw(step, task, target.shard)
            else:
                written[target.name] = computed[target.name] = self.backend.empty(*target.made)
        site = self.sites.of(step, task)
        began = perf_counter()
        run_pass(self.backend, task.op, task.direction, reads, computed, site)
        self.compute_s += perf_counter() - began
        for array in assembled:
            self.backend.release(array)
        return written

    def _draw(self, step: int, task: PlacedTask, shard: Shard) -> Array:
        assert isinstance(task.op, Dropout)
        whole = dropout_mask(self.seed, shard.tensor.name_in(step), shard.tensor.shape, task.op.rate)
        return np.ascontiguousarray(whole[shard.region.slices_within(shard.tensor.region)])

    def _sum(self, step: int, task: PlacedTask) -> dict[str, Array]:
        binding = self.bindings.of(task)
        (read,), (target,) = binding.reads.values(), binding.writes
        addends = list(self._pieces(step, task, read))
        total = self.backend.empty(*target.made)
        began = perf_counter()
        self.backend.accumulate(total, addends, self.sites.of(step, task))
        self.compute_s += perf_counter() - began
        return {target.name: total}

    def _transfer(self, step: int, task: PlacedTask) -> dict[str, Array]:
        """Copies what a message carries; adds, on arrival, what it is to be added to."""
        binding = self.bindings.of(task)
        written: dict[str, Array] = {}
        for target in binding.writes:
            number = target.name.removeprefix("copy")
            source, addend = binding.reads[f"source{number}"], binding.reads.get(f"addend{number}")
            copy = written[target.name] = self.backend.empty(*target.made)
            if addend is None:
                self._fill(copy, step, task, source)
                continue
            own, made = self._operand(step, task, addend)
            everything = (slice(None),) * copy.ndim
            addends = [*self._pieces(step, task, source), (everything, own)]
            self.backend.accumulate(copy, addends, self.sites.of(step, task, target.name))
            if made:
                self.backend.release(own)
        return written

    def _pieces(self, step: int, task: PlacedTask, read: Bound) -> Iterator[tuple[Slices, Array]]:
        """The pieces of an operand, each with its place in an array of the operand's region."""
        for source in read.sources:
            yield source.place, self._piece(source, step, task)

    def _fill(self, whole: Array, step: int, task: PlacedTask, read: Bound) -> None:
        """Puts the pieces of an operand into an array of its region's shape."""
        for place, array in self._pieces(step, task, read):
            whole[place] = array

    def _supply(self, step: int, source: Shard) -> Array:
        """Puts images and labels into host memory when they are first read, and says where.

        Those of the step, or of the next one where steps load the batch of the next.
        """
        version = source.tensor.version
        batch: Batch = self.batches.batch(step + version)
        for name, shard in self.placed.shards.items():
            if shard.supplied and shard.tensor.version == version:
                values = batch.images if shard.tensor.base == DATA else batch.labels
                self._store(self.schedule.instance(name, step), self._given(shard, values))
        return self.stores[source.memory][self.schedule.instance(source.name, step)]


class Losses:
    """Collects the mean loss of each step from the values an executor publishes."""

    def __init__(self, placed: PlacedGraph) -> None:
        ops = placed.task_graph.ops
        losses = ((name, op.images) for name, op in ops.items() if isinstance(op, Loss))
        self.layer, self.count = next(losses)
        self.sums: dict[str, dict[Region, float]] = {}

    def see(self, name: str, shard: Shard, array: Array) -> None:
        """Notes the losses of a part of the batch; replicas of the same part count once."""
        if shard.tensor.base == self.layer:
            self.sums.setdefault(name, {})[shard.region] = float(np.sum(array, dtype=np.float64))

    @property
    def means(self) -> tuple[float, ...]:
        """The mean loss of every step so far; parts are added in their order in the batch."""
        return tuple(
            sum(parts[region] for region in sorted(parts, key=lambda region: region.ranges)) / self.count
            for parts in self.sums.values()
        )

    def take(self) -> float:
        """The mean loss of the one step that was seen, which is forgotten."""
        (mean,) = self.means
        self.sums.clear()
        return mean
