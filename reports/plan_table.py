"""A placed graph as tables and as JSON: who does which slice, and what is exchanged for it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from dataflow.ops import Op, Phase
from dataflow.placement import PlacedGraph, PlacedTask
from dataflow.placement.parts import Part, Parts
from dataflow.tensor import TensorKind
from reports import units
from reports.content import LOAD
from reports.document import Json
from reports.grid import Grid, Row

if TYPE_CHECKING:
    from rich.console import RenderableType

_PARTS_SHOWN = 4


def plan_json(placed: PlacedGraph) -> Json:
    """For each layer its parts, the parameters each processor holds, and its exchanges.

    Exchanges are by phase and from->to, in bytes of one step.
    """
    ops = placed.task_graph.ops
    parts = Parts(placed.plan, ops, placed.hardware)
    held = _parameters_held(placed)
    moved = _exchanges(placed.transfers)
    layers = [
        {
            "name": name,
            "op": op.kind,
            "parts": [_part(part, op) for part in parts.of(name, Phase.FORWARD)],
            "parameters": held.get(name, {}),
            "exchanges": moved.get(name, {}),
        }
        for name, op in ops.items()
    ]
    loads = moved.get("data", {}).get(LOAD, {})
    return {
        "version": "1",
        "mesh": dict(placed.plan.mesh),
        "processors": list(placed.hardware.processors),
        "tasks": len(placed.tasks),
        "transfers": len(placed.transfers),
        "load_bytes": dict(loads),
        "exchanged_bytes": sum(
            sum(by.values()) for phases in moved.values() for p, by in phases.items() if p != LOAD
        ),
        "layers": layers,
    }


def _part(part: Part, op: Op) -> Json:
    """What a processor does: only the loops of which it does not do all."""
    return {
        "processor": part.processor,
        "slices": {
            loop: [start, stop]
            for loop, (start, stop) in part.slices.items()
            if (start, stop) != (0, op.loops[loop])
        },
    }


def _parameters_held(placed: PlacedGraph) -> dict[str, dict[str, int]]:
    """For each layer how many weights and biases are at home on each processor."""
    held: dict[str, dict[str, int]] = {}
    for name, homes in placed.homes.items():
        tensor = placed.task_graph.tensors[name]
        if tensor.kind is TensorKind.PARAMETER and tensor.version == 0:
            by_processor = held.setdefault(tensor.layer, {})
            for home in homes:
                shard = placed.shards[home]
                by_processor[shard.memory] = by_processor.get(shard.memory, 0) + shard.region.size
    return held


def _exchanges(transfers: Iterable[PlacedTask]) -> dict[str, dict[str, dict[str, int]]]:
    """Layer to phase to from->to to bytes."""
    moved: dict[str, dict[str, dict[str, int]]] = {}
    for task in transfers:
        source, destination = task.route
        ways = moved.setdefault(task.layer, {}).setdefault(task.phase.label, {})
        way = f"{source}->{destination}"
        ways[way] = ways.get(way, 0) + task.bytes
    return moved


def show_plan(placed: PlacedGraph) -> RenderableType:
    """A table of the layers: slices, exchanges before them, parameters held; for ``rich.print``."""
    document = plan_json(placed)
    rows: list[Row] = []
    before: list[Json] = []
    for layer in document["layers"]:
        rows.append(
            (
                layer["name"],
                "as above" if layer["parts"] == before else _parts_told(layer["parts"]),
                _ways_told(layer["exchanges"].get("forward", {})),
                _ways_told(layer["exchanges"].get("gradient", {})),
                _held_told(layer["parameters"]),
            )
        )
        before = layer["parts"]
    columns = ("layer", "who does what", "sent before", "sent for gradients", "parameters held")
    mesh = ", ".join(f"{axis}: {length}" for axis, length in document["mesh"].items()) or "none"
    note = (
        f"mesh: {mesh}; {document['tasks']} tasks a step, {document['transfers']} of them transfers; "
        f"bytes of one step: {units.size(document['exchanged_bytes'])} exchanged, "
        f"{units.size(sum(document['load_bytes'].values()))} loaded; MB = 1,000,000 B"
    )
    return Grid("Plan", columns, tuple(rows), left=columns, note=note).rich()


def _few(told: list[str]) -> str:
    more = len(told) - _PARTS_SHOWN
    return "\n".join(told[:_PARTS_SHOWN] + ([f"... {more} more"] if more > 0 else []))


def _parts_told(parts: list[Json]) -> str:
    """Such as ``gpu0 channel 0:48``; processors that do the same together."""
    doers: dict[str, list[str]] = {}
    for part in parts:
        slices = ", ".join(f"{loop} {start}:{stop}" for loop, (start, stop) in part["slices"].items())
        doers.setdefault(slices or "all", []).append(part["processor"])
    return _few([f"{', '.join(who)} {slices}" for slices, who in doers.items()])


def _ways_told(ways: dict[str, int]) -> str:
    """Such as ``gpu0->gpu1 11.08 MB``; where there are many, how many of each size."""
    if len(ways) <= _PARTS_SHOWN:
        return "\n".join(f"{way} {units.size(count)}" for way, count in ways.items())
    return _few([f"{many} ways {units.size(count)} each" for count, many in Counter(ways.values()).items()])


def _held_told(held: dict[str, int]) -> str:
    if len(held) > 1 and len(set(held.values())) == 1:
        return f"{next(iter(held.values())):,} on each of {len(held)}"
    return _few([f"{processor} {count:,}" for processor, count in held.items()])
