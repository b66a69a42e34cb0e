"""What a generator makes: switches, and which nodes are joined by which kind of link."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated

from pydantic import BeforeValidator

from topologies.constants import Multiple
from topologies.tree import describe


@dataclass(frozen=True)
class Edge:
    """Two nodes joined by ``lanes`` links of one kind, side by side: so many times the bandwidth."""

    first: str
    second: str
    link: str
    lanes: int = 1


@dataclass(frozen=True)
class Wiring:
    """New switches, and edges between them and the nodes that were there."""

    switches: tuple[str, ...]
    edges: tuple[Edge, ...]


def _listed(value: object) -> tuple[object, ...]:
    """A list, or one name for a list of one."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple):
        return tuple(value)
    raise ValueError(f"must be the name of a node, a pattern, or a list of them, got {describe(value)}")


Nodes = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])]
"""Names of nodes, or patterns (``gpu*``) for all that fit in the order they were described."""


@dataclass(frozen=True, kw_only=True)
class Joins:
    """What every generator has: the nodes it joins, in order, the kind of link, how many side by side."""

    nodes: Nodes
    link: str
    lanes: Multiple = 1


def all_pairs(nodes: Iterable[str], link: str, lanes: int = 1) -> tuple[Edge, ...]:
    """An edge between each two nodes."""
    return tuple(Edge(first, second, link, lanes) for first, second in combinations(nodes, 2))
