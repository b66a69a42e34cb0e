"""What every layer description is made of: sizes, shapes, what it is bound with, initial values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from math import prod, sqrt
from typing import Annotated, Literal

from annotated_types import Ge, Gt, Le

from dataflow.errors import NetworkError
from dataflow.ops import Operand

Count = Annotated[int, Gt(0)]
Size = Annotated[int, Ge(0)]
Pair = Count | tuple[Count, Count]
"""One number for both height and width, or (height, width)."""
SizePair = Size | tuple[Size, Size]
Shape = tuple[int, ...]
"""Shape of one image's activation: (channels,), (channels, positions) or (channels, height, width)."""
Bias = bool | Annotated[float, Ge(-1e30), Le(1e30)]
"""Whether biases are learned; a number for a constant in their place."""
Inputs = str | tuple[str, ...] | None
"""Names of the layers read; None for the layer before."""


@dataclass(frozen=True)
class Binding:
    """What a description is bound with: its layer's name, the batch, the inputs' shapes.

    labels: the shape of one example's labels. tokens: whether it reads the network's tokens,
    of shape (positions,), in place of activations. normalized_together: see ``Network``.
    """

    name: str
    batch: int
    inputs: tuple[Shape, ...]
    classes: int
    labels: Shape = ()
    tokens: bool = False
    normalized_together: int | None = None

    def fault(self, text: str) -> NetworkError:
        """An error about this layer."""
        return NetworkError(f"layer {self.name!r}: {text}")

    def image(self) -> tuple[int, int, int]:
        """The single input as (channels, height, width). Raises NetworkError when it is not."""
        shape = self.single()
        if len(shape) != 3:
            raise self.fault(f"needs an input of (channels, height, width), got {shape}")
        return shape[0], shape[1], shape[2]

    def single(self) -> Shape:
        """The shape of the only input."""
        if len(self.inputs) != 1:
            raise self.fault(f"takes one input, got {len(self.inputs)}")
        return self._activations()[0]

    def several(self) -> tuple[Shape, ...]:
        """The shapes of two inputs or more. Raises NetworkError when there are fewer."""
        if len(self.inputs) < 2:
            raise self.fault(
                f"joins two inputs or more, got {len(self.inputs)}; name them, such as input: [a, b]"
            )
        return self._activations()

    def _activations(self) -> tuple[Shape, ...]:
        if self.tokens:
            raise self.fault("reads tokens, which only an embedding does; let it read an embedding layer")
        return self.inputs


@dataclass(frozen=True, kw_only=True)
class Initial:
    """Initial values: weights Gaussian of mean 0 and this deviation, biases constant.

    weight_deviation: a number, or a rule that follows from the inputs n that one output sums over
    (the extent of all axes of the weight but the first): ``he`` is sqrt(2 / n) (He et al.,
    arXiv 1502.01852, equation 10), ``lecun`` is sqrt(1 / n). uniform: weights evenly from minus this
    number to it, in place of Gaussian ones.
    """

    weight_deviation: Annotated[float, Ge(0), Le(1e30)] | Literal["he", "lecun"] = 0.01
    bias: Annotated[float, Ge(-1e30), Le(1e30)] = 0.0
    uniform: Annotated[float, Gt(0), Le(1e30)] | None = None

    def deviation(self, shape: Shape) -> float:
        """The deviation of a weight of this shape."""
        if isinstance(self.weight_deviation, str):
            gain = {"he": 2.0, "lecun": 1.0}[self.weight_deviation]
            return sqrt(gain / prod(shape[1:]))
        return self.weight_deviation


def constant(value: float) -> Initial:
    """Every element starts at this value."""
    return Initial(weight_deviation=0.0, bias=value)


DEFAULT_INITIAL = Initial()
"""Deviation 0.01 and biases of 0."""


@dataclass(frozen=True, kw_only=True)
class Learned(ABC):
    """A layer with parameters: it says how each begins, and may use another layer's weight.

    weight_of: the layer whose weight this one reads in place of one of its own. The two have one
    shape; the gradients of both are added and there is one update.
    """

    weight_of: str | None = None

    @abstractmethod
    def initial_of(self, parameter: Operand) -> Initial:
        """How a parameter of the bound op begins."""


def weight_and_bias(initial: Initial, parameter: Operand) -> Initial:
    """The usual case of ``Learned.initial_of``: the weight is Gaussian, the bias constant."""
    return (
        constant(initial.bias)
        if parameter.name == "bias"
        else Initial(weight_deviation=initial.deviation(parameter.shape), uniform=initial.uniform)
    )


def learned_or_constant(bias: Bias) -> tuple[bool, float]:
    """An op's ``bias`` and ``offset``: biases that are learned, or a constant (0 for neither)."""
    return (bias, 0.0) if isinstance(bias, bool) else (False, float(bias))


def pair(value: int | tuple[int, int]) -> tuple[int, int]:
    """(height, width) of one number for both, or of two."""
    return (value, value) if isinstance(value, int) else value


def check_window(binding: Binding, kernel: Sequence[int], pad: Sequence[int], extent: Sequence[int]) -> None:
    """Raises NetworkError when a window of ``kernel`` holds no input or does not fit into it."""
    for k, p, n, what in zip(kernel, pad, extent, ("height", "width"), strict=True):
        if p >= k:
            raise binding.fault(f"pad {p} must be less than kernel {k} in {what}, or windows hold no input")
        if k > n + 2 * p:
            raise binding.fault(
                f"kernel of {what} {k} does not fit an input of {what} {n} padded by {p} on each side"
            )


def overhang(extent: int, kernel: int, stride: int, pad: int) -> int:
    """How far a last window reaches beyond the padded input, so that all of the input is read.

    PyTorch's rule of ``ceil_mode``: the last window still starts in the input or the padding before it.
    """
    left = (extent + 2 * pad - kernel) % stride
    last = extent + 2 * pad - kernel - left + stride
    return stride - left if left and last < extent + pad else 0
