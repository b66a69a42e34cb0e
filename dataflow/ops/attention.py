"""Scaled dot-product attention of several heads (Vaswani et al. 2017, arXiv 1706.03762, section 3.2)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import sqrt
from typing import ClassVar

from dataflow.ops.axis import Along, Axis, Slices
from dataflow.ops.base import Op, Operand, Pass, Phase, Role
from dataflow.region import Range


@dataclass(frozen=True)
class HeadChannels(Axis):
    """The channels of the heads in a slice: ``size`` neighbouring ones for each head."""

    loop: str
    size: int

    def touched(self, slices: Slices) -> Range:
        start, stop = slices[self.loop]
        return start * self.size, stop * self.size


@dataclass(frozen=True)
class Attention(Op):
    """y[:,t] = sum over keys s of p[t,s] value[:,s], where p[t] = softmax of query[:,t] . key / sqrt(d).

    Each head does so with its own d = head_channels of the channels. causal: position t
    sees the keys s <= t only. keys: how many positions key and value have. A slice of
    ``position`` is one of the queries and needs all keys; first_position: the place of its
    first query. A slice of ``head`` holds whole heads' channels.

    What is kept for the gradient is the logarithm of each softmax's denominator, from which
    the gradient pass makes the probabilities again, as FlashAttention does (Dao et al.
    2022, arXiv 2205.14135): positions x keys probabilities a head are what limits
    the length of sequences. It costs a fifth matrix product in the gradient pass.
    """

    kind: ClassVar[str] = "attention"
    multiplies: ClassVar[bool] = True
    unsliced: ClassVar[tuple[str, ...]] = ("head_channel", "key")

    batch: int
    heads: int
    head_channels: int
    positions: int
    keys: int
    causal: bool = False
    first_position: int = 0

    @property
    def scale(self) -> float:
        """What the products of queries and keys are multiplied by."""
        return 1.0 / sqrt(self.head_channels)

    @property
    def loops(self) -> Mapping[str, int]:
        """Sequence, head, position of the query, position of the key, channel of the head."""
        return {
            "batch": self.batch,
            "head": self.heads,
            "position": self.positions,
            "key": self.keys,
            "head_channel": self.head_channels,
        }

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Query, key, value and output, and the logarithm of the sum of exponentials kept."""
        batch = Along("batch", self.batch, "batch")
        head = Along("head", self.heads, "head")
        channel = HeadChannels("channel", self.heads * self.head_channels, "head", self.head_channels)
        position = Along("position", self.positions, "position")
        key = Along("position", self.keys, "key")
        return (
            Operand("query", Role.INPUT, (batch, channel, position)),
            Operand("key", Role.INPUT, (batch, channel, key)),
            Operand("value", Role.INPUT, (batch, channel, key)),
            Operand("output", Role.OUTPUT, (batch, channel, position)),
            Operand("logsumexp", Role.SAVED, (batch, head, position)),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward, of two matrix products, and the gradient of all three inputs, of five."""
        inputs = ("query", "key", "value")
        return (
            Pass("forward", Phase.FORWARD, inputs, ("output", "logsumexp"), products=2),
            Pass(
                "input_gradient",
                Phase.GRADIENT,
                ("output.grad", *inputs, "logsumexp"),
                ("query.grad", "key.grad", "value.grad"),
                products=5,
            ),
        )

    def local(self, slices: Slices) -> Attention:
        """The attention of some sequences, heads or queries."""
        extents = {loop: stop - start for loop, (start, stop) in slices.items()}
        return replace(
            self,
            batch=extents["batch"],
            heads=extents["head"],
            positions=extents["position"],
            first_position=self.first_position + slices["position"][0],
        )
