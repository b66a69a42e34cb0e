"""What an op is: a nest of loops, the region of each operand a slice of them touches, its passes.

Shapes, bytes, halos and which processor needs what all follow from here by
counting; nothing else in Dataflow knows what a convolution is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from enum import Enum, IntEnum
from functools import cached_property
from math import prod
from typing import ClassVar

from dataflow.ops.axis import Axis, Slices
from dataflow.region import Range, Region


class Phase(IntEnum):
    """The part of a training step a task belongs to, in the order they are preferred."""

    FORWARD = 0
    LOSS = 1
    GRADIENT = 2
    UPDATE = 3
    LOAD = 4

    @property
    def label(self) -> str:
        """The word for it in reports: ``forward``, ``loss``, ``gradient``, ``update``, ``load``."""
        return self.name.lower()


class Role(Enum):
    """Where an operand comes from or goes to."""

    INPUT = "input"
    """An activation (or the batch) made by another layer."""
    PARAMETER = "parameter"
    """Learned; it has a gradient, a velocity and an update."""
    RANDOM = "random"
    """Drawn from the seed, the step and the tensor's name when the op's forward pass starts."""
    OUTPUT = "output"
    """The activation that other layers read."""
    SAVED = "saved"
    """Written by one pass for later passes of the same layer."""


@dataclass(frozen=True)
class Operand:
    """One tensor of an op.

    dtype: its own, or None for the dtype of the computation.
    first_of: loops whose first slice alone touches the operand (a bias is added once).
    """

    name: str
    role: Role
    axes: tuple[Axis, ...]
    dtype: str | None = None
    first_of: tuple[str, ...] = ()

    @property
    def shape(self) -> tuple[int, ...]:
        """The extent of each axis."""
        return tuple(axis.extent for axis in self.axes)

    @property
    def labels(self) -> tuple[str, ...]:
        """The name of each axis."""
        return tuple(axis.label for axis in self.axes)


GRADIENT_SUFFIX = ".grad"


def gradient_of(name: str) -> str:
    """The name of the gradient of an operand or tensor: ``weight`` to ``weight.grad``."""
    return name + GRADIENT_SUFFIX


@dataclass(frozen=True)
class Pass:
    """One direction of an op: what a kernel of that name reads and writes.

    name: ``forward``, ``input_gradient``, ``weight_gradient``, ``update`` or another; an op has
    no two of one name.
    reads, writes: operand names; ``X.grad`` stands for the gradient of operand X.
    in_place: (written, read) operands that may share bytes.
    view: moves no data: it only gives bytes another name, so a machine takes no time for it.
    Values are computed for it like for any other.
    products: of an op that multiplies, how many products over all of its loops the pass makes.
    """

    name: str
    phase: Phase
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    in_place: tuple[tuple[str, str], ...] = ()
    view: bool = False
    products: int = 1

    def without(self, unwanted: Container[str]) -> Pass:
        """The same pass without some of what it writes, because nobody needs that."""
        return replace(
            self,
            writes=tuple(name for name in self.writes if name not in unwanted),
            in_place=tuple(shared for shared in self.in_place if shared[0] not in unwanted),
        )


@dataclass(frozen=True)
class Op(ABC):
    """A kind of computation, bound to its extents.

    ``local`` cuts an op to a slice of its loops: the result is again an op, with
    the extents, paddings and groups that the slice's operands have, and is all
    that a kernel needs to know.
    """

    kind: ClassVar[str]
    priced_as: ClassVar[str | None] = None
    """The kind whose efficiency it has where a machine names none of its own."""
    multiplies: ClassVar[bool] = False
    """Whether each turn of the innermost loop is one multiply-accumulate."""
    unsliced: ClassVar[tuple[str, ...]] = ()
    """Loops that no plan may slice."""

    @property
    @abstractmethod
    def loops(self) -> Mapping[str, int]:
        """The name and extent of each loop."""

    @property
    @abstractmethod
    def operands(self) -> tuple[Operand, ...]:
        """Every tensor the op reads or writes in its forward pass."""

    @property
    @abstractmethod
    def passes(self) -> tuple[Pass, ...]:
        """Its forward passes and then its gradient passes, in the order they should run."""

    @property
    def divisions(self) -> Mapping[str, tuple[str, tuple[Range, ...]]]:
        """Names for slicing a loop in units: to each the loop and the ranges of its units, in order.

        A convolution in groups has ``group``: a slice of two groups is the channels of both.
        """
        return {}

    @abstractmethod
    def local(self, slices: Slices) -> Op:
        """The op as seen by the processor that does this slice of the loops.

        Its operands are as large as the regions the slice touches, so rows that no window
        reaches are not among them. What is local already is not to be cut again.
        """

    # -- derived; only an op that is made of others counts otherwise -----------------

    def macs_of(self, direction: Pass) -> int:
        """Multiply-accumulates of a pass; 0 for what is not made of them."""
        return direction.products * prod(self.loops.values()) if self.multiplies else 0

    @property
    def macs(self) -> int:
        """Multiply-accumulates of the forward passes."""
        return sum(self.macs_of(each) for each in self.forward_passes)

    @property
    def forward_passes(self) -> tuple[Pass, ...]:
        """The passes before the gradients, that of a loss included."""
        return tuple(each for each in self.passes if each.phase in (Phase.FORWARD, Phase.LOSS))

    @property
    def gradient_passes(self) -> tuple[Pass, ...]:
        """The passes that write gradients."""
        return tuple(each for each in self.passes if each.phase is Phase.GRADIENT)

    @property
    def shardable(self) -> tuple[str, ...]:
        """The loops a plan may slice."""
        return tuple(loop for loop in self.loops if loop not in self.unsliced)

    @property
    def whole(self) -> dict[str, tuple[int, int]]:
        """The slice that is all of the work."""
        return {loop: (0, extent) for loop, extent in self.loops.items()}

    def flop_of(self, direction: Pass) -> int:
        """Floating-point operations of a pass: two for each multiply-accumulate.

        The convention of the field (and of PyTorch's ``FlopCounterMode``): only
        convolutions and matrix multiplications count; the rest is costed by its bytes.
        """
        return 2 * self.macs_of(direction)

    @property
    def flop(self) -> int:
        """Floating-point operations of the forward passes; see ``flop_of``."""
        return 2 * self.macs

    def operand(self, name: str) -> Operand:
        """The operand of this name. Raises KeyError when there is none."""
        if name not in self._by_name:
            raise KeyError(f"{self.kind} has no operand {name!r}")
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> Mapping[str, Operand]:
        return {operand.name: operand for operand in self.operands}

    def by_role(self, *roles: Role) -> tuple[Operand, ...]:
        """The operands that play one of these roles, in order."""
        return tuple(o for o in self._by_name.values() if o.role in roles)

    def region(self, name: str, slices: Slices) -> Region | None:
        """What a slice of the loops touches of an operand, or None when it does not touch it."""
        operand = self.operand(name)
        if any(slices[loop][0] > 0 for loop in operand.first_of):
            return None
        ranges = tuple(axis.touched(slices) for axis in operand.axes)
        return Region(ranges) if all(start < stop for start, stop in ranges) else None
