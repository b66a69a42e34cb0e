"""Blocks: layers that a network repeats, written once and put in place wherever they are used.

A block is a mapping of layers in which ``$name`` stands for a value that each use gives.
``stage1: {use: bottleneck, inner: 64}`` becomes the block's layers, called ``stage1_conv1``
and so on. In a block ``input`` is what its use reads; elsewhere the name of a use stands
for its last layer. A block may use others.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from dataflow.errors import TopologyError
from dataflow.near import did_you_mean
from dataflow.network import DATA
from topologies.tree import Fault, Node, describe

USE = "use"
ENTRY = "input"
"""In a block: what its use reads."""
_REFERENCES = ("input", "weight_of")


@dataclass(frozen=True)
class _Scope:
    """Where layers are put: before their names, what ``input`` stands for, the values of ``$name``.

    ends: for each name written here the layer it stands for. above: the blocks that led here.
    """

    prefix: str
    entry: tuple[str, ...]
    values: Mapping[str, Node]
    ends: Mapping[str, str]
    above: tuple[str, ...]


def with_blocks(root: Node, faults: list[Fault]) -> Node:
    """A network with every use replaced by the layers of its block, and without ``blocks``.

    Raises TopologyError for what is no block at all or uses itself; other faults are listed.
    """
    layers = root.mapping.get("layers")
    blocks = root.mapping.get("blocks")
    if layers is None or not isinstance(layers.content, dict):
        return root
    known = {} if blocks is None else {name: _block(name, node) for name, node in blocks.mapping.items()}
    if not known and not any(USE in layer.mapping for layer in layers.mapping.values()):
        return root.drop("blocks")
    expansion = _Expansion(known, faults)
    scope = _Scope("", (DATA,), {}, expansion.ends(layers.mapping, ""), ())
    made = expansion.layers(layers.mapping, scope)
    return root.drop("blocks").put("layers", replace(layers, content=made))


@dataclass(frozen=True)
class _Block:
    """The layers of a block and the values that a use may leave out."""

    layers: Mapping[str, Node]
    default: Mapping[str, Node]


def _block(name: str, node: Node) -> _Block:
    layers = node.mapping.get("layers")
    if layers is None or not layers.mapping or not set(node.mapping) <= {"layers", "default"}:
        raise TopologyError(
            f"{node.place}: network.blocks.{name}: must have 'layers', and may have 'default', a mapping of "
            f"values for those that a use leaves out; got {', '.join(node.mapping) or describe(node.content)}"
        )
    default = node.mapping.get("default")
    return _Block(layers.mapping, {} if default is None else default.mapping)


@dataclass(frozen=True)
class _Expansion:
    """The blocks of a network, and the faults found on the way."""

    blocks: Mapping[str, _Block]
    faults: list[Fault]

    def layers(self, written: Mapping[str, Node], scope: _Scope) -> dict[str, Node]:
        """The layers that some layers and uses stand for, in order."""
        made: dict[str, Node] = {}
        before = scope.entry
        for position, (name, node) in enumerate(written.items()):
            filled = self._filled(node, scope)
            if position == 0 and scope.prefix and "input" not in filled.mapping:
                filled = filled.put("input", _names(scope.entry, filled))
            if USE in filled.mapping:
                inner = self._used(scope.prefix + name, filled, before, scope.above)
            else:
                inner = {scope.prefix + name: filled}
            for full, layer in inner.items():
                if full in made:
                    text = f"network.layers.{full}: is there twice; a use makes one of this name"
                    self.faults.append(Fault(layer.place, text))
                made[full] = layer
                before = (full,)
        return made

    def ends(self, written: Mapping[str, Node], prefix: str) -> dict[str, str]:
        """For each name among some layers the one it stands for: of a use the block's last."""
        return {name: self._end(prefix + name, node, 0) for name, node in written.items()}

    def _end(self, full: str, node: Node, depth: int) -> str:
        block = self.blocks.get(str(node.mapping[USE].content)) if USE in node.mapping else None
        if block is None or depth > len(self.blocks):
            return full
        last = list(block.layers)[-1]
        return self._end(f"{full}_{last}", block.layers[last], depth + 1)

    def _used(self, full: str, use: Node, before: tuple[str, ...], above: tuple[str, ...]) -> dict[str, Node]:
        """The layers of a use whose references are filled in."""
        name = str(use.mapping[USE].content)
        block = self.blocks.get(name)
        if block is None:
            near = did_you_mean(name, self.blocks)
            there = ", ".join(self.blocks) or "none"
            self.faults.append(
                Fault(
                    use.place,
                    f"network.layers.{full}: there is no block {name!r}{near or ';'} there are: {there}",
                )
            )
            return {}
        if name in above:
            raise TopologyError(f"{use.place}: block {name!r} uses itself: {' -> '.join((*above, name))}")
        values = self._values(full, name, block, use)
        read = use.mapping.get("input")
        entry = before if read is None else _listed(read)
        prefix = f"{full}_"
        scope = _Scope(prefix, entry, values, self.ends(block.layers, prefix), (*above, name))
        return self.layers(block.layers, scope)

    def _values(self, full: str, name: str, block: _Block, use: Node) -> dict[str, Node]:
        """What each ``$name`` of a block stands for in a use."""
        given = {key: value for key, value in use.mapping.items() if key not in (USE, "input")}
        wanted = {value for layer in block.layers.values() for value in _wanted(layer)}
        for key, value in given.items():
            if key not in wanted:
                known = ", ".join(sorted(wanted)) or "none"
                text = f"network.layers.{full}: block {name!r} has no ${key}; its values are: {known}"
                self.faults.append(Fault(value.place, text))
        values = {**block.default, **given}
        for key in sorted(wanted - set(values)):
            text = f"network.layers.{full}: block {name!r} needs a value for ${key}; write {key}: VALUE"
            self.faults.append(Fault(use.place, text))
        return values

    def _filled(self, node: Node, scope: _Scope) -> Node:
        """A layer or use with its values put in and the names of what it reads made whole."""
        filled = _with_values(node, scope.values)
        for key in _REFERENCES:
            named = filled.mapping.get(key)
            if named is None:
                continue
            names: list[str] = []
            for name in _listed(named):
                names += scope.entry if name == ENTRY and scope.prefix else (scope.ends.get(name, name),)
            if isinstance(named.content, str | tuple):
                filled = filled.put(key, _names(tuple(names), named))
        return filled


def _wanted(node: Node) -> set[str]:
    """The names that ``$name`` stands for anywhere in a layer."""
    content = node.content
    if isinstance(content, str):
        return {content[1:]} if content.startswith("$") else set()
    below = content if isinstance(content, tuple) else node.mapping.values()
    return {name for each in below for name in _wanted(each)}


def _with_values(node: Node, values: Mapping[str, Node]) -> Node:
    content = node.content
    if isinstance(content, str) and content.startswith("$"):
        return values.get(content[1:], node)
    if isinstance(content, dict):
        return replace(node, content={key: _with_values(value, values) for key, value in content.items()})
    if isinstance(content, tuple):
        return replace(node, content=tuple(_with_values(value, values) for value in content))
    return node


def _listed(node: Node) -> tuple[str, ...]:
    """The names in a reference: one, or a list of them."""
    items = node.content if isinstance(node.content, tuple) else (node,)
    return tuple(item.content for item in items if isinstance(item.content, str))


def _names(names: tuple[str, ...], at: Node) -> Node:
    """One name, or a list of several, written where ``at`` is."""
    if len(names) == 1:
        return Node(names[0], at.place, at.base)
    return Node(tuple(Node(name, at.place, at.base) for name in names), at.place, at.base)
