"""Softmax over the channels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from dataflow.ops.elementwise import Activation


@dataclass(frozen=True)
class Softmax(Activation):
    """y[c] = exp(x[c]) / sum over the channels of exp(x), of each image, position or pixel by itself.

    Its derivative, like that of the elementwise activations, follows from y alone.
    """

    kind: ClassVar[str] = "softmax"
    unsliced: ClassVar[tuple[str, ...]] = ("channel",)
