"""What goes along with a training and is shown its values, to take every step in another way."""

from __future__ import annotations

from typing import Protocol

from dataflow.backend import Array
from dataflow.placement import Shard
from dataflow.training.state import State


class Beside(Protocol):
    """Another way to compute a training's steps. shown: the tensors whose values it wants to see."""

    shown: frozenset[str]

    def begin(self, step: int, state: State) -> None:
        """Is given which step is the next and what it begins with, whose values may change afterwards."""
        ...

    def see(self, name: str, shard: Shard, array: Array) -> None:
        """Is shown values of a step as they are published, by the tensor's name in the run."""
        ...
