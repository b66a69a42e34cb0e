"""The ledger of a placement: which shards are where, and the tasks that make and move them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dataflow.hardware import Hardware
from dataflow.numbers.number import partial_dtype
from dataflow.ops import Op, Phase
from dataflow.placement.placed_task import Piece, PlacedTask, Read, Shard, TaskKind
from dataflow.region import Region
from dataflow.task_graph import Task, TaskGraph
from dataflow.tensor import Tensor


@dataclass(frozen=True)
class Context:
    """What tasks are placed for: a layer, a phase, and their priority in the step.

    after: of transfers, by the memory they reach: tasks that must have ended before.
    collective, dimension: see ``PlacedTask``.
    """

    layer: str
    phase: Phase
    priority: tuple[int, int]
    after: Mapping[str, tuple[str, ...]] | None = None
    collective: str = ""
    dimension: str = ""


@dataclass(frozen=True)
class Parcel:
    """What a message carries of one tensor: a region, from shards in the memory it leaves.

    to: the shard it becomes. addend: what it is added to on arrival, if anything.
    """

    region: Region
    pieces: tuple[Piece, ...]
    to: Shard
    addend: Shard | None = None


class Ledger:
    """Shards and tasks placed so far. homes: by tensor name, the shards with its final value."""

    def __init__(self, graph: TaskGraph, hardware: Hardware) -> None:
        self.graph = graph
        self.hardware = hardware
        self.shards: dict[str, Shard] = {}
        self.homes: dict[str, list[Shard]] = {}
        self.tasks: list[PlacedTask] = []
        self._local: dict[tuple[str, str, str], list[Shard]] = {}
        self._partial: dict[str, int] = {}
        self._are_homes: set[str] = set()
        self._workers: dict[str, str] = {}
        self._exchanges = 0

    # -- shards -----------------------------------------------------------------------

    def add_shard(
        self, tensor: Tensor, region: Region, memory: str, *, supplied: bool = False, use: str = ""
    ) -> Shard:
        """A region of a tensor in a memory; the one that is there, if it is.

        use: a name for copies that serve one purpose and are made again for another.
        """
        name = f"{tensor.name}{region.describe(tensor.region)} on {memory}{use and f' for {use}'}"
        if name not in self.shards:
            self.shards[name] = Shard(name, tensor, region, memory, supplied)
            self._local.setdefault((tensor.name, memory, use), []).append(self.shards[name])
        return self.shards[name]

    def add_home(self, tensor: Tensor, region: Region, memory: str) -> Shard:
        """The same, as one of the tensor's homes."""
        shard = self.add_shard(tensor, region, memory)
        self.make_home(shard)
        return shard

    def make_home(self, shard: Shard) -> None:
        """Says that a shard has its tensor's final value."""
        if shard.name not in self._are_homes:
            self._are_homes.add(shard.name)
            self.homes.setdefault(shard.tensor.name, []).append(shard)

    def remove(self, shard: Shard) -> bool:
        """Takes a shard out again; says whether it was a home of its tensor."""
        del self.shards[shard.name]
        for held in self._local.values():
            if shard in held:
                held.remove(shard)
        home = shard.name in self._are_homes
        if home:
            self._are_homes.remove(shard.name)
            self.homes[shard.tensor.name].remove(shard)
        return home

    def partial(self, tensor: Tensor) -> Tensor:
        """A tensor of its own for a part of the sum that a tensor will be."""
        number = self._partial[tensor.name] = self._partial.get(tensor.name, -1) + 1
        of = tensor.part_of or tensor.base
        return replace(
            tensor, base=f"{tensor.base}.sum{number}", dtype=partial_dtype(tensor.dtype), part_of=of
        )

    def next_exchange(self) -> str:
        """A name for the use that one more collective makes of what passes through memories."""
        self._exchanges += 1
        return f"exchange {self._exchanges}"

    def held(self, tensor: Tensor, memory: str, use: str = "") -> Sequence[Shard]:
        """The shards of a tensor in a memory that may serve a use."""
        found = self._local.get((tensor.name, memory, ""), [])
        return [*found, *self._local.get((tensor.name, memory, use), ())] if use else found

    def pieces(self, tensor: Tensor, region: Region, memory: str, use: str = "") -> tuple[Piece, ...]:
        """Disjoint pieces of the shards in a memory that cover a region; one, when one shard does."""
        return pieces_of(self.held(tensor, memory, use), region)

    # -- tasks ------------------------------------------------------------------------

    def worker(self, memory: str, shards: Iterable[str]) -> str:
        """Who is to work on shards in a memory: in an address space whoever wrote the first of them.

        What came from elsewhere is left to the first processor there.
        """
        there = self.hardware.processors_in(memory)
        if len(there) == 1:
            return there[0]
        return next((self._workers[name] for name in shards if name in self._workers), there[0])

    def add_transfer(self, source: str, destination: str, parcels: Sequence[Parcel], why: Context) -> None:
        """One message from memory to memory."""
        self.hardware.route(source, destination)
        reads: list[Read] = []
        for number, parcel in enumerate(parcels):
            reads.append(Read(f"source{number}", parcel.region, parcel.pieces))
            if parcel.addend is not None:
                own = (Piece(parcel.addend.name, parcel.region),)
                reads.append(Read(f"addend{number}", parcel.region, own, at_end=True))
        more = f" and {len(parcels) - 1} more" if len(parcels) > 1 else ""
        self.tasks.append(
            PlacedTask(
                name=f"{parcels[0].to.name} from {source}{more}",
                kind=TaskKind.TRANSFER,
                layer=why.layer,
                phase=why.phase,
                order=len(self.tasks),
                reads=tuple(reads),
                writes={f"copy{number}": parcel.to.name for number, parcel in enumerate(parcels)},
                flop=0,
                bytes=sum(self._sent_bytes(parcel) for parcel in parcels),
                ends=(source, destination),
                in_place=tuple(
                    (parcel.to.name, parcel.addend.name)
                    for parcel in parcels
                    if parcel.addend is not None and parcel.addend.bytes == parcel.to.bytes
                ),
                priority=why.priority,
                after=() if why.after is None else why.after.get(destination, ()),
                collective=why.collective,
                dimension=why.dimension,
            )
        )

    def _sent_bytes(self, parcel: Parcel) -> int:
        """Bytes of a parcel on the way: parts of a sum may be wider than what they become."""
        return parcel.region.size * self.shards[parcel.pieces[0].shard].tensor.itemsize

    def add_sum(self, total: Shard, addends: Sequence[Shard], why: Context, processor: str = "") -> None:
        """Fills a shard with the sum of what others in its memory have of its region; what none has is 0.

        processor: who adds, in an address space; whoever wrote the first addend when not given.
        """
        cut = [(shard, shard.region.intersection(total.region)) for shard in addends]
        pieces = tuple(Piece(shard.name, region) for shard, region in cut if region is not None)
        in_place = tuple(
            (total.name, shard.name)
            for shard in addends[:1]
            if shard.region == total.region and shard.bytes == total.bytes
        )
        who = processor or self.worker(total.memory, (piece.shard for piece in pieces))
        self._workers[total.name] = who
        self.tasks.append(
            PlacedTask(
                name=f"sum of {total.name}",
                kind=TaskKind.SUM,
                layer=why.layer,
                phase=why.phase,
                order=len(self.tasks),
                reads=(Read("addends", total.region, pieces),),
                writes={"total": total.name},
                flop=0,
                bytes=sum(p.region.size * self.shards[p.shard].tensor.itemsize for p in pieces) + total.bytes,
                processor=who,
                computes_in=total.memory,
                in_place=in_place,
                priority=why.priority,
                collective=why.collective,
                dimension=why.dimension,
            )
        )

    def add_compute(
        self,
        task: Task,
        op: Op,
        place: tuple[str, str],
        reads: Sequence[Read],
        writes: Mapping[str, Shard],
        why: Context,
    ) -> None:
        """One slice of a task; ``op`` is the task's, cut to the slice. place: its name and its processor."""
        tensors = self.graph.tensors
        read_bytes = sum(read.region.size * tensors[task.reads[read.operand]].itemsize for read in reads)
        written_bytes = sum(shard.bytes for shard in writes.values())
        self._workers.update((shard.name, place[1]) for shard in writes.values())
        self.tasks.append(
            PlacedTask(
                name=place[0],
                kind=TaskKind.COMPUTE,
                layer=why.layer,
                phase=why.phase,
                order=len(self.tasks),
                reads=tuple(reads),
                writes={operand: shard.name for operand, shard in writes.items()},
                flop=op.flop_of(task.direction),
                bytes=0 if task.direction.view else read_bytes + written_bytes,
                processor=place[1],
                computes_in=self.hardware.memory_of(place[1]),
                op=op,
                direction=task.direction,
                priority=why.priority,
            )
        )


def read_from(task: PlacedTask, split: Mapping[str, Sequence[Shard]]) -> tuple[Read, ...]:
    """What a task reads, with the shards that were split replaced by what they were split into."""
    if not any(piece.shard in split for read in task.reads for piece in read.pieces):
        return task.reads
    found: list[Read] = []
    for read in task.reads:
        pieces: list[Piece] = []
        for piece in read.pieces:
            pieces += pieces_of(split[piece.shard], piece.region) if piece.shard in split else [piece]
        found.append(replace(read, pieces=tuple(pieces)))
    return tuple(found)


def pieces_of(shards: Sequence[Shard], region: Region) -> tuple[Piece, ...]:
    """Disjoint pieces of shards that cover what they have of a region; one, when one shard does."""
    for shard in shards:
        if shard.region.contains(region):
            return (Piece(shard.name, region),)
    found: list[Piece] = []
    missing: tuple[Region, ...] = (region,)
    for shard in shards:
        common = [m.intersection(shard.region) for m in missing]
        found += [Piece(shard.name, piece) for piece in common if piece is not None]
        missing = tuple(rest for m in missing for rest in m.difference(shard.region))
    return tuple(found)
