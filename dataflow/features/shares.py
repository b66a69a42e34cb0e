"""Which processor computes which channels of a layer, as a plan has placed it."""

from __future__ import annotations

from dataclasses import dataclass

from dataflow.ops import Phase
from dataflow.placement.placed import PlacedGraph
from dataflow.placement.placed_task import TaskKind
from dataflow.region import Range

CHANNEL = "channel"


@dataclass(frozen=True)
class Share:
    """Channels, as a half-open range, and who computes them: several where a plan splits something else."""

    processors: tuple[str, ...]
    channels: Range

    @property
    def count(self) -> int:
        """How many channels it has."""
        return self.channels[1] - self.channels[0]


def shares_of(placed: PlacedGraph, layer: str) -> tuple[Share, ...]:
    """The channels of a layer's output by who computes them, in the order of the channels.

    Outputs that have no channels count along their last axis.
    """
    found: dict[Range, list[str]] = {}
    for task in placed.tasks:
        forward = task.kind is TaskKind.COMPUTE and task.phase is Phase.FORWARD
        if not (forward and task.layer == layer and "output" in task.writes):
            continue
        shard = placed.shards[task.writes["output"]]
        labels = shard.tensor.labels
        axis = labels.index(CHANNEL) if CHANNEL in labels else len(labels) - 1
        processors = found.setdefault(shard.region.ranges[axis], [])
        if task.processor is not None and task.processor not in processors:
            processors.append(task.processor)
    return tuple(Share(tuple(names), channels) for channels, names in sorted(found.items()))
