"""The executor: computes the values of a simulated run, from tensors where the simulation put them.

It watches the simulation. Values are read when a task starts and published when it ends;
a task reads only from its own processor's memory, which is a store of its own, so a
missing transfer is an error and a wrong one a wrong number.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
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
from dataflow.values.bindings import Binding, Bindings, Bound, Slices, Source
from dataflow.values.composition import run_pass
from dataflow.values.drops import Drops
from dataflow.values.finite import check_finite
from dataflow.values.given import Given
from dataflow.values.sites import Sites, base_of
from dataflow.values.taken import Taken

Keep = Callable[[str, Shard, Array], bool]
"""Is shown the value of every home of a tensor, with its name in the run; True to keep the array."""


Written = list[Array]
"""What a task writes, in the order of its binding's targets."""


class Executor:
    """Computes with a backend whatever the simulation starts.

    keep: is shown values as they are put there or published. shown: of these tensors, by their names
    without version; None for all. steps: how many will be run; the batch
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
        self.steps = steps
        self.keep = keep
        self.shown = shown
        self.stores: dict[str, dict[Instance, Array]] = {name: {} for name in placed.hardware.memories}
        self.kept: set[Instance] = set()
        self.unpublished: dict[tuple[int, str], Written] = {}
        self.compute_s = 0.0
        self.sites = Sites(placed)
        self.bindings = Bindings(placed, self.schedule, self.stores, () if keep is None else shown)
        self.floating = fixed_point(training.dtype) is None
        self.loads = {placed.tasks[index].name for index in self.schedule.loads}
        self.drops = Drops()
        self.taken = Taken(batches, placed)
        self.given = Given(backend, training.seed)
        self._supplied = {
            name: shard
            for name, shard in placed.shards.items()
            if shard.supplied and shard.tensor.base in (DATA, LABEL)
        }
        self._learning_rate: float | None = None
        kinds = {
            TaskKind.COMPUTE: self._compute,
            TaskKind.SUM: self._sum,
            TaskKind.TRANSFER: self._transfer,
            TaskKind.PREPARE: self._prepare,
        }
        self._computes = {task.name: kinds[task.kind] for task in placed.tasks if task.kind in kinds}
        self._updates: dict[str, MomentumSgd] = {}
        self._store_of = {name: self.stores[shard.memory] for name, shard in placed.shards.items()}
        self._unwarned = False

    @property
    def learning_rate(self) -> float | None:
        """Of updates from now on, None for what their ops say."""
        return self._learning_rate

    @learning_rate.setter
    def learning_rate(self, rate: float | None) -> None:
        if rate == self._learning_rate:
            return
        self._learning_rate = rate
        updates = [(task.name, task.op) for task in self.placed.tasks if isinstance(task.op, MomentumSgd)]
        self._updates = {} if rate is None else {name: op.at(rate) for name, op in updates}

    # -- what the simulation tells --------------------------------------------------------

    def begins(self, instances: Sequence[Instance]) -> None:
        """Gives parameters their initial values and sets velocities to zero."""
        by_tensor: dict[str, list[Instance]] = {}
        for instance in instances:
            by_tensor.setdefault(self.placed.shards[instance[0]].tensor.name, []).append(instance)
        for together in by_tensor.values():
            shards = [self.placed.shards[name] for name, _ in together]
            for instance, array in zip(together, self.given.first(shards), strict=True):
                self._store(instance, array)

    def started(self, step: int, task: PlacedTask) -> None:
        """Reads what the task reads and computes what it will publish."""
        if step + 1 >= self.steps and task.name in self.loads:
            return
        if self._unwarned or not self.floating:
            self._start(step, task)
        else:
            with self.unwarned():
                self._start(step, task)

    @contextmanager
    def unwarned(self) -> Iterator[None]:
        """Within, what is not finite ends the run with the tensor's name, not with a warning of NumPy's.

        It is so for every task; whoever starts many of them can have it for all of them at once.
        """
        self._unwarned = True
        try:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                yield
        finally:
            self._unwarned = False

    def _start(self, step: int, task: PlacedTask) -> None:
        binding = self.bindings.of(task)
        written = self.unpublished[step, task.name] = self._computes[task.name](step, task, binding)
        if self.floating:
            for target, array in zip(binding.writes, written, strict=True):
                if target.checked:
                    check_finite(step, task.name, target.shard, array)

    def ended(self, step: int, task: PlacedTask) -> None:
        """Publishes what the task wrote."""
        written = self.unpublished.pop((step, task.name), None)
        if written is None:
            return
        for target, array in zip(self.bindings.of(task).writes, written, strict=True):
            store, name, later, constant = target.at
            instance = name, (later if constant else later + step)
            store[instance] = array
            if target.shown and self._keeps(step, target.shard, array):
                self.kept.add(instance)

    def _keeps(self, step: int, shard: Shard, array: Array) -> bool:
        if self.keep is None or (self.shown is not None and shard.tensor.base not in self.shown):
            return False
        return self.keep(shard.tensor.name_in(step), shard, array)

    def freed(self, instance: Instance) -> None:
        """Forgets a value that has left its memory, and lets the backend use its room again."""
        array = self._store_of[instance[0]].pop(instance, None)
        if instance in self.kept:
            self.kept.discard(instance)
        elif array is not None:
            self.backend.release(array)

    # -- values ---------------------------------------------------------------------------

    def _store(self, instance: Instance, array: Array) -> None:
        shard = self.placed.shards[instance[0]]
        self.stores[shard.memory][instance] = array
        if self._keeps(instance[1], shard, array):
            self.kept.add(instance)

    def _piece(self, source: Source, step: int, task: PlacedTask) -> Array:
        """A piece's values in a memory the task reads from. Raises ResidencyError if they are not there."""
        store, name, later, constant = source.at
        instance = name, (later if constant else later + step)
        array = store.get(instance)
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

    def _assembled(self, step: int, task: PlacedTask, read: Bound) -> Array:
        """An operand, put together of its pieces."""
        array = self.backend.empty(*read.made)
        self._fill(array, step, task, read)
        return array

    def _compute(self, step: int, task: PlacedTask, binding: Binding) -> Written:
        assert task.op is not None
        assert task.direction is not None
        reads: dict[str, Array] = {}
        assembled: list[Array] = []
        for operand, read in binding.reads.items():
            if read.whole is not None:
                reads[operand] = self._piece(read.whole, step, task)
            else:
                reads[operand] = self._assembled(step, task, read)
                assembled.append(reads[operand])
        written: list[Array] = []
        computed: dict[str, Array] = {}
        for target in binding.writes:
            if target.drawn:
                assert isinstance(task.op, Dropout)
                array = reads[target.name] = self.given.mask(step, target.shard, task.op.rate)
            else:
                array = computed[target.name] = self.backend.empty(*target.made)
            written.append(array)
        site = self.sites.of(step, task)
        op = self._updates.get(task.name) or task.op
        began = perf_counter()
        run_pass(self.backend, op, task.direction, reads, computed, site)
        self.compute_s += perf_counter() - began
        for array in assembled:
            self.backend.release(array)
        return written

    def _sum(self, step: int, task: PlacedTask, binding: Binding) -> Written:
        (read,), (target,) = binding.reads.values(), binding.writes
        addends = list(self._pieces(step, task, read))
        total = self.backend.empty(*target.made)
        began = perf_counter()
        self.backend.accumulate(total, addends, self.sites.of(step, task))
        self.compute_s += perf_counter() - began
        return [total]

    def _transfer(self, step: int, task: PlacedTask, binding: Binding) -> Written:
        """Copies what a message carries; adds, on arrival, what it is to be added to."""
        written: list[Array] = []
        for target, source, addend in binding.messages:
            copy = self.backend.empty(*target.made)
            written.append(copy)
            if addend is None:
                self._fill(copy, step, task, source)
                continue
            whole = addend.whole
            own = self._assembled(step, task, addend) if whole is None else self._piece(whole, step, task)
            everything = (slice(None),) * copy.ndim
            addends = [*self._pieces(step, task, source), (everything, own)]
            self.backend.accumulate(copy, addends, self.sites.of_message(step, task, target.name))
            if whole is None:
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

    def _prepare(self, step: int, task: PlacedTask, binding: Binding) -> Written:
        """What a host makes of files: its part of the images and labels of this step, or of the next."""
        batch = self.taken.batch(step + binding.writes[0].shard.tensor.version)
        return [self.given.of_batch(target.shard, batch) for target in binding.writes]

    def _supply(self, step: int, source: Shard) -> Array:
        """Puts images and labels into host memory when they are first read, and says where.

        Those of the step, or of the next one where steps load the batch of the next.
        """
        version = source.tensor.version
        batch = self.taken.batch(step + version)
        for name, shard in self._supplied.items():
            if shard.tensor.version == version:
                self._store(self.schedule.instance(name, step), self.given.of_batch(shard, batch))
        return self.stores[source.memory][self.schedule.instance(source.name, step)]
