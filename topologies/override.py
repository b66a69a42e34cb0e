"""Fields set from outside a file: ``--set hardware.links.pcie.bandwidth="8 GB/s"``."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from dataflow.errors import TopologyError
from dataflow.near import did_you_mean
from dataflow.override import Override
from topologies.expand import PARTS, completed, reference
from topologies.find import Kind
from topologies.parse import parse
from topologies.tree import Fault, Keys, Node, Place, describe, dotted

OUTSIDE_SOURCE = "set by --set"
"""The source of a constant whose value was set from outside."""
_NAMED = {"layers", "models", "processors", "spaces", "hosts", "links"}
"""Mappings from names that a path must find there, not invent on its way."""


@dataclass(frozen=True)
class Setting:
    """A field set to a value that was read: by ``--set``, or by a variant of a study."""

    path: str
    value: Node

    @property
    def told(self) -> Override:
        """The same as ``--set`` takes it."""
        plain = self.value.plain()
        return Override(self.path, plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False))


def overridden(root: Node, kind: Kind, overrides: Iterable[Override | Setting], faults: list[Fault]) -> Node:
    """The document with every override applied in turn.

    Raises TopologyError for a path that leads nowhere or a value that cannot be read.
    """
    for override in overrides:
        root = completed(_apply(root, kind, override, faults), kind, faults)
    return root


def _apply(root: Node, kind: Kind, override: Override | Setting, faults: list[Fault]) -> Node:
    place = _place(override)
    keys = tuple(override.path.split("."))
    if kind != "experiment" and keys[0] == kind:
        keys = keys[1:]
    if not all(keys) or not keys:
        raise TopologyError(
            f"{place}: {override.path!r} is no path; write keys with dots between, as training.batch"
        )
    value = override.value if isinstance(override, Setting) else _value(override, place, faults)
    for part in PARTS.get(kind, ()):
        if keys == (part,):
            value = reference(value, part, root, faults)
    return _put(root, keys, 0, value)


def _place(override: Override | Setting) -> Place:
    if isinstance(override, Setting):
        return override.value.place
    return Place(f"--set {override.path}={override.value}", 0)


def _value(override: Override, place: Place, faults: list[Fault]) -> Node:
    """The text of an override read as YAML, every value in it with the override as its place."""
    found: list[Fault] = []
    try:
        read = parse(override.value, "the value", Path(), found)
    except TopologyError as error:
        raise TopologyError(f"{place}: {error}") from None
    faults += [Fault(place, fault.text) for fault in found]
    return Node(None, place, Path()) if read is None else _moved(read, place)


def _moved(node: Node, place: Place) -> Node:
    content = node.content
    if isinstance(content, dict):
        content = {key: _moved(value, place) for key, value in content.items()}
    elif isinstance(content, tuple):
        content = tuple(_moved(value, place) for value in content)
    return replace(node, content=content, place=place)


def _put(node: Node, keys: Keys, depth: int, value: Node) -> Node:
    """The node with ``value`` at ``keys[depth:]`` below it, which may add what is not there.

    Whether an added key is one that the schema knows is checked with all the rest, later.
    """
    if depth == len(keys):
        scalar = not isinstance(value.content, dict | tuple)
        if scalar and {"value", "source"} <= set(node.mapping):
            return node.put("value", value).put("source", _source(value))
        return value
    key = str(keys[depth])
    if isinstance(node.content, tuple):
        return _put_in_list(node, node.content, keys, depth, value)
    if not isinstance(node.content, dict):
        raise TopologyError(
            f"{value.place}: {dotted(keys[:depth])!r} is {describe(node.content)} ({node.place}), "
            f"which has no {key!r} in it; set {dotted(keys[:depth])!r} itself"
        )
    last = depth + 1 == len(keys)
    if key not in node.content and not last and depth > 0 and keys[depth - 1] in _NAMED and keys[0] != "plan":
        raise _unknown(node, keys, depth, value)
    below = node.content.get(key, Node({} if not last else None, value.place, value.base))
    changed = node.put(key, _put(below, keys, depth + 1, value))
    if "source" not in changed.mapping and _has_source(keys, depth):
        return changed.put("source", _source(value))
    return changed


def _source(value: Node) -> Node:
    """The source of a constant with this value."""
    said = OUTSIDE_SOURCE if value.place.outside else f"set at {value.place}"
    return Node(said, value.place, value.base)


def _has_source(keys: Keys, depth: int) -> bool:
    """Whether ``keys[depth]`` is of what has one source for several numbers: an efficiency, or a routine."""
    if depth >= 3 and keys[depth - 3] == "instructions":
        return keys[depth] != "source"
    last = depth + 1 == len(keys)
    return last and "efficiency" in keys and keys[depth] in ("compute", "memory")


def _put_in_list(node: Node, items: tuple[Node, ...], keys: Keys, depth: int, value: Node) -> Node:
    key = str(keys[depth])
    if not key.isdecimal() or int(key) >= len(items):
        raise TopologyError(
            f"{value.place}: {dotted(keys[:depth])!r} is a list of {len(items)} ({node.place}); "
            f"{key!r} is no position in it, they go from 0 to {len(items) - 1}"
        )
    position = int(key)
    changed = _put(items[position], keys, depth + 1, value)
    return replace(node, content=(*items[:position], changed, *items[position + 1 :]))


def _unknown(node: Node, keys: Keys, depth: int, value: Node) -> TopologyError:
    key = str(keys[depth])
    known = list(node.mapping)
    near = did_you_mean(key, known)
    return TopologyError(
        f"{value.place}: there is no {dotted(keys[: depth + 1])!r}{near or '.'} "
        f"{dotted(keys[:depth])} has: {', '.join(known) or 'nothing'} ({node.place})"
    )
