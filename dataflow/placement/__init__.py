"""From a task graph and a plan to a placed graph: shards in memories, tasks on processors, transfers."""

from dataflow.placement.placed import Piece, PlacedGraph, PlacedTask, Read, Shard, TaskKind
from dataflow.placement.placing import place

__all__ = ["Piece", "PlacedGraph", "PlacedTask", "Read", "Shard", "TaskKind", "place"]
