"""Blocks of consecutive layers that a search places alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dataflow.network import DATA, Network
from dataflow.ops import Op, Role

MOST_DECISIONS = 16
"""In networks of more blocks, those that compute the same are placed alike."""


@dataclass(frozen=True)
class Block:
    """Consecutive layers. ops: of each layer. decision: the number that blocks placed alike share."""

    ops: Mapping[str, Op]
    decision: int

    @property
    def name(self) -> str:
        """The name of its first layer that multiplies, or else of its first."""
        return next(iter(self.products), next(iter(self.ops)))

    @property
    def first(self) -> str:
        """Its first layer."""
        return next(iter(self.ops))

    @property
    def products(self) -> Mapping[str, Op]:
        """The layers that multiply by a weight of their own."""
        return {name: op for name, op in self.ops.items() if is_product(op)}


def is_product(op: Op) -> bool:
    """Whether an op multiplies by a weight."""
    return op.multiplies and bool(op.by_role(Role.PARAMETER))


def blocks_of(network: Network, ops: Mapping[str, Op]) -> tuple[Block, ...]:
    """The network in blocks: a layer that multiplies and those behind it, or a whole branching part.

    A block begins only where a single activation passes, so that what branches stays together; the
    loss is a block of its own.
    """
    last = tuple(ops)[-1]
    grouped: list[dict[str, Op]] = []
    for part in _parts(network, tuple(ops)):
        begins = any(is_product(ops[name]) for name in part) or part[-1] == last
        if begins or not grouped:
            grouped.append({})
        grouped[-1] |= {name: ops[name] for name in part}
    tied = len(grouped) > MOST_DECISIONS
    numbers: dict[object, int] = {}
    return tuple(
        Block(layers, numbers.setdefault(tuple(layers.values()) if tied else index, len(numbers)))
        for index, layers in enumerate(grouped)
    )


def _parts(network: Network, order: tuple[str, ...]) -> list[list[str]]:
    """The layers between places where a single activation passes."""
    position = {name: index for index, name in enumerate(order)}
    last_read = {DATA: -1, **dict.fromkeys(order, -1)}
    for name in order:
        for source in network.inputs[name]:
            last_read[source] = max(last_read[source], position[name])
    parts: list[list[str]] = []
    for index, name in enumerate(order):
        passing = [source for source in (DATA, *order[:index]) if last_read[source] >= index]
        if len(passing) == 1 or not parts:
            parts.append([])
        parts[-1].append(name)
    return parts
