"""Gradients without back-propagation: move one weight after the other and look at the loss."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod
from typing import ClassVar

from dataflow.ops.axis import Along, Slices
from dataflow.ops.base import Op, Operand, Pass, Phase, Role, gradient_of
from dataflow.region import Range


@dataclass(frozen=True)
class Wire:
    """Which tensor, named without its version, an operand of a layer's op is, and in what format."""

    operand: str
    tensor: str
    dtype: str


@dataclass(frozen=True)
class Evaluated:
    """A layer that is computed anew for every weight moved: its op, and what its operands are."""

    name: str
    op: Op
    wires: tuple[Wire, ...]

    @property
    def tensors(self) -> Mapping[str, str]:
        """By operand, the tensor."""
        return {wire.operand: wire.tensor for wire in self.wires}


@dataclass(frozen=True)
class FiniteDifference(Op):
    """grad[i] = (L(w with w[i] + step) - L(w)) / step, of the parameters of one layer.

    L is the mean loss of the batch, times the scale that the loss op has: a forward difference, off
    by O(step), as against back-propagation. L(w) is what the forward pass has found. Evaluations
    begin at the layers that read the parameter: what comes before is as it was. The loops are the
    axes of the layer's weight, so that a plan can give each processor some weights to move.

    parameters: of the layer, whole, the one with most axes first; held: the range of each of its axes
    whose elements are moved here. given: what evaluations read that the step has made, by the
    names of the tensors, the losses among them. layers: what is evaluated; the last is the loss.
    """

    kind: ClassVar[str] = "finite_difference"
    multiplies: ClassVar[bool] = True

    layer: str
    parameters: tuple[Operand, ...]
    held: tuple[Range, ...]
    given: tuple[Operand, ...]
    layers: tuple[Evaluated, ...]
    step: float
    gain: float

    @property
    def loops(self) -> Mapping[str, int]:
        """The axes of the weight."""
        extents = (stop - start for start, stop in self.held)
        return dict(zip(self.parameters[0].labels, extents, strict=True))

    @property
    def operands(self) -> tuple[Operand, ...]:
        """What evaluations read, and the elements that are moved, of which the gradients are written."""
        return (*self.given, *(self._moved(parameter) for parameter in self.parameters))

    def _moved(self, parameter: Operand) -> Operand:
        axes = tuple(Along(label, self.loops[label], label) for label in parameter.labels)
        others = tuple(loop for loop in self.loops if loop not in parameter.labels)
        return Operand(parameter.name, Role.PARAMETER, axes, parameter.dtype, first_of=others)

    @property
    def passes(self) -> tuple[Pass, ...]:
        """One: all gradients of the layer's parameters."""
        reads = tuple(operand.name for operand in self.given)
        writes = tuple(gradient_of(parameter.name) for parameter in self.parameters)
        return (Pass("weight_gradient", Phase.GRADIENT, reads, writes),)

    def local(self, slices: Slices) -> FiniteDifference:
        """Some of the weights; a bias is moved by the first slice of the axes that it has not."""
        first = [loop for loop, (start, _) in slices.items() if start == 0]
        return replace(
            self,
            held=tuple(slices[loop] for loop in self.loops),
            parameters=tuple(
                parameter
                for parameter in self.parameters
                if all(loop in first or loop in parameter.labels for loop in self.loops)
            ),
        )

    @property
    def evaluations(self) -> int:
        """How often the layers are computed: once for each element that is moved."""
        return sum(prod(self._moved(parameter).shape) for parameter in self.parameters)

    def macs_of(self, direction: Pass) -> int:
        """Those of the forward passes of all layers that are evaluated, each time."""
        return self.evaluations * sum(each.op.macs for each in self.layers)

    def start(self, parameter: Operand) -> tuple[int, ...]:
        """The first element of a parameter that is moved."""
        first = dict(zip(self.parameters[0].labels, self.held, strict=True))
        return tuple(first[label][0] for label in parameter.labels)
