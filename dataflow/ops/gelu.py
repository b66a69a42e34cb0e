"""GELU (Hendrycks and Gimpel 2016, arXiv 1606.08415)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dataflow.ops.base import Operand, Pass, Phase, Role
from dataflow.ops.elementwise import Elementwise


@dataclass(frozen=True)
class Gelu(Elementwise):
    """y = x P(X <= x) for a standard normal X.

    tanh: instead of the exact x (1 + erf(x / sqrt 2)) / 2, its approximation
    x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2, which GPT-2 uses.
    """

    kind: ClassVar[str] = "gelu"

    tanh: bool = False

    @property
    def operands(self) -> tuple[Operand, ...]:
        """Input and output."""
        return (
            Operand("input", Role.INPUT, self._axes),
            Operand("output", Role.OUTPUT, self._axes),
        )

    @property
    def passes(self) -> tuple[Pass, ...]:
        """Forward and input gradient; the derivative needs the input, which so is kept."""
        return (
            Pass("forward", Phase.FORWARD, ("input",), ("output",)),
            Pass(
                "input_gradient",
                Phase.GRADIENT,
                ("output.grad", "input"),
                ("input.grad",),
                (("input.grad", "output.grad"),),
            ),
        )
