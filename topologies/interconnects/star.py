"""One switch, or a card for each node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from topologies.constants import Name
from topologies.interconnects.wiring import Edge, Joins, Wiring


@dataclass(frozen=True, kw_only=True)
class SwitchDocument(Joins):
    """Every node linked to one switch called ``name``."""

    kind: Literal["switch"]
    name: Name = "switch"

    def wiring(self, nodes: Sequence[str]) -> Wiring:
        """One edge for each node."""
        return Wiring((self.name,), tuple(Edge(node, self.name, self.link, self.lanes) for node in nodes))


@dataclass(frozen=True, kw_only=True)
class CardsDocument(Joins):
    """A network card for each node, linked to it: ``nic0``, ``nic1``, ... when ``name`` is ``nic``."""

    kind: Literal["cards"]
    name: Name = "nic"

    def wiring(self, nodes: Sequence[str]) -> Wiring:
        """One card and one edge for each node."""
        cards = tuple(f"{self.name}{index}" for index in range(len(nodes)))
        edges = zip(nodes, cards, strict=True)
        return Wiring(cards, tuple(Edge(node, card, self.link, self.lanes) for node, card in edges))
