"""Batches made of pictures in files: each host that images are read from prepares those that are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dataflow.errors import OptionError
from dataflow.hardware import Hardware
from dataflow.host_input import Pictures
from dataflow.network import DATA, LABEL, Network, Tokens
from dataflow.ops import Phase
from dataflow.placement.ledger import Ledger, read_from
from dataflow.placement.placed import PlacedGraph
from dataflow.placement.placed_task import Piece, PlacedTask, Read, Shard, TaskKind
from dataflow.region import Range, Region
from dataflow.stored_picture import shorter_side
from dataflow.tensor import Tensor, TensorKind

FILES = f"{DATA}.files"
"""The tensor that the bytes of the files are from which a host makes a batch."""

_CHANNELS = (1, 3)


def prepare_batches(ledger: Ledger) -> None:
    """Has hosts make batches of files, where the training says so, in place of having them there.

    Each that images are read from gets one task a step: it writes the images that are read, each once
    however many processors read it, and labels. In training it makes the batch of the next step.
    Raises OptionError where a host or the network cannot.
    """
    if ledger.graph.training.input != "jpeg":
        return
    reads = _supplied(ledger)
    hosts = [
        host for host in ledger.hardware.hosts if any(s.tensor.base == DATA for s, _ in reads.get(host, ()))
    ]
    _check(ledger, hosts)
    for host in hosts:
        _prepare(ledger, host, reads[host])


@dataclass(frozen=True)
class InputFault:
    """Why batches cannot be made of files, and what to do about it."""

    reason: str
    hint: str


def input_fault(network: Network, hardware: Hardware, hosts: Iterable[str]) -> InputFault | None:
    """Why these hosts cannot make a network's batches of pictures in files; None if they can."""
    instead = "or set training.input=decoded"
    if isinstance(network.input, Tokens):
        return InputFault(f"network {network.name!r} reads tokens", "leave it out")
    if network.input[0] not in _CHANNELS:
        return InputFault(
            f"network {network.name!r} reads {network.input[0]} channels, and pictures have 3, or 1 when "
            "made grey",
            f"choose another network, {instead}",
        )
    for host in hosts:
        if host not in hardware.inputs:
            return InputFault(
                f"host {host!r} of hardware {hardware.name!r} has no input path",
                f"describe its cores under hardware.hosts.{host}.input, {instead}",
            )
    return None


def hosts_of_images(placed: PlacedGraph) -> tuple[str, ...]:
    """The hosts that images are read from which the run puts there, in the order of the machine's."""
    found = {
        shard.memory
        for name, shard in placed.shards.items()
        if shard.supplied and shard.tensor.base == DATA and placed.readers[name]
    }
    return tuple(host for host in placed.hardware.hosts if host in found)


def room_for_batches(ledger: Ledger, task: PlacedTask, readers: Mapping[str, Iterable[str]]) -> PlacedTask:
    """The same task of a training step, waiting for room for the batch that it makes.

    readers: by shard the tasks that read it. Of b buffers it takes that of the batch made b steps
    before, which loads have read in that step and, where the host computes, others one step later.
    """
    buffers = ledger.hardware.inputs[task.computes_in].buffers
    after: dict[str, None] = {}
    earlier: dict[tuple[str, int], None] = {}
    for name in task.writes.values():
        earlier |= dict.fromkeys((reader, buffers) for reader in readers.get(name, ()))
        for reader in readers.get(_current(ledger, ledger.shards[name]), ()):
            if buffers == 1:
                after[reader] = None
            else:
                earlier[reader, buffers - 1] = None
    return replace(task, after=tuple(after), after_earlier=tuple(earlier))


def batches_in_hosts(ledger: Ledger) -> dict[str, int]:
    """For each task that prepares batches how many its host has room for."""
    return {
        task.name: ledger.hardware.inputs[task.computes_in].buffers
        for task in ledger.tasks
        if task.kind is TaskKind.PREPARE
    }


def _current(ledger: Ledger, following: Shard) -> str:
    """The name that a host's next batch has in the next step, if anything there reads it; else none."""
    held = ledger.held(replace(following.tensor, version=0), following.memory)
    return next((shard.name for shard in held if shard.region == following.region), "")


