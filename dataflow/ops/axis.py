"""How one dimension of an operand follows from a slice of an op's loops.

A few kinds carry every op: the same range, a window with halo, the channels of
groups, a neighbourhood of channels, a part of a joined range, ranges counted in
units, and all of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from dataflow.region import Range

Slices = Mapping[str, Range]
"""A range of each loop of an op: the part of the work that one processor does."""


def activation_labels(dimensions: int) -> tuple[str, ...]:
    """The names of an activation's axes: batch and channel, then one position or height and width."""
    inner = {2: (), 3: ("position",), 4: ("height", "width")}[dimensions]
    return ("batch", "channel", *inner)


@dataclass(frozen=True)
class Block:
    """One group of channels: ``outputs`` are computed from ``inputs`` alone."""

    inputs: Range
    outputs: Range


def equal_blocks(in_channels: int, channels: int, groups: int) -> tuple[Block, ...]:
    """``groups`` blocks of equal size over ``in_channels`` inputs and ``channels`` outputs."""
    i, o = in_channels // groups, channels // groups
    return tuple(Block((i * g, i * (g + 1)), (o * g, o * (g + 1))) for g in range(groups))


def group_division(blocks: tuple[Block, ...]) -> dict[str, tuple[str, tuple[Range, ...]]]:
    """An op's ``divisions``: where it has several blocks, whole ``group``s of its channels."""
    return {"group": ("channel", tuple(block.outputs for block in blocks))} if len(blocks) > 1 else {}


@dataclass(frozen=True)
class Axis(ABC):
    """One dimension of an operand: its label, its extent, and what a slice touches of it."""

    label: str
    extent: int

    @abstractmethod
    def touched(self, slices: Slices) -> Range:
        """The range of this dimension that the work in ``slices`` reads or writes."""


@dataclass(frozen=True)
class Along(Axis):
    """The same range as a loop's."""

    loop: str

    def touched(self, slices: Slices) -> Range:
        return slices[self.loop]


@dataclass(frozen=True)
class Window(Axis):
    """A window of ``kernel`` every ``stride``, beginning ``before`` ahead of the first element."""

    loop: str
    kernel: int
    stride: int
    before: int

    def touched(self, slices: Slices) -> Range:
        first, last = slices[self.loop]
        start = first * self.stride - self.before
        stop = (last - 1) * self.stride - self.before + self.kernel
        return max(0, start), min(self.extent, stop)


@dataclass(frozen=True)
class GroupChannels(Axis):
    """The input channels of the groups that a slice of output channels belongs to."""

    loop: str
    inner_loop: str
    blocks: tuple[Block, ...]

    def touched(self, slices: Slices) -> Range:
        inner_start, inner_stop = slices[self.inner_loop]
        hit = overlapping_blocks(self.blocks, slices[self.loop])
        return hit[0].inputs[0] + inner_start, hit[-1].inputs[0] + inner_stop


@dataclass(frozen=True)
class Neighbours(Axis):
    """Channels within ``reach`` of a slice, without crossing into another group."""

    loop: str
    reach: int
    blocks: tuple[Block, ...]

    def touched(self, slices: Slices) -> Range:
        hit = reached_blocks(self.blocks, slices[self.loop], self.reach)
        return hit[0].inputs[0], hit[-1].inputs[1]


@dataclass(frozen=True)
class Whole(Axis):
    """All of it, whatever the slice."""

    def touched(self, slices: Slices) -> Range:
        return 0, self.extent


@dataclass(frozen=True)
class Joined(Axis):
    """The part of a loop from ``start`` on that this operand is; empty for a slice that misses it."""

    loop: str
    start: int

    def touched(self, slices: Slices) -> Range:
        first, last = slices[self.loop]
        return max(0, first - self.start), min(self.extent, last - self.start)


@dataclass(frozen=True)
class Units(Axis):
    """The units of ``size`` that a loop's range has a part in; the held range begins ``before`` into one."""

    loop: str
    size: int
    before: int = 0

    def touched(self, slices: Slices) -> Range:
        first, last = slices[self.loop]
        return (self.before + first) // self.size, (self.before + last - 1) // self.size + 1


def overlapping_blocks(blocks: tuple[Block, ...], outputs: Range) -> tuple[Block, ...]:
    """The blocks that produce any of ``outputs``."""
    start, stop = outputs
    return tuple(b for b in blocks if b.outputs[0] < stop and start < b.outputs[1])


def reached_blocks(blocks: tuple[Block, ...], outputs: Range, reach: int) -> tuple[Block, ...]:
    """The blocks cut to ``outputs`` and to the inputs within ``reach`` of them.

    Inputs and outputs are numbered alike, as in an op that keeps its channels.
    """
    cut: list[Block] = []
    for block in overlapping_blocks(blocks, outputs):
        start, stop = max(block.outputs[0], outputs[0]), min(block.outputs[1], outputs[1])
        inputs = (max(block.inputs[0], start - reach), min(block.inputs[1], stop + reach))
        cut.append(Block(inputs, (start, stop)))
    return tuple(cut)
