"""What a placed graph is made of: shards of tensors in memories, and tasks with all fixed but their time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from dataflow.bank import Access
from dataflow.cost import Work
from dataflow.host_input import Pictures
from dataflow.ops import Op, Pass, Phase
from dataflow.region import Region
from dataflow.tensor import Tensor


class TaskKind(Enum):
    """What a placed task does."""

    COMPUTE = "compute"
    SUM = "sum"
    TRANSFER = "transfer"
    SIGNAL = "signal"
    PREPARE = "prepare"


@dataclass(frozen=True)
class Shard:
    """A region of a tensor in a memory: a home of it, a copy, or (as a tensor of its own) a part of a sum.

    name: begins with that of the tensor. supplied: the run puts it there (the batch, in host memory)
    when it is first read.
    """

    name: str
    tensor: Tensor
    region: Region
    memory: str
    supplied: bool = False

    @property
    def place(self) -> str:
        """Its name without the version: the same of an old and a new version that share a place."""
        return f"{self.tensor.base}{self._rest}"

    def name_in(self, step: int) -> str:
        """Its name as the run calls it in a step, with the absolute version."""
        return f"{self.tensor.name_in(step)}{self._rest}"

    @property
    def _rest(self) -> str:
        """What its name says after that of its tensor: which region, where, and what for."""
        return self.name.removeprefix(self.tensor.name)

    @property
    def bytes(self) -> int:
        """What it takes up."""
        return self.region.size * self.tensor.itemsize


@dataclass(frozen=True)
class Piece:
    """A region of a tensor that is read from one shard."""

    shard: str
    region: Region


@dataclass(frozen=True)
class Read:
    """An operand: the region needed and the pieces, all in one memory, that make it up.

    at_end: of a transfer that adds: what is added lies in the memory that the transfer reaches.
    """

    operand: str
    region: Region
    pieces: tuple[Piece, ...]
    at_end: bool = False


@dataclass(frozen=True)
class PlacedTask:
    """A task with everything fixed but its time.

    op, direction: for compute, the local op and its pass. processor: who computes or sums,
    None for a transfer. ends: of a transfer, the memories it leaves and reaches. writes:
    operand to shard. A transfer is one message of several regions: it writes ``copy0`` from
    what it reads as ``source0``, to which it adds ``addend0`` if there is one, and so on.
    in_place: (written, read) shards that may share bytes. priority: what runs first of what is
    ready; less is sooner, then ``order`` decides. after: tasks of the same step, and
    after_earlier: (task, how many steps earlier) of others, that must have ended, beyond those
    whose values are read. collective: what a transfer or sum is part of, such as
    ``all-reduce ring``; dimension: the mesh axes along which its members differ; empty when it
    belongs to none. computes_in: the memory of what computes, sums or prepares. accesses: what it reads
    and writes in which bank of that. pictures: what is prepared.
    """

    name: str
    kind: TaskKind
    layer: str
    phase: Phase
    order: int
    reads: tuple[Read, ...]
    writes: Mapping[str, str]
    flop: int
    bytes: int
    processor: str | None = None
    op: Op | None = None
    direction: Pass | None = None
    ends: tuple[str, str] | None = None
    in_place: tuple[tuple[str, str], ...] = ()
    priority: tuple[int, int] = (0, 0)
    after: tuple[str, ...] = ()
    after_earlier: tuple[tuple[str, int], ...] = ()
    collective: str = ""
    dimension: str = ""
    computes_in: str = ""
    accesses: tuple[Access, ...] = ()
    pictures: Pictures | None = None

    @property
    def memory(self) -> str:
        """The memory it writes to."""
        return self.route[1]

    @property
    def route(self) -> tuple[str, str]:
        """The memory it reads from and the one it writes to: one and the same unless it is a transfer."""
        if self.ends is not None:
            return self.ends
        return self.computes_in, self.computes_in

    def read_memory(self, read: Read) -> str:
        """The memory an operand is read from."""
        return self.route[1] if read.at_end else self.route[0]

    @property
    def work(self) -> Work:
        """What it asks of its processor."""
        if self.op is None or self.direction is None:
            return Work("accumulate", "forward", self.flop, self.bytes, accesses=self.accesses)
        return Work(
            self.op.kind, self.direction.name, self.flop, self.bytes, self.op, self.direction, self.accesses
        )
