"""A YAML document as a tree in which every value remembers where it was written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dataflow.errors import TopologyError


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a value was written. line: from 1, or 0 when it was set from outside any file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file

    @property
    def outside(self) -> bool:
        """Whether the value was set from outside, as by ``--set``."""
        return self.line == 0


Scalar = str | int | float | bool | None
Keys = tuple[str | int, ...]
"""Keys and list positions that lead from a root to a value."""


@dataclass(frozen=True, slots=True)
class Node:
    """A value and its place; that of a value in a mapping is the line of its key.

    base: the folder that relative paths in it start from.
    """

    content: Scalar | dict[str, Node] | tuple[Node, ...]
    place: Place
    base: Path

    @property
    def mapping(self) -> dict[str, Node]:
        """The values by key; empty when the node is no mapping."""
        return self.content if isinstance(self.content, dict) else {}

    def child(self, key: str | int) -> Node | None:
        """The value under a key or at a position of a list, or None."""
        if isinstance(self.content, dict):
            return self.content.get(str(key))
        if isinstance(self.content, tuple) and isinstance(key, int) and key < len(self.content):
            return self.content[key]
        return None

    def nearest(self, path: Sequence[str | int]) -> Node:
        """The value at a path, or the last one on the way to it that is there."""
        node = self
        for key in path:
            below = node.child(key)
            if below is None:
                break
            node = below
        return node

    @property
    def blamed(self) -> Place:
        """Where to look for a fault in the value: what was set in it from outside, or else its own place."""
        below = self.content if isinstance(self.content, tuple) else self.mapping.values()
        return next((place for place in (node.blamed for node in below) if place.outside), self.place)

    def put(self, key: str, value: Node) -> Node:
        """A mapping like this one in which ``key`` holds ``value``."""
        return replace(self, content={**self.mapping, key: value})

    def drop(self, *keys: str) -> Node:
        """A mapping like this one without some keys."""
        return replace(self, content={k: v for k, v in self.mapping.items() if k not in keys})

    def plain(self) -> object:
        """The value as dicts, lists and scalars."""
        if isinstance(self.content, dict):
            return {key: value.plain() for key, value in self.content.items()}
        if isinstance(self.content, tuple):
            return [value.plain() for value in self.content]
        return self.content


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that is wrong, and where."""

    place: Place
    text: str

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def faults_error(product: str, faults: Iterable[Fault]) -> TopologyError:
    """The error that lists all the faults of a document, in the order of files and lines."""
    listed = [str(fault) for fault in sorted(set(faults))]
    count = "1 fault" if len(listed) == 1 else f"{len(listed)} faults"
    return TopologyError("\n".join([f"{product}: {count}", *(f"  - {fault}" for fault in listed)]))


def dotted(path: Sequence[str | int]) -> str:
    """A path as it is written in ``--set``."""
    return ".".join(str(key) for key in path)


def describe(content: object) -> str:
    """A value for a message: short, and as YAML would have it."""
    if isinstance(content, dict):
        return "a mapping"
    if isinstance(content, list | tuple):
        return f"a list of {len(content)}"
    if content is None:
        return "nothing"
    if isinstance(content, bool):
        return str(content).lower()
    text = repr(content)
    return text if len(text) <= 80 else f"{text[:77]}..."
