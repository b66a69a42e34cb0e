"""Ops that join several activations into one: add and concat."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import ClassVar

from dataflow.ops.axis import Along, Axis, Joined, Slices, activation_labels
from dataflow.ops.base import Op, Operand, Pass, Phase, Role, gradient_of
from dataflow.ops.elementwise import Elementwise


@dataclass(frozen=True)
class Add(Elementwise):
    """y = the sum of ``inputs`` activations of one shape; inputs are called input0, input1, ..."""

    kind: ClassVar[str] = "add"

    inputs: int = 2

    @property
    def names(self) -> tuple[str, ...]:
        """The inputs' names."""
        return tuple(f"input{index}" for index in range(self.inputs))

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The inputs and the output."""
        return (
            *(Operand(name, Role.INPUT, self._axes) for name in self.names),
            Operand("output", Role.OUTPUT, self._axes),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward, which may work in place; every input's gradient is that of the output by another name."""
        gradients = tuple(gradient_of(name) for name in self.names)
        return (
            Pass("forward", Phase.FORWARD, self.names, ("output",), (("output", "input0"),)),
            Pass(
                "input_gradient",
                Phase.GRADIENT,
                ("output.grad",),
                gradients,
                tuple((gradient, "output.grad") for gradient in gradients),
                view=True,
            ),
        )


@dataclass(frozen=True)
class Concat(Op):
    """y = the inputs one after another along the channels.

    batch, positions: the extents of the other axes. channels: (name, channels held) of each input;
    a slice of the channels holds parts of some inputs, and the others are no operands of it.
    """

    kind: ClassVar[str] = "concat"

    batch: int
    channels: tuple[tuple[str, int], ...]
    positions: tuple[int, ...] = ()

    @property
    def loops(self) -> Mapping[str, int]:
        """One loop for each dimension of the output."""
        total = sum(count for _, count in self.channels)
        shape = (self.batch, total, *self.positions)
        return dict(zip(activation_labels(len(shape)), shape, strict=True))

    @property
    def places(self) -> tuple[tuple[str, int, int], ...]:
        """(name, first channel of the output, one after the last) of each input."""
        stops = tuple(accumulate(count for _, count in self.channels))
        return tuple(
            (name, stop - count, stop) for (name, count), stop in zip(self.channels, stops, strict=True)
        )

    @property
    def operands(self) -> tuple[Operand, ...]:
        """The inputs and the output."""
        batch, channel, *rest = (Along(label, extent, label) for label, extent in self.loops.items())
        inputs: list[Operand] = []
        for name, start, stop in self.places:
            joined: Axis = Joined("channel", stop - start, "channel", start)
            inputs.append(Operand(name, Role.INPUT, (batch, joined, *rest)))
        return (*inputs, Operand("output", Role.OUTPUT, (batch, channel, *rest)))

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward and input gradient, which both copy."""
        names = tuple(name for name, _ in self.channels)
        gradients = tuple(gradient_of(name) for name in names)
        return (
            Pass("forward", Phase.FORWARD, names, ("output",)),
            Pass("input_gradient", Phase.GRADIENT, ("output.grad",), gradients),
        )

    def local(self, slices: Slices) -> Concat:
        """The concatenation of a slice: of the inputs it touches."""
        first, last = slices["channel"]
        held = tuple(
            (name, min(stop, last) - max(start, first))
            for name, start, stop in self.places
            if start < last and first < stop
        )
        rest = tuple(slices[loop][1] - slices[loop][0] for loop in tuple(self.loops)[2:])
        return replace(self, batch=slices["batch"][1] - slices["batch"][0], channels=held, positions=rest)
