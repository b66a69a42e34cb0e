"""Embeddings: a learned vector for each token, and one for each position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from dataflow.ops.axis import Along, Slices
from dataflow.ops.base import Op, Operand, Pass, Phase, Role


@dataclass(frozen=True)
class Embedding(Op):
    """y[n,c,t] = weight[x[n,t],c] for tokens x; a slice adds zero for tokens whose rows it lacks.

    The weight has the shape (vocabulary, channels), which is that of a linear layer from
    channels to scores, so that the two may share it. Slicing ``vocabulary`` gives partial
    sums. first: the token of the first row held.
    """

    kind: ClassVar[str] = "embedding"

    batch: int
    positions: int
    channels: int
    vocabulary: int
    first: int = 0

    @property
    def loops(self) -> Mapping[str, int]:
        """Sequence, position, channel and token; the last is summed over, all but one term being 0."""
        return {
            "batch": self.batch,
            "position": self.positions,
            "channel": self.channels,
            "vocabulary": self.vocabulary,
        }

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The tokens, the vector of each token, the output."""
        batch = Along("batch", self.batch, "batch")
        position = Along("position", self.positions, "position")
        channel = Along("channel", self.channels, "channel")
        row = Along("vocabulary", self.vocabulary, "vocabulary")
        return (
            Operand("input", Role.INPUT, (batch, position), dtype="int32"),
            Operand("weight", Role.PARAMETER, (row, channel)),
            Operand("output", Role.OUTPUT, (batch, channel, position)),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward and weight gradient; tokens have no gradient."""
        return (
            Pass("forward", Phase.FORWARD, ("input", "weight"), ("output",)),
            Pass("weight_gradient", Phase.GRADIENT, ("output.grad", "input"), ("weight.grad",)),
        )

    def local(self, slices: Slices) -> Embedding:
        """The embedding of a slice, with the rows of its part of the vocabulary."""
        extents = {loop: stop - start for loop, (start, stop) in slices.items()}
        return replace(
            self,
            batch=extents["batch"],
            positions=extents["position"],
            channels=extents["channel"],
            vocabulary=extents["vocabulary"],
            first=self.first + slices["vocabulary"][0],
        )


@dataclass(frozen=True)
class PositionEmbedding(Op):
    """y[n,c,t] = x[n,c,t] + weight[c,t]: a learned vector for each position."""

    kind: ClassVar[str] = "position_embedding"

    batch: int
    channels: int
    positions: int

    @property
    def loops(self) -> Mapping[str, int]:
        """Sequence, channel and position."""
        return {"batch": self.batch, "channel": self.channels, "position": self.positions}

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The sequences, the vector of each position, the output."""
        axes = tuple(Along(label, extent, label) for label, extent in self.loops.items())
        return (
            Operand("input", Role.INPUT, axes),
            Operand("weight", Role.PARAMETER, axes[1:]),
            Operand("output", Role.OUTPUT, axes),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward, input gradient (the output's, unchanged) and weight gradient."""
        return (
            Pass("forward", Phase.FORWARD, ("input", "weight"), ("output",), (("output", "input"),)),
            Pass(
                "input_gradient",
                Phase.GRADIENT,
                ("output.grad",),
                ("input.grad",),
                (("input.grad", "output.grad"),),
                view=True,
            ),
            Pass("weight_gradient", Phase.GRADIENT, ("output.grad",), ("weight.grad",)),
        )

    def local(self, slices: Slices) -> PositionEmbedding:
        """The embedding of a slice."""
        extents = {loop: stop - start for loop, (start, stop) in slices.items()}
        return PositionEmbedding(extents["batch"], extents["channel"], extents["position"])
