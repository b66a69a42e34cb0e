"""From a task graph and a plan to a placed graph: shards in memories, tasks on processors, transfers."""

from dataflow.placement.fit import Fit, Need, Unsupported, check_fit, fit
from dataflow.placement.fixed_place import FixedPlace
from dataflow.placement.placed import PlacedGraph
from dataflow.placement.placed_task import Piece, PlacedTask, Read, Shard, TaskKind
from dataflow.placement.placing import place

__all__ = [
    "Fit",
    "FixedPlace",
    "Need",
    "Piece",
    "PlacedGraph",
    "PlacedTask",
    "Read",
    "Shard",
    "TaskKind",
    "Unsupported",
    "check_fit",
    "fit",
    "place",
]
