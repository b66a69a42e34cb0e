"""What a backend is told of each task of a placed graph beside its arrays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from dataflow.backend import Site
from dataflow.placement import PlacedGraph, PlacedTask
from dataflow.placement.recomputation import AGAIN
from dataflow.region import Region
from dataflow.tensor import Tensor


class _Operands(NamedTuple):
    """By operand, what a site says that is the same in every step."""

    tensors: Mapping[str, str]
    dtypes: Mapping[str, str]
    regions: Mapping[str, Region]
    shapes: Mapping[str, tuple[int, ...]]


class Sites:
    """The sites of a placed graph's tasks."""

    def __init__(self, placed: PlacedGraph) -> None:
        self.placed = placed
        self.training = placed.task_graph.training
        self._known: dict[tuple[str, str], _Operands] = {}

    def of(self, step: int, task: PlacedTask, total: str = "total") -> Site:
        """The site of a task in a step. total: of what a message writes, the one that is a sum."""
        operands = self._known.get((task.name, total))
        if operands is None:
            operands = self._known[task.name, total] = self._operands(task, total)
        training = self.training
        return Site(step, task.name, training.seed, training.dtype, training.arithmetic, *operands)

    def _operands(self, task: PlacedTask, total: str) -> _Operands:
        found: dict[str, tuple[Tensor, Region]] = {}
        for read in task.reads:
            if read.pieces:
                found[read.operand] = self.placed.shards[read.pieces[0].shard].tensor, read.region
        for operand, name in task.writes.items():
            shard = self.placed.shards[name]
            found["total" if operand == total else operand] = shard.tensor, shard.region
        return _Operands(
            {operand: base_of(tensor) for operand, (tensor, _) in found.items()},
            {operand: tensor.dtype for operand, (tensor, _) in found.items()},
            {operand: region for operand, (_, region) in found.items()},
            {operand: tensor.shape for operand, (tensor, _) in found.items()},
        )


def base_of(tensor: Tensor) -> str:
    """The name, without its version, of the tensor that a part of a sum or a recomputed value stands for."""
    return (tensor.part_of or tensor.base).removesuffix(AGAIN)
