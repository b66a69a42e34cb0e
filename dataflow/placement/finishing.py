"""The last touches to a placement, which need to see all of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from dataflow.ops import Phase
from dataflow.placement.ledger import Ledger, pieces_of, read_from
from dataflow.placement.placed_task import PlacedTask, Shard, TaskKind
from dataflow.placement.preparation import batches_in_hosts, prepare_batches, room_for_batches
from dataflow.placement.streaming import in_bounded_buffers, in_fixed_places, one_at_a_time
from dataflow.tensor import TensorKind


def finished_tasks(
    ledger: Ledger, after: Mapping[str, Sequence[str]], buffers: int
) -> tuple[PlacedTask, ...]:
    """The tasks of a ledger with all that depends on later ones.

    after: names of what each must follow. buffers: places in those of a hardware pipeline.
    """
    _keep_as_it_arrives(ledger)
    prepare_batches(ledger)
    ledger.tasks = [
        replace(task, after=(*task.after, *after.get(task.name, ())), in_place=_in_place(ledger, task))
        if task.kind is TaskKind.COMPUTE
        else task
        for task in ledger.tasks
    ]
    if ledger.graph.mode == "inference":
        return one_at_a_time(ledger.tasks)
    if ledger.graph.mode == "pipeline":
        return in_bounded_buffers(ledger.tasks, buffers, batches_in_hosts(ledger))
    _gate_loads(ledger)
    fixed = [name for name, shard in ledger.shards.items() if ledger.hardware.memories[shard.memory].banks]
    return in_fixed_places(ledger.tasks, _old_of(ledger), frozenset(fixed)) if fixed else tuple(ledger.tasks)


def _old_of(ledger: Ledger) -> dict[str, str]:
    """For each shard that is left to the next step the name it has there, if that reads it."""
    left = {
        name: shard
        for name, shard in ledger.shards.items()
        if shard.tensor.carried and shard.tensor.version == 1 and not shard.supplied
    }
    old = {shard.place: name for name, shard in ledger.shards.items() if shard.tensor.version == 0}
    return {name: old[shard.place] for name, shard in left.items() if shard.place in old}


def _keep_as_it_arrives(ledger: Ledger) -> None:
    """Keeps parameters in the shards in which the step before leaves them.

    A parameter that was updated in shards, or came in the chunks of a collective, is read from these.
    """
    split: dict[str, list[Shard]] = {}
    for name, homes in list(ledger.homes.items()):
        tensor = homes[0].tensor
        following = replace(tensor, version=1)
        if (
            tensor.kind is not TensorKind.PARAMETER
            or tensor.version != 0
            or following.name not in ledger.homes
        ):
            continue
        kept: list[Shard] = []
        for home in homes:
            left = ledger.held(following, home.memory)
            if any(shard.region == home.region for shard in left):
                kept.append(home)
                continue
            arrived = dict.fromkeys(piece.shard for piece in pieces_of(left, home.region))
            del ledger.shards[home.name]
            regions = [ledger.shards[shard].region for shard in arrived]
            split[home.name] = [ledger.add_shard(tensor, region, home.memory) for region in regions]
            kept += [shard for shard in split[home.name] if shard not in kept]
        ledger.homes[name] = kept
    if split:
        ledger.tasks = [replace(task, reads=read_from(task, split)) for task in ledger.tasks]


def _in_place(ledger: Ledger, task: PlacedTask) -> tuple[tuple[str, str], ...]:
    """The shards a task writes that may use the bytes of one that it reads whole."""
    assert task.direction is not None
    reads = {read.operand: read for read in task.reads}
    found: list[tuple[str, str]] = []
    for written, operand in task.direction.in_place:
        read = reads.get(operand)
        if written not in task.writes or read is None or len(read.pieces) != 1:
            continue
        shard = ledger.shards[read.pieces[0].shard]
        if shard.region == read.region and shard.bytes == ledger.shards[task.writes[written]].bytes:
            found.append((task.writes[written], shard.name))
    return tuple(found)


def _gate_loads(ledger: Ledger) -> None:
    """Has what waits for no value wait until the step before has last read what it overwrites.

    These are the loads, and sums of nothing: gradients that no slice contributes to.
    """
    readers: dict[str, dict[str, None]] = {}
    for task in ledger.tasks:
        for read in task.reads:
            for piece in read.pieces:
                readers.setdefault(piece.shard, {})[task.name] = None
    for index, task in enumerate(ledger.tasks):
        if task.kind is TaskKind.PREPARE:
            ledger.tasks[index] = room_for_batches(ledger, task, readers)
        elif task.phase is Phase.LOAD:
            filled = ledger.shards[task.writes["copy0"]]
            buffer = ledger.add_shard(replace(filled.tensor, version=0), filled.region, filled.memory)
            ledger.tasks[index] = replace(task, after_earlier=_of_step_before(readers.get(buffer.name, ())))
        elif not any(read.pieces for read in task.reads):
            (total,) = task.writes.values()
            ledger.tasks[index] = replace(task, after_earlier=_of_step_before(readers.get(total, ())))


def _of_step_before(names: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple((name, 1) for name in names)
