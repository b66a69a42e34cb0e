"""Nodes joined without switches: each with each, given pairs, rings, meshes and tori."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Annotated, Literal

from annotated_types import Len

from dataflow.errors import TopologyError
from topologies.constants import Multiple
from topologies.interconnects.wiring import Edge, Joins, Wiring, all_pairs


@dataclass(frozen=True, kw_only=True)
class AllToAllDocument(Joins):
    """A link between each two nodes."""

    kind: Literal["all-to-all"]

    def wiring(self, nodes: Sequence[str]) -> Wiring:
        """One edge for each pair: n (n - 1) / 2."""
        return Wiring((), all_pairs(nodes, self.link, self.lanes))


@dataclass(frozen=True, kw_only=True)
class MatchingDocument(Joins):
    """The i-th of the first half of the nodes linked to the i-th of the second half."""

    kind: Literal["matching"]

    def wiring(self, nodes: Sequence[str]) -> Wiring:
        """Half as many edges as nodes. Raises TopologyError for an odd number of nodes."""
        half, odd = divmod(len(nodes), 2)
        if odd:
            raise TopologyError(f"{len(nodes)} nodes have no halves; name an even number")
        pairs = zip(nodes[:half], nodes[half:], strict=True)
        return Wiring((), tuple(Edge(*pair, self.link, self.lanes) for pair in pairs))


@dataclass(frozen=True, kw_only=True)
class RingDocument(Joins):
    """Each node linked to the next, the last to the first."""

    kind: Literal["ring"]

    def wiring(self, nodes: Sequence[str]) -> Wiring:
        """As many edges as nodes; one for two nodes."""
        return Wiring((), grid(nodes, (len(nodes),), self.link, self.lanes, wrap=True))


@dataclass(frozen=True, kw_only=True)
class MeshDocument(Joins):
    """A grid of ``dims`` nodes, the last dimension fastest."""

    kind: Literal["mesh"]
    dims: Annotated[tuple[Multiple, ...], Len(1)]

    def wiring(self, nodes: Sequence[str]) -> Wiring:
        """An edge between neighbours. Raises TopologyError when the nodes do not fill the grid."""
        return Wiring((), grid(nodes, self.dims, self.link, self.lanes, wrap=False))


@dataclass(frozen=True, kw_only=True)
class TorusDocument(Joins):
    """A grid of ``dims`` nodes whose rows are rings in each dimension, the last dimension fastest."""

    kind: Literal["torus"]
    dims: Annotated[tuple[Multiple, ...], Len(1)]

    def wiring(self, nodes: Sequence[str]) -> Wiring:
        """As a mesh, with the last of each row linked to its first where there are more than two."""
        return Wiring((), grid(nodes, self.dims, self.link, self.lanes, wrap=True))


def grid(nodes: Sequence[str], dims: Sequence[int], link: str, lanes: int, *, wrap: bool) -> tuple[Edge, ...]:
    """The edges of a grid. Raises TopologyError when the nodes do not fill it.

    wrap: whether rows of more than two nodes are rings.
    """
    if prod(dims) != len(nodes):
        told = " x ".join(map(str, dims))
        raise TopologyError(f"dims of {told} need {prod(dims)} nodes, got {len(nodes)}; change either")
    places = list(product(*(range(length) for length in dims)))
    at = dict(zip(places, nodes, strict=True))
    return tuple(
        Edge(at[place], at[(*place[:axis], (place[axis] + 1) % length, *place[axis + 1 :])], link, lanes)
        for place in places
        for axis, length in enumerate(dims)
        if place[axis] + 1 < length or (wrap and length > 2)
    )
