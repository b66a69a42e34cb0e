"""Tensors: named, shaped, assigned once.

A name such as ``conv1.weight@3`` says which value: ``conv1.weight`` as step 3 reads
it. In a graph, which describes any one step, versions count from that step: step k
reads ``conv1.weight@0`` and writes ``conv1.weight@1``, which step k + 1 reads as its
own ``@0``.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from math import prod

from dataflow.layers import Initial
from dataflow.numbers.number import element_bytes
from dataflow.region import Region


class TensorKind(Enum):
    """What a tensor is for; reports of memory are grouped by it."""

    BATCH = "batch"
    PARAMETER = "parameter"
    VELOCITY = "velocity"
    ACTIVATION = "activation"
    SAVED = "saved"
    RECOMPUTED = "recomputed activation"
    MASK = "mask"
    ACTIVATION_GRADIENT = "activation gradient"
    PARAMETER_GRADIENT = "parameter gradient"


CARRIED = (TensorKind.BATCH, TensorKind.PARAMETER, TensorKind.VELOCITY)
"""Kinds that one step leaves for the next."""


@dataclass(frozen=True)
class Tensor:
    """One value of one step.

    base: its name without the version. version: 0 for this step's value, 1 for what it
    leaves to the next. labels: the names of its axes. layer: who it belongs to.
    initial: how its first version is made, for parameters. part_of: the base of the tensor that it is a
    part of the sum of; empty for none.
    """

    base: str
    version: int
    kind: TensorKind
    labels: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: str
    layer: str
    initial: Initial | None = None
    part_of: str = ""

    @property
    def name(self) -> str:
        """``base@version``, with versions counted from the step described."""
        return f"{self.base}@{self.version}"

    def name_in(self, step: int) -> str:
        """``base@version`` as the run calls it in a step."""
        return f"{self.base}@{self.version + step}"

    @property
    def region(self) -> Region:
        """All of it."""
        return Region.whole(self.shape)

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return element_bytes(self.dtype)

    @property
    def bytes(self) -> int:
        """Bytes of the whole tensor."""
        return prod(self.shape) * self.itemsize

    @property
    def carried(self) -> bool:
        """Whether the next step reads what this one leaves."""
        return self.kind in CARRIED
