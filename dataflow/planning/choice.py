"""How a block is split over the axes of a mesh, and the rules that say so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from dataflow.ops import Op, Role
from dataflow.plan import Axes, Kept, Rule
from dataflow.planning.auto import SplitName
from dataflow.planning.blocks import Block, is_product
from dataflow.region import Range, share_of

STORED: tuple[Kept, ...] = ("velocity", "gradient", "parameter")
"""What is kept in shards, in the order in which it saves memory at growing cost (ZeRO 1 to 3)."""

_SLICING: tuple[SplitName, ...] = ("channel", "group", "in_channel", "tensor", "one")
"""Splits that slice parameters, or leave them with one processor: nothing is replicated along their axes."""

Axis = tuple[str, ...]
"""One mesh axis, or several as one."""


@dataclass(frozen=True)
class Choice:
    """Which split along which axes; empty where there is but one processor."""

    splits: tuple[tuple[Axis, SplitName], ...]

    def __str__(self) -> str:
        if len(self.splits) == 1:
            return self.splits[0][1]
        return " ".join(f"{split}:{'+'.join(axes)}" for axes, split in self.splits) or "whole"

    @property
    def names(self) -> tuple[SplitName, ...]:
        """The splits without their axes."""
        return tuple(split for _, split in self.splits)


def choices(block: Block, axes: Mapping[str, int], allowed: Sequence[SplitName]) -> tuple[Choice, ...]:
    """The ways to split a block: over all axes as one, or the batch over the first and more over the second.

    axes: the mesh's but for that of stages, at most two, each longer than 1.
    """
    if not axes:
        return (Choice(()),)
    together = tuple(axes)
    found = [Choice(((together, split),)) for split in _possible(block, prod(axes.values()), allowed)]
    if len(axes) > 1:
        (first, outer), (second, inner) = axes.items()
        if "batch" in _possible(block, outer, allowed):
            found += [
                Choice((((first,), "batch"), ((second,), split)))
                for split in _possible(block, inner, allowed)
                if split != "batch"
            ]
    return tuple(found) or (Choice(((together, "replicated"),)),)


def _possible(block: Block, count: int, allowed: Sequence[SplitName]) -> list[SplitName]:
    """The splits that give each of so many processors something to do of the block's main layers."""
    main = tuple((block.products or block.ops).values())
    return [split for split in allowed if _fits(split, main, count)]


def _fits(split: SplitName, main: Sequence[Op], count: int) -> bool:
    if split in ("replicated", "one"):
        return True
    if split == "tensor":
        return len(main) > 1 and all(op.loops.get("channel", 0) >= count for op in main)
    cut = [_ranges(op, split, count) for op in main]
    if split == "group":
        # Whole groups that are what slices of the channels are already would be tried twice.
        return any(
            ranges and ranges != _ranges(op, "channel", count) for op, ranges in zip(main, cut, strict=True)
        )
    return any(cut)


def _ranges(op: Op, split: SplitName, count: int) -> list[Range]:
    """What each of so many processors does of the loop that a split slices; empty if not all have a part."""
    loop = _loop(op, split)
    if loop is None:
        return []
    if loop in op.divisions:
        units = op.divisions[loop][1]
        shares = [share_of((0, len(units)), (1,) * count, index) for index in range(count)]
        if any(first == last for first, last in shares):
            return []
        return [(units[first][0], units[last - 1][1]) for first, last in shares]
    ranges = [share_of((0, op.loops[loop]), (1,) * count, index) for index in range(count)]
    return [] if any(start == stop for start, stop in ranges) else ranges


def _loop(op: Op, split: SplitName) -> str | None:
    """The loop, or the units of one, that a split slices of an op; None for none."""
    possible = (*op.shardable, *op.divisions)
    names = {"channel": ("channel", "head"), "group": ("group", "channel")}.get(split, (split,))
    return next((name for name in names if name in possible), None)


def rules_of(
    block: Block, choice: Choice, inputs: Mapping[str, Sequence[str]], stored: int, *, recompute: bool
) -> dict[str, Rule]:
    """The rule for each layer of a block. stored: how many of STORED are kept in shards."""
    tensor = _tensor_loops(block, inputs)
    free = tuple(axis for axes, split in choice.splits for axis in axes if split not in _SLICING)
    learns = any(op.by_role(Role.PARAMETER) for op in block.ops.values())
    kept: dict[Kept, Axes] = {what: _axes(free) for what in STORED[:stored]} if free and learns else {}
    at = {axis: 0 for axes, split in choice.splits if split == "one" for axis in axes}
    found: dict[str, Rule] = {}
    for name, op in block.ops.items():
        shard: dict[str, Axes] = {}
        for axes, split in choice.splits:
            loop = tensor.get(name) if split == "tensor" else _loop(op, split)
            if loop is not None:
                shard[loop] = _axes(axes)
        found[name] = Rule(shard=shard, at=at, store=kept, recompute=recompute)
    return found


def _axes(axes: Axis) -> Axes:
    return axes[0] if len(axes) == 1 else axes


def _tensor_loops(block: Block, inputs: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """What ``tensor`` slices of each layer: channels, and where these arrive sliced, the sum over them."""
    found: dict[str, str] = {}
    sliced: set[str] = set()
    for name, op in block.ops.items():
        arrives = [source in sliced for source in inputs[name]]
        if is_product(op):
            found[name] = "in_channel" if any(arrives) and "in_channel" in op.shardable else "channel"
        elif all(arrives):
            loop = _loop(op, "channel")
            if loop is not None:
                found[name] = loop
        if found.get(name) not in (None, "in_channel"):
            sliced.add(name)
    return found
