"""Reshape: the same elements in the same order under another shape."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from dataflow.ops.axis import Along, Slices, Whole, activation_labels
from dataflow.ops.base import Op, Operand, Pass, Phase, Role


@dataclass(frozen=True)
class Reshape(Op):
    """y[n] = the elements of x[n] in row-major order, as PyTorch's ``reshape``.

    before, after: shape of one image's activation. Only the batch may be sliced.
    """

    kind: ClassVar[str] = "reshape"

    batch: int
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def loops(self) -> Mapping[str, int]:
        """Image."""
        return {"batch": self.batch}

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Input and output."""
        batch = Along("batch", self.batch, "batch")
        named = (("input", Role.INPUT, self.before), ("output", Role.OUTPUT, self.after))
        return tuple(
            Operand(name, role, (batch, *_whole(activation_labels(1 + len(shape))[1:], shape)))
            for name, role, shape in named
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward and input gradient, which move nothing."""
        return (
            Pass("forward", Phase.FORWARD, ("input",), ("output",), (("output", "input"),), view=True),
            Pass(
                "input_gradient",
                Phase.GRADIENT,
                ("output.grad",),
                ("input.grad",),
                (("input.grad", "output.grad"),),
                view=True,
            ),
        )

    def local(self, slices: Slices) -> Reshape:
        """The same of fewer images."""
        return replace(self, batch=slices["batch"][1] - slices["batch"][0])


def _whole(labels: tuple[str, ...], shape: tuple[int, ...]) -> tuple[Whole, ...]:
    return tuple(Whole(label, extent) for label, extent in zip(labels, shape, strict=True))
