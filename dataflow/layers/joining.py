"""Layers that join branches, and reshape."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Annotated, Literal

from annotated_types import Len

from dataflow.layers.base import Binding, Count, Inputs
from dataflow.ops import Add, Concat, Op, Reshape


@dataclass(frozen=True, kw_only=True)
class AddLayer:
    """The sum of two inputs or more of one shape."""

    op: Literal["add"]
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and inputs. Raises NetworkError when their shapes differ."""
        first, *others = binding.several()
        for shape in others:
            if shape != first:
                raise binding.fault(f"adds inputs of one shape, got {first} and {shape}")
        return Add((binding.batch, *first), len(binding.inputs))


@dataclass(frozen=True, kw_only=True)
class ConcatLayer:
    """Two inputs or more one after another along the channels."""

    op: Literal["concat"]
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and inputs. Raises NetworkError when they differ in more than channels."""
        shapes = binding.several()
        for shape in shapes:
            if shape[1:] != shapes[0][1:]:
                raise binding.fault(
                    f"joins inputs that differ in channels alone, got {shapes[0]} and {shape}"
                )
        channels = tuple((f"input{index}", shape[0]) for index, shape in enumerate(shapes))
        return Concat(binding.batch, channels, shapes[0][1:])


@dataclass(frozen=True, kw_only=True)
class ReshapeLayer:
    """The same elements in row-major order under another ``shape``; ``flatten`` is one of (channels,)."""

    op: Literal["reshape"]
    shape: Annotated[tuple[Count, ...], Len(1, 3)] | Literal["flatten"]
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError when the numbers of elements differ."""
        before = binding.single()
        after = (prod(before),) if self.shape == "flatten" else self.shape
        if prod(before) != prod(after):
            raise binding.fault(
                f"cannot reshape {before}, {prod(before)} elements, into {after}, {prod(after)} elements"
            )
        return Reshape(binding.batch, before, after)
