"""The ledger of a placement: which shards are where, and the tasks that make and move them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from dataflow.graph import Task, TaskGraph
from dataflow.hardware import Hardware
from dataflow.ops import Op, Phase
from dataflow.placement.contributions import Home
from dataflow.placement.placed import Piece, PlacedTask, Read, Shard, TaskKind
from dataflow.region import Region
from dataflow.tensor import Tensor


class Ledger:
    """Shards and tasks placed so far. homes: by tensor name, the shards with its final value."""

    def __init__(self, graph: TaskGraph, hardware: Hardware) -> None:
        self.graph = graph
        self.hardware = hardware
        self.shards: dict[str, Shard] = {}
        self.homes: dict[str, list[Shard]] = {}
        self.tasks: list[PlacedTask] = []
        self._local: dict[tuple[str, str], list[Shard]] = {}

    # -- shards -----------------------------------------------------------------------

    def add_shard(self, tensor: Tensor, region: Region, memory: str, *, supplied: bool = False) -> Shard:
        """A region of a tensor in a memory; the one that is there, if it is."""
        name = f"{tensor.name}{region.describe(tensor.region)} on {memory}"
        if name not in self.shards:
            self.shards[name] = Shard(name, tensor, region, memory, supplied)
            self._local.setdefault((tensor.name, memory), []).append(self.shards[name])
        return self.shards[name]

    def add_home(self, tensor: Tensor, region: Region, memory: str) -> Shard:
        """The same, as one of the tensor's homes."""
        shard = self.add_shard(tensor, region, memory)
        self.make_home(shard)
        return shard

    def make_home(self, shard: Shard) -> None:
        """Says that a shard has its tensor's final value."""
        homes = self.homes.setdefault(shard.tensor.name, [])
        if shard not in homes:
            homes.append(shard)

    def held(self, tensor: Tensor, memory: str) -> Sequence[Shard]:
        """The shards of a tensor in a memory."""
        return self._local.get((tensor.name, memory), ())

    def pieces(self, tensor: Tensor, region: Region, memory: str) -> tuple[Piece, ...]:
        """Disjoint pieces of the shards in a memory that cover a region; one, when one shard does."""
        for shard in self.held(tensor, memory):
            if shard.region.contains(region):
                return (Piece(shard.name, region),)
        found: list[Piece] = []
        missing: tuple[Region, ...] = (region,)
        for shard in self.held(tensor, memory):
            common = [m.intersection(shard.region) for m in missing]
            found += [Piece(shard.name, piece) for piece in common if piece is not None]
            missing = tuple(rest for m in missing for rest in m.difference(shard.region))
        return tuple(found)

    def nearest_homes(self, tensor: Tensor, memory: str) -> list[Shard]:
        """A tensor's homes, those with the fewest hops to a memory first."""
        homes = self.homes[tensor.name]
        hops = {shard.memory: len(self.hardware.route(shard.memory, memory)) for shard in homes}
        return sorted(homes, key=lambda shard: hops[shard.memory])

    # -- tasks ------------------------------------------------------------------------

    def add_transfer(self, shard: Shard, region: Region, memory: str, layer: str, phase: Phase) -> Shard:
        """Copies a region of a shard to another memory; the copy is a shard of the same tensor."""
        self.hardware.route(shard.memory, memory)
        copy = self.add_shard(shard.tensor, region, memory)
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
                ends=(shard.memory, memory),
            )
        )
        return copy

    def add_sum(self, tensor: Tensor, home: Home, addends: Iterable[Shard], layer: str, phase: Phase) -> None:
        """Sums, at a home, what the addends have of its region; what none has is zero."""
        total = self.add_home(tensor, home.region, home.memory)
        cut = [(shard, shard.region.intersection(home.region)) for shard in addends]
        pieces = tuple(Piece(shard.name, region) for shard, region in cut if region is not None)
        read_bytes = sum(piece.region.size for piece in pieces) * tensor.itemsize
        self.tasks.append(
            PlacedTask(
                name=f"sum of {total.name}",
                kind=TaskKind.SUM,
                layer=layer,
                phase=phase,
                order=len(self.tasks),
                reads=(Read("addends", home.region, pieces),),
                writes={"total": total.name},
                flop=0,
                bytes=read_bytes + total.bytes,
                processor=home.memory,
            )
        )

    def add_compute(
        self, task: Task, op: Op, processor: str, reads: Sequence[Read], writes: Mapping[str, Shard]
    ) -> None:
        """One slice of a task on a processor; ``op`` is the task's, cut to the slice."""
        by_operand = {read.operand: read for read in reads}
        tensors = self.graph.tensors
        read_bytes = sum(read.region.size * tensors[task.reads[read.operand]].itemsize for read in reads)
        self.tasks.append(
            PlacedTask(
                name=f"{task.name} on {processor}",
                kind=TaskKind.COMPUTE,
                layer=task.layer,
                phase=task.phase,
                order=len(self.tasks),
                reads=tuple(reads),
                writes={operand: shard.name for operand, shard in writes.items()},
                flop=op.flop,
                bytes=read_bytes + sum(shard.bytes for shard in writes.values()),
                processor=processor,
                op=op,
                direction=task.direction,
                in_place=tuple(
                    (writes[written].name, by_operand[read].pieces[0].shard)
                    for written, read in task.direction.in_place
                    if self._same_bytes(writes[written], by_operand[read])
                ),
            )
        )

    def _same_bytes(self, written: Shard, read: Read) -> bool:
        """Whether an operand is one whole shard as large as the one to be written."""
        if len(read.pieces) != 1:
            return False
        shard = self.shards[read.pieces[0].shard]
        return shard.region == read.region and shard.bytes == written.bytes

    def gate_loads(self) -> None:
        """Has what waits for no value wait until the step before has last read what it overwrites.

        These are the loads, and sums of nothing: gradients that no slice contributes to.
        """
        readers: dict[str, dict[str, None]] = {}
        for task in self.tasks:
            for read in task.reads:
                for piece in read.pieces:
                    readers.setdefault(piece.shard, {})[task.name] = None
        for index, task in enumerate(self.tasks):
            if task.phase is Phase.LOAD:
                filled = self.shards[task.writes["copy"]]
                buffer = self.add_shard(replace(filled.tensor, version=0), filled.region, filled.memory)
                self.tasks[index] = replace(task, after_previous=tuple(readers.get(buffer.name, ())))
            elif not any(read.pieces for read in task.reads):
                (total,) = task.writes.values()
                self.tasks[index] = replace(task, after_previous=tuple(readers.get(total, ())))