def _supplied(ledger: Ledger) -> dict[str, list[tuple[Shard, Region]]]:
    """By host what is read of what the run supplies."""
    found: dict[str, list[tuple[Shard, Region]]] = {}
    for task in ledger.tasks:
        for read in task.reads:
            for piece in read.pieces:
                shard = ledger.shards[piece.shard]
                if shard.supplied:
                    found.setdefault(shard.memory, []).append((shard, piece.region))
    return found


def _check(ledger: Ledger, hosts: Sequence[str]) -> None:
    fault = input_fault(ledger.graph.network, ledger.hardware, hosts)
    if fault is not None:
        raise OptionError(f"training.input is 'jpeg', but {fault.reason}; {fault.hint}")


def _prepare(ledger: Ledger, host: str, reads: Sequence[tuple[Shard, Region]]) -> None:
    """Adds a host's task, whose shards take the place of those that were supplied."""
    made: dict[str, list[Shard]] = {}
    split: dict[str, list[Shard]] = {}
    for base in (DATA, LABEL):
        mine = [(shard, region) for shard, region in reads if shard.tensor.base == base]
        if mine:
            made[base] = _make(ledger, mine, split)
    ledger.tasks = [replace(task, reads=read_from(task, split)) for task in ledger.tasks]
    ledger.tasks.append(_task(ledger, host, made))


def _make(
    ledger: Ledger, reads: Sequence[tuple[Shard, Region]], split: dict[str, list[Shard]]
) -> list[Shard]:
    """The shards that a host makes of a tensor: whole images, as many in a row as are read.

    split: where those that take the place of each that was supplied are added.
    """
    supplied = {shard.name: shard for shard, _ in reads}
    first = reads[0][0]
    version = 1 if ledger.graph.mode == "training" else 0
    regions = [
        Region((images, *first.tensor.region.ranges[1:]))
        for images in _together(region.ranges[0] for _, region in reads)
    ]

    def shards(tensor: Tensor) -> list[Shard]:
        return [ledger.add_shard(tensor, region, first.memory) for region in regions]

    for name, shard in supplied.items():
        home = ledger.remove(shard)
        split[name] = shards(shard.tensor)
        for each in split[name] if home else ():
            ledger.make_home(each)
    return shards(replace(first.tensor, version=version))


def _together(ranges: Iterable[Range]) -> list[Range]:
    """The union of ranges as ranges that do not touch, in order."""
    found: list[Range] = []
    for start, stop in sorted(ranges):
        if found and start <= found[-1][1]:
            found[-1] = found[-1][0], max(found[-1][1], stop)
        else:
            found.append((start, stop))
    return found


def _task(ledger: Ledger, host: str, made: Mapping[str, Sequence[Shard]]) -> PlacedTask:
    """What a host does in a step: it reads files and writes images and labels."""
    network: Network = ledger.graph.network
    assert not isinstance(network.input, Tokens)
    _, rows, columns = network.input
    side = shorter_side(ledger.graph.training.augmentation, rows, columns)
    pictures = Pictures(
        images=sum(shard.region.shape[0] for shard in made[DATA]),
        decoded_pixels=side * side,
        augmented_pixels=rows * columns,
    )
    written = [shard for shards in made.values() for shard in shards]
    version = written[0].tensor.version
    size = (pictures.file_bytes,)
    tensor = Tensor(FILES, version, TensorKind.BATCH, ("byte",), size, "uint8", DATA)
    files = ledger.add_shard(tensor, tensor.region, host, supplied=True)
    return PlacedTask(
        name=f"prepare on {host}",
        kind=TaskKind.PREPARE,
        layer=DATA,
        phase=Phase.LOAD,
        order=len(ledger.tasks),
        reads=(Read("files", files.region, (Piece(files.name, files.region),)),),
        writes={f"{shard.tensor.base}{number}": shard.name for number, shard in enumerate(written)},
        flop=0,
        bytes=pictures.moved_bytes + sum(shard.bytes for shard in written),
        computes_in=host,
        priority=(int(Phase.LOAD), 0),
        pictures=pictures,
    )
