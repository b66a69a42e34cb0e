"""Placement: the one mechanism for every way to split a network.

Three rules, and nothing that knows a strategy, a network or a number of processors:

1. A plan slices an op's loops; the slice says which region of each operand a processor
   touches (``Op.region``). What parameters it touches, and what it writes, live with it:
   those regions are the tensor's *homes*.
2. What a task needs and its memory lacks is copied from a home (``_gather``).
3. What several slices contribute to is summed at every home (``_deliver``); the gradient
   of a copy is thereby an addition where the original lives, the adjoint of the copy
   (Hewett and Grady, arXiv 2006.03108). Slices of a summed loop are summed the same way.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dataflow.errors import PlanError
from dataflow.experiment import Experiment
from dataflow.graph import Task, TaskGraph
from dataflow.ops import Op, Phase
from dataflow.ops.axis import Slices
from dataflow.placement.placed import Piece, PlacedGraph, PlacedTask, Read, Shard, TaskKind
from dataflow.plan import Part, Plan, parts_of_layers
from dataflow.hardware import Hardware
from dataflow.region import Region, uncovered
from dataflow.tensor import Tensor, TensorKind


def place(graph: TaskGraph, hardware: Hardware, plan: Plan) -> PlacedGraph:
    """Applies a plan to a task graph.

    Raises CheckError or PlanError when the plan names what is not there, and HardwareError
    when data has no way to where it is needed.
    """
    placement = _Placement(graph, hardware, parts_of_layers(plan, graph.ops, hardware))
    for task in graph.tasks:
        if task.phase is Phase.UPDATE:
            placement.place_update(task)
        else:
            placement.place_pass(task)
    return PlacedGraph(
        task_graph=graph,
        hardware=hardware,
        plan=plan,
        shards=placement.shards,
        homes={name: tuple(s.name for s in shards) for name, shards in placement.homes.items()},
        tasks=tuple(placement.tasks_in_order()),
    )


def place_experiment(experiment: Experiment, graph: TaskGraph) -> PlacedGraph:
    """Applies an experiment's own plan to its task graph."""
    return place(graph, experiment.hardware, experiment.plan)


@dataclass(frozen=True)
class _Contribution:
    """A region that one slice of one task adds to a tensor. key: equal for replicas of the same work."""

    key: tuple[str, tuple[tuple[str, tuple[int, int]], ...]]
    region: Region
    memory: str
    task: Task
    operand: str


@dataclass(frozen=True)
class _Home:
    region: Region
    memory: str


