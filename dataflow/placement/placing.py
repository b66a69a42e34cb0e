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

from collections.abc import Mapping
from dataclasses import replace

from dataflow.errors import PlanError
from dataflow.graph import Task, TaskGraph
from dataflow.hardware import Hardware
from dataflow.ops import GRADIENT_SUFFIX, Phase
from dataflow.placement.contributions import Contribution, Contributions, Home
from dataflow.placement.ledger import Ledger
from dataflow.placement.placed import Piece, PlacedGraph, Read, Shard
from dataflow.plan import Part, Plan, parts_of_layers
from dataflow.region import Region, uncovered
from dataflow.tensor import Tensor, TensorKind


def place(graph: TaskGraph, hardware: Hardware, plan: Plan) -> PlacedGraph:
    """Applies a plan to a task graph.

    Raises CheckError when the plan names what is not there, PlanError when there is no host
    for the batch to start from.
    """
    if hardware.host is None:
        raise PlanError(
            f"hardware {hardware.name!r} has no host, but the batch starts in host memory; "
            "add one under 'hosts'"
        )
    ledger = Ledger(graph, hardware)
    _Placement(ledger, hardware.host, parts_of_layers(plan, graph.ops, hardware)).place_all()
    ledger.gate_loads()
    return PlacedGraph(
        task_graph=graph,
        hardware=hardware,
        plan=plan,
        shards=ledger.shards,
        homes={name: tuple(shard.name for shard in shards) for name, shards in ledger.homes.items()},
        tasks=tuple(ledger.tasks),
    )


class _Placement:
    """Goes through the tasks in order and writes what follows from the rules into a ledger."""

    def __init__(self, ledger: Ledger, host: str, parts: Mapping[str, tuple[Part, ...]]) -> None:
        self.ledger = ledger
        self.graph = ledger.graph
        self.host = host
        self.parts = parts
        self.contributions = Contributions(ledger.graph, parts)

    def place_all(self) -> None:
        """Places every task of the graph."""
        for task in self.graph.tasks:
            if task.phase is Phase.UPDATE:
                self._place_update(task)
            else:
                self._place_pass(task)

    # -- tasks ------------------------------------------------------------------------

    def _place_pass(self, task: Task) -> None:
        """Places each slice of a forward or gradient pass, then sums what the slices share."""
        for part in self.parts[task.layer]:
            reads: list[Read] = []
            for operand, name in task.reads.items():
                region = task.op.region(operand.removesuffix(GRADIENT_SUFFIX), part.slices)
                if region is not None:
                    pieces = self._gather(self.graph.tensors[name], region, part.processor, task)
                    reads.append(Read(operand, region, pieces))
            writes = {
                contribution.operand: self._written(self.graph.tensors[name], contribution)
                for name in task.writes.values()
                for contribution in self.contributions.to(name)
                if contribution.task is task and contribution.memory == part.processor
            }
            self.ledger.add_compute(task, task.op.local(part.slices), part.processor, reads, writes)
        for name in task.writes.values():
            if task is self.graph.writers[name][-1]:
                self._deliver(self.graph.tensors[name], task)

    def _place_update(self, task: Task) -> None:
        """Places the update of a parameter at each of its homes."""
        tensors = self.graph.tensors
        for home in tuple(self.ledger.homes[task.reads["parameter"]]):
            self.ledger.add_home(tensors[task.reads["velocity"]], home.region, home.memory)
            reads = [
                Read(operand, home.region, self._gather(tensors[name], home.region, home.memory, task))
                for operand, name in task.reads.items()
            ]
            writes = {
                operand: self.ledger.add_home(tensors[name], home.region, home.memory)
                for operand, name in task.writes.items()
            }
            slices = dict(zip(task.op.loops, home.region.ranges, strict=True))
            self.ledger.add_compute(task, task.op.local(slices), home.memory, reads, writes)

    # -- copying ----------------------------------------------------------------------

    def _gather(self, tensor: Tensor, region: Region, memory: str, task: Task) -> tuple[Piece, ...]:
        """Pieces in ``memory`` that make up a region, after copying what is not there."""
        if tensor.kind is TensorKind.PARAMETER:
            self.ledger.add_home(tensor, region, memory)
        elif tensor.kind is TensorKind.BATCH:
            self._load(tensor, region, memory)
        for part in uncovered(region, (shard.region for shard in self.ledger.held(tensor, memory))):
            missing: tuple[Region, ...] = (part,)
            for home in self.ledger.nearest_homes(tensor, memory):
                for piece in [m.intersection(home.region) for m in missing]:
                    if piece is not None:
                        self.ledger.add_transfer(home, piece, memory, task.layer, task.phase)
                missing = tuple(rest for m in missing for rest in m.difference(home.region))
        return self.ledger.pieces(tensor, region, memory)

    def _load(self, tensor: Tensor, region: Region, memory: str) -> None:
        """Has the next step's batch copied from the host while this step's is read.

        The copy may begin once the batch before this one has been read for the last time
        (``Ledger.gate_loads``), so a memory holds two batches.
        """
        if any(shard.region.contains(region) for shard in self.ledger.held(tensor, memory)):
            return
        following = replace(tensor, version=1)
        source = self.ledger.add_shard(following, tensor.region, self.host, supplied=True)
        self.ledger.add_home(tensor, region, memory)
        self.ledger.add_transfer(source, region, memory, tensor.layer, Phase.LOAD)

    # -- summing ----------------------------------------------------------------------

    def _homes_of(self, tensor: Tensor) -> list[Home]:
        """Where a tensor's value is to be: with its makers; a gradient where its primal is."""
        if tensor.base.endswith(GRADIENT_SUFFIX):
            primal = f"{tensor.base.removesuffix(GRADIENT_SUFFIX)}@0"
            return [Home(shard.region, shard.memory) for shard in self.ledger.homes[primal]]
        return list(dict.fromkeys(Home(c.region, c.memory) for c in self.contributions.to(tensor.name)))

    def _written(self, tensor: Tensor, contribution: Contribution) -> Shard:
        """The shard that a slice writes: of the tensor itself, or of a part of the sum it will be."""
        if not self.contributions.is_final(tensor.name, contribution, self._homes_of(tensor)):
            number = self.contributions.number(tensor.name, contribution)
            tensor = replace(tensor, base=f"{tensor.base}.part{number}")
        return self.ledger.add_shard(tensor, contribution.region, contribution.memory)

    def _deliver(self, tensor: Tensor, task: Task) -> None:
        """Brings what is contributed to a tensor to each of its homes, and sums it there."""
        homes = self._homes_of(tensor)
        for home in homes:
            summed = self.contributions.summed_at(tensor.name, home)
            shards: list[Shard] = []
            for contribution in summed:
                shard = self._written(tensor, contribution)
                if shard.memory != home.memory:
                    region = contribution.region.intersection(home.region)
                    assert region is not None
                    shard = self.ledger.add_transfer(shard, region, home.memory, task.layer, task.phase)
                shards.append(shard)
            if len(summed) == 1 and self.contributions.is_final(tensor.name, summed[0], homes):
                self.ledger.make_home(shards[0])
            else:
                self.ledger.add_sum(tensor, home, shards, task.layer, task.phase)
