"""What a backend is told of each task of a placed graph beside its arrays."""

from __future__ import annotations

from dataflow.backend import Site
from dataflow.placement import PlacedGraph, PlacedTask
from dataflow.placement.recomputation import AGAIN
from dataflow.region import Region
from dataflow.tensor import Tensor


class Sites:
    """The sites of a placed graph's tasks."""

    def __init__(self, placed: PlacedGraph) -> None:
        self.placed = placed
        self._known: dict[str, Site] = {}
        self._of_messages: dict[tuple[str, str], Site] = {}

    def of(self, step: int, task: PlacedTask) -> Site:
        """The site of a task in a step."""
        known = self._known.get(task.name)
        if known is None or known.step != step:
            known = self._known[task.name] = self._site(step, task, known, "total")
        return known

    def of_message(self, step: int, task: PlacedTask, total: str) -> Site:
        """The site of a transfer that adds. total: of what it writes, the one that is a sum."""
        key = task.name, total
        known = self._of_messages.get(key)
        if known is None or known.step != step:
            known = self._of_messages[key] = self._site(step, task, known, total)
        return known

    def _site(self, step: int, task: PlacedTask, known: Site | None, total: str) -> Site:
        """That of another step, if one is known, is the same but for the step."""
        if known is not None:
            return Site._make((step, *known[1:]))
        found: dict[str, tuple[Tensor, Region]] = {}
        for read in task.reads:
            if read.pieces:
                found[read.operand] = self.placed.shards[read.pieces[0].shard].tensor, read.region
        for operand, name in task.writes.items():
            shard = self.placed.shards[name]
            found["total" if operand == total else operand] = shard.tensor, shard.region
        training = self.placed.task_graph.training
        return Site(
            step,
            task.name,
            training.seed,
            training.dtype,
            training.arithmetic,
            {operand: base_of(tensor) for operand, (tensor, _) in found.items()},
            {operand: tensor.dtype for operand, (tensor, _) in found.items()},
            {operand: region for operand, (_, region) in found.items()},
            {operand: tensor.shape for operand, (tensor, _) in found.items()},
        )


def base_of(tensor: Tensor) -> str:
    """The name, without its version, of the tensor that a part of a sum or a recomputed value stands for."""
    return (tensor.part_of or tensor.base).removesuffix(AGAIN)
