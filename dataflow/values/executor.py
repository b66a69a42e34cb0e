"""The executor: computes the values of a simulated run, from tensors where the simulation put them.

It watches the simulation. Values are read when a task starts and published when it ends;
a task reads only from its own processor's memory, which is a store of its own, so a
missing transfer is an error and a wrong one a wrong number.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import lru_cache
from time import perf_counter

import numpy as np

from dataflow.backend import Array, Backend
from dataflow.data.batches import BatchSource
from dataflow.errors import BackendError, ResidencyError
from dataflow.network import DATA, LABEL
from dataflow.numbers.number import array_dtype, fixed_point
from dataflow.ops import Dropout, MomentumSgd
from dataflow.placement import PlacedGraph, PlacedTask, Shard, TaskKind
from dataflow.simulation.schedule import Instance, Schedule
from dataflow.values.bindings import Bindings, Bound, Slices, Source, made_of
from dataflow.values.composition import run_pass
from dataflow.values.drops import Drops
from dataflow.values.finite import check_finite
from dataflow.values.randomness import dropout_mask, initial_values
from dataflow.values.sites import Sites, base_of
from dataflow.values.taken import Taken

Keep = Callable[[str, Shard, Array], bool]
"""Is shown the value of every home of a tensor, with its name in the run; True to keep the array."""


class Executor:
    """Computes with a backend whatever the simulation starts.

    keep: is shown values as they are put there or published. shown: of these tensors, by their names
    without version; None for all. steps: how many will be run; the batch
    that is loaded after the last is timed but has no values, since nothing reads it.
    compute_s: wall time spent inside the backend so far. drops: what tasks that start at a
    fixed signal, as a plan's ``control`` may have them, found missing and took as zero.
    learning_rate: of updates from now on, None for what their ops say.
    """

    def __init__(
        self,
        placed: PlacedGraph,
        backend: Backend,
        batches: BatchSource,
        steps: int = 1,
        keep: Keep | None = None,
        shown: Collection[str] | None = None,
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
        self.shown = shown
        self.stores: dict[str, dict[Instance, Array]] = {name: {} for name in placed.hardware.memories}
        self.kept: set[Instance] = set()
        self.unpublished: dict[tuple[int, str], dict[str, Array]] = {}
        self.compute_s = 0.0
        self.sites = Sites(placed)
        self.bindings = Bindings(placed, self.schedule, self.stores)
        self.floating = fixed_point(training.dtype) is None
        self.loads = {placed.tasks[index].name for index in self.schedule.loads}
        self.drops = Drops()
        self.taken = Taken(batches, placed)
        # Processors that share a layer cut their parts from the same mask, one after the other.
        self._mask = lru_cache(maxsize=1)(dropout_mask)
        self._supplied = {
            name: shard
            for name, shard in placed.shards.items()
            if shard.supplied and shard.tensor.base in (DATA, LABEL)
        }
        self.learning_rate: float | None = None
        self._kinds = {
            TaskKind.COMPUTE: self._compute,
            TaskKind.SUM: self._sum,
            TaskKind.TRANSFER: self._transfer,
            TaskKind.PREPARE: self._prepare,
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
        if not self.floating:
            self.unpublished[step, task.name] = compute(step, task)
            return
        # What is not finite ends the run with the tensor's name (``check_finite``), not with a warning.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            written = self.unpublished[step, task.name] = compute(step, task)
            if task.processor is not None:
                for target in self.bindings.of(task).writes:
                    check_finite(step, task.name, target.shard, written[target.name])

    def ended(self, step: int, task: PlacedTask) -> None:
        """Publishes what the task wrote."""
        written = self.unpublished.pop((step, task.name), None)
        if written is None:
            return
        for target in self.bindings.of(task).writes:
            array = written[target.name]
            instance = target.at.instance(step)
            target.at.store[instance] = array
            if target.home and self._keeps(step, target.shard, array):
                self.kept.add(instance)

    def _keeps(self, step: int, shard: Shard, array: Array) -> bool:
        if self.keep is None or (self.shown is not None and shard.tensor.base not in self.shown):
            return False
        return self.keep(shard.tensor.name_in(step), shard, array)

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
        if self._keeps(instance[1], shard, array):
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
        op = task.op
        if self.learning_rate is not None and isinstance(op, MomentumSgd):
            op = op.at(self.learning_rate)
        began = perf_counter()
        run_pass(self.backend, op, task.direction, reads, computed, site)
        self.compute_s += perf_counter() - began
        for array in assembled:
            self.backend.release(array)
        return written

    def _draw(self, step: int, task: PlacedTask, shard: Shard) -> Array:
        assert isinstance(task.op, Dropout)
        whole = self._mask(self.seed, shard.tensor.name_in(step), shard.tensor.shape, task.op.rate)
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

    def _prepare(self, step: int, task: PlacedTask) -> dict[str, Array]:
        """What a host makes of files: its part of the images and labels of this step, or of the next."""
        written: dict[str, Array] = {}
        for target in self.bindings.of(task).writes:
            shard = target.shard
            if not written:
                batch = self.taken.batch(step + shard.tensor.version)
            values = batch.images if shard.tensor.base == DATA else batch.labels
            written[target.name] = self._given(shard, values[shard.region.slices_within(shard.tensor.region)])
        return written

    def _supply(self, step: int, source: Shard) -> Array:
        """Puts images and labels into host memory when they are first read, and says where.

        Those of the step, or of the next one where steps load the batch of the next.
        """
        version = source.tensor.version
        batch = self.taken.batch(step + version)
        for name, shard in self._supplied.items():
            if shard.tensor.version == version:
                values = batch.images if shard.tensor.base == DATA else batch.labels
                self._store(self.schedule.instance(name, step), self._given(shard, values))
        return self.stores[source.memory][self.schedule.instance(source.name, step)]