class _Placement:
    """The shards and tasks placed so far, and the two moves that make all of them."""

    def __init__(self, graph: TaskGraph, hardware: Hardware, parts: Mapping[str, tuple[Part, ...]]) -> None:
        if hardware.host is None:
            raise PlanError(
                f"hardware {hardware.name!r} has no host, but the batch starts in host memory; "
                "add one under 'hosts'"
            )
        self.graph = graph
        self.hardware = hardware
        self.host = hardware.host
        self.parts = parts
        self.shards: dict[str, Shard] = {}
        self.local: dict[tuple[str, str], list[Shard]] = {}
        self.homes: dict[str, list[Shard]] = {}
        self.tasks: list[PlacedTask] = []
        self.expected = self._contributions_by_tensor()

    # -- what the plan implies ------------------------------------------------------

    def _contributions_by_tensor(self) -> dict[str, list[_Contribution]]:
        """For each tensor what every slice of every task that writes it contributes, in order."""
        found: dict[str, list[_Contribution]] = {}
        for task in self.graph.tasks:
            if task.phase is Phase.UPDATE:
                continue
            for operand, name in task.writes.items():
                for part in self.parts[task.layer]:
                    region = task.op.region(operand.removesuffix(".grad"), part.slices)
                    if region is not None:
                        key = (task.name, _work_done(task.op, part.slices))
                        found.setdefault(name, []).append(
                            _Contribution(key, region, part.processor, task, operand)
                        )
        return found

    def _homes_of(self, tensor: Tensor) -> list[_Home]:
        """Where a tensor's value is to be: with its makers; a gradient where its primal is."""
        if tensor.base.endswith(".grad"):
            primal = f"{tensor.base.removesuffix('.grad')}@0"
            return [_Home(shard.region, shard.memory) for shard in self.homes[primal]]
        return list(dict.fromkeys(_Home(c.region, c.memory) for c in self.expected[tensor.name]))

    # -- shards ---------------------------------------------------------------------

    def _add_shard(self, tensor: Tensor, region: Region, memory: str, *, home: bool, supplied: bool = False) -> Shard:
        name = f"{tensor.name}{region.describe(tensor.region)} on {memory}"
        if name not in self.shards:
            shard = Shard(name, tensor, region, memory, supplied)
            self.shards[name] = shard
            self.local.setdefault((tensor.name, memory), []).append(shard)
        if home:
            self.homes.setdefault(tensor.name, []).append(self.shards[name])
        return self.shards[name]

    def _from_start(self, tensor: Tensor, region: Region, memory: str) -> None:
        """Makes sure that a parameter or velocity is at home where it is first touched."""
        here = _Home(region, memory)
        if here not in [_Home(s.region, s.memory) for s in self.homes.get(tensor.name, [])]:
            self._add_shard(tensor, region, memory, home=True)

    # -- copying --------------------------------------------------------------------

    def _gather(self, tensor: Tensor, region: Region, memory: str, task: Task) -> tuple[Piece, ...]:
        """Pieces in ``memory`` that make up a region, after copying what is not there."""
        if tensor.kind is TensorKind.BATCH:
            self._load(tensor, region, memory)
        for part in uncovered(region, (s.region for s in self.local.get((tensor.name, memory), []))):
            missing: tuple[Region, ...] = (part,)
            for home in self._nearest_homes(tensor, memory):
                for piece in [m.intersection(home.region) for m in missing]:
                    if piece is not None:
                        self._transfer(home, piece, memory, task.layer, task.phase)
                missing = tuple(rest for m in missing for rest in m.difference(home.region))
        return self._local_pieces(tensor, region, memory)

    def _local_pieces(self, tensor: Tensor, region: Region, memory: str) -> tuple[Piece, ...]:
        """Disjoint pieces of the shards in a memory that cover a region; one, when one shard does."""
        shards = self.local.get((tensor.name, memory), [])
        for shard in shards:
            if shard.region.contains(region):
                return (Piece(shard.name, region),)
        pieces: list[Piece] = []
        missing: tuple[Region, ...] = (region,)
        for shard in shards:
            pieces += [Piece(shard.name, p) for m in missing if (p := m.intersection(shard.region)) is not None]
            missing = tuple(rest for m in missing for rest in m.difference(shard.region))
        return tuple(pieces)

    def _nearest_homes(self, tensor: Tensor, memory: str) -> list[Shard]:
        homes = self.homes[tensor.name]
        hops = {s.memory: len(self.hardware.route(s.memory, memory)) for s in homes}
        return sorted(homes, key=lambda shard: hops[shard.memory])

    def _transfer(self, shard: Shard, region: Region, memory: str, layer: str, phase: Phase) -> Shard:
        """Copies a region of a shard to another memory; the copy is a shard of the same tensor."""
        copy = self._add_shard(shard.tensor, region, memory, home=False)
        self.hardware.route(shard.memory, memory)
        self.tasks.append(
            PlacedTask(
                name=f"{copy.name} from {shard.memory}",
                kind=TaskKind.TRANSFER,
                layer=layer,
                phase=phase,
                order=len(self.tasks),
                reads=(Read("source", region, (Piece(shard.name, region),)),),
                writes={"copy": copy.name},
                flop=0,
                bytes=copy.bytes,
                source=shard.memory,
                destination=memory,
            )
        )
        return copy

    def _load(self, tensor: Tensor, region: Region, memory: str) -> None:
        """Has the next step's batch copied from the host while this step's is read.

        The copy may begin once the batch before this one has been read for the last time
        (``_add_load_gates``), so a processor holds two batches.
        """
        held = self.local.get((tensor.name, memory), [])
        if any(shard.region.contains(region) for shard in held):
            return
        following = replace(tensor, version=1)
        source = self._add_shard(following, tensor.region, self.host, home=False, supplied=True)
        self._add_shard(tensor, region, memory, home=True)
        self._transfer(source, region, memory, tensor.layer, Phase.LOAD)

    # -- summing --------------------------------------------------------------------

    def _written(self, tensor: Tensor, contribution: _Contribution) -> Shard:
        """The shard that a slice writes: of the tensor itself when nothing is added to it anywhere."""
        if self._final(tensor, contribution):
            return self._add_shard(tensor, contribution.region, contribution.memory, home=False)
        index = sorted({c.key for c in self.expected[tensor.name]}).index(contribution.key)
        part = replace(tensor, base=f"{tensor.base}.part{index}")
        return self._add_shard(part, contribution.region, contribution.memory, home=False)

    def _final(self, tensor: Tensor, contribution: _Contribution) -> bool:
        """Whether a contribution is all there is at every home that takes it."""
        for home in self._homes_of(tensor):
            relevant = self._relevant(tensor, home)
            if any(c is contribution for c in relevant):
                if len(relevant) > 1 or not contribution.region.contains(home.region):
                    return False
        return True

    def _relevant(self, tensor: Tensor, home: _Home) -> list[_Contribution]:
        """What must be summed at a home: of each piece of work the nearest replica, in a fixed order."""
        chosen: dict[object, _Contribution] = {}
        for contribution in self.expected[tensor.name]:
            if contribution.region.intersection(home.region) is None:
                continue
            before = chosen.get(contribution.key)
            if before is None or (before.memory != home.memory and contribution.memory == home.memory):
                chosen[contribution.key] = contribution
        return list(chosen.values())

    def _deliver(self, tensor: Tensor, task: Task) -> None:
        """Brings what is contributed to a tensor to each of its homes, and sums it there."""
        for home in self._homes_of(tensor):
            relevant = self._relevant(tensor, home)
            shards: list[Shard] = []
            for contribution in relevant:
                region = contribution.region.intersection(home.region)
                assert region is not None
                shard = self._written(tensor, contribution)
                if shard.memory != home.memory:
                    shard = self._transfer(shard, region, home.memory, task.layer, task.phase)
                shards.append(shard)
            if len(relevant) == 1 and self._final(tensor, relevant[0]):
                self.homes.setdefault(tensor.name, []).append(shards[0])
            else:
                self._sum(tensor, home, shards, task)

    def _sum(self, tensor: Tensor, home: _Home, addends: Iterable[Shard], task: Task) -> None:
        total = self._add_shard(tensor, home.region, home.memory, home=True)
        cut = [(shard, shard.region.intersection(home.region)) for shard in addends]
        pieces = tuple(Piece(shard.name, region) for shard, region in cut if region is not None)
        read = Read("addends", home.region, pieces)
        moved = sum(piece.region.size for piece in read.pieces) * tensor.itemsize
        self.tasks.append(
            PlacedTask(
                name=f"sum of {total.name}",
                kind=TaskKind.SUM,
                layer=task.layer,
                phase=task.phase,
                order=len(self.tasks),
                reads=(read,),
                writes={"total": total.name},
                flop=0,
                bytes=moved + total.bytes,
                processor=home.memory,
            )
        )

    # -- tasks ----------------------------------------------------------------------

    def place_pass(self, task: Task) -> None:
        """Places each slice of a forward or gradient pass, then sums what the slices share."""
        for part in self.parts[task.layer]:
            reads: list[Read] = []
            for operand, name in task.reads.items():
                region = task.op.region(operand.removesuffix(".grad"), part.slices)
                if region is None:
                    continue
                tensor = self.graph.tensors[name]
                if tensor.kind is TensorKind.PARAMETER:
                    self._from_start(tensor, region, part.processor)
                reads.append(Read(operand, region, self._gather(tensor, region, part.processor, task)))
            writes = {
                c.operand: self._written(self.graph.tensors[name], c).name
                for name in task.writes.values()
                for c in self.expected[name]
                if c.task is task and c.memory == part.processor
            }
            self._compute(task, task.op.local(part.slices), part.processor, reads, writes)
        for name in task.writes.values():
            if task is self.graph.writers[name][-1]:
                self._deliver(self.graph.tensors[name], task)

    def place_update(self, task: Task) -> None:
        """Places the update of a parameter at each of its homes."""
        for home in tuple(self.homes.get(task.reads["parameter"], ())):
            slices = dict(zip(task.op.loops, home.region.ranges, strict=True))
            self._from_start(self.graph.tensors[task.reads["velocity"]], home.region, home.memory)
            reads = [
                Read(operand, home.region, self._gather(self.graph.tensors[name], home.region, home.memory, task))
                for operand, name in task.reads.items()
            ]
            writes = {
                operand: self._add_shard(self.graph.tensors[name], home.region, home.memory, home=True).name
                for operand, name in task.writes.items()
            }
            self._compute(task, task.op.local(slices), home.memory, reads, writes)

    def _compute(self, task: Task, op: Op, processor: str, reads: list[Read], writes: dict[str, str]) -> None:
        where = f" on {processor}"
        by_operand = {read.operand: read for read in reads}
        tensors = self.graph.tensors
        moved = sum(read.region.size * tensors[task.reads[read.operand]].itemsize for read in reads)
        moved += sum(self.shards[name].bytes for name in writes.values())
        self.tasks.append(
            PlacedTask(
                name=f"{task.name}{where}",
                kind=TaskKind.COMPUTE,
                layer=task.layer,
                phase=task.phase,
                order=len(self.tasks),
                reads=tuple(reads),
                writes=writes,
                flop=op.flop,
                bytes=moved,
                processor=processor,
                op=op,
                direction=task.direction,
                in_place=tuple(
                    (writes[written], by_operand[read].pieces[0].shard)
                    for written, read in task.direction.in_place
                    if self._same_bytes(writes[written], by_operand[read])
                ),
            )
        )

    def _same_bytes(self, written: str, read: Read) -> bool:
        """Whether an operand is one whole shard as large as the one to be written."""
        if len(read.pieces) != 1:
            return False
        shard = self.shards[read.pieces[0].shard]
        return shard.region == read.region and shard.bytes == self.shards[written].bytes

    def tasks_in_order(self) -> list[PlacedTask]:
        """The tasks, each load made to wait until the buffer it fills is free again."""
        readers: dict[str, list[str]] = {}
        for task in self.tasks:
            for read in task.reads:
                for piece in read.pieces:
                    readers.setdefault(piece.shard, []).append(task.name)
        gated: list[PlacedTask] = []
        for task in self.tasks:
            if task.phase is Phase.LOAD:
                filled = self.shards[task.writes["copy"]]
                current = replace(filled.tensor, version=0)
                buffer = f"{current.name}{filled.region.describe(current.region)} on {filled.memory}"
                task = replace(task, after_previous=tuple(dict.fromkeys(readers.get(buffer, ()))))
            gated.append(task)
        return gated


def _work_done(op: Op, slices: Slices) -> tuple[tuple[str, tuple[int, int]], ...]:
    """A slice as a sortable key: equal for processors that do the same work."""
    return tuple((loop, slices[loop]) for loop in op.loops)
