"""YAML text to a tree with places: PyYAML's parser under the rules of YAML 1.2's core schema.

In YAML 1.1, PyYAML's own choice, ``on`` is a truth value, ``1e-4`` a text, ``1:30`` the
number 90, and a key that is given twice is accepted. Here none of this holds.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from yaml import YAMLError
from yaml.composer import Composer
from yaml.error import MarkedYAMLError
from yaml.nodes import MappingNode, ScalarNode, SequenceNode
from yaml.nodes import Node as YamlNode
from yaml.parser import Parser
from yaml.reader import Reader
from yaml.resolver import BaseResolver
from yaml.scanner import Scanner

from dataflow.errors import TopologyError
from topologies.tree import Fault, Node, Place, Scalar, describe

_TAG = "tag:yaml.org,2002:"
_MERGE = f"{_TAG}merge"
_SCALARS = tuple(_TAG + kind for kind in ("null", "bool", "int", "float", "str"))
_MOST_VALUES = 100_000
_MOST_DIGITS = 100
_DEEPEST = 50


class _Composer(Reader, Scanner, Parser, Composer, BaseResolver):
    """PyYAML's parser with the implicit types of YAML 1.2's core schema, and merge keys."""

    def __init__(self, text: str) -> None:
        Reader.__init__(self, text)
        Scanner.__init__(self)
        Parser.__init__(self)
        Composer.__init__(self)
        BaseResolver.__init__(self)


_PATTERNS = {
    kind: re.compile(f"^(?:{pattern})$")
    for kind, pattern in (
        ("null", r"~|null|Null|NULL|"),
        ("bool", r"true|True|TRUE|false|False|FALSE"),
        ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+"),
        (
            "float",
            r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        ),
        ("merge", r"<<"),
    )
}
for _kind, _pattern in _PATTERNS.items():
    _Composer.add_implicit_resolver(_TAG + _kind, _pattern, None)


def parse(text: str, file: str, base: Path, faults: list[Fault]) -> Node | None:
    """The document in ``text``, or None when it is empty.

    file: what places call it. base: where relative paths in it start. Keys given twice
    are added to ``faults``. Raises TopologyError when it is not one YAML document.
    """
    try:
        composer = _Composer(text)
        if not composer.check_node():
            return None
        root = composer.get_node()
        second = composer.get_node() if composer.check_node() else None
        if second is not None:
            raise TopologyError(
                f"{file}:{second.start_mark.line + 1}: a second YAML document begins here; "
                "a file describes one thing, put each document into a file of its own"
            )
    except MarkedYAMLError as error:
        raise TopologyError(_syntax_error(error, file)) from None
    except (YAMLError, ValueError, OverflowError) as error:
        first_line = str(error).splitlines()[0]
        raise TopologyError(f"{file}: is not YAML: {first_line}") from None
    except RecursionError:
        raise TopologyError(f"{file}: is nested too deeply, more than {_DEEPEST} levels") from None
    return None if root is None else _Builder(file, base, faults).build(root)


def _syntax_error(error: MarkedYAMLError, file: str) -> str:
    mark = error.problem_mark or error.context_mark
    place = file if mark is None else f"{file}:{mark.line + 1}"
    problem = error.problem or "unreadable"
    about = f"{error.context}, {problem}" if error.context else problem
    hint = "; indent with spaces, YAML allows no tabs there" if r"'\t'" in problem else ""
    return f"{place}: is not YAML: {about}{hint}"


class _Builder:
    """Turns PyYAML's nodes into ours; what an alias repeats is built once and shared."""

    def __init__(self, file: str, base: Path, faults: list[Fault]) -> None:
        self.file = file
        self.base = base
        self.faults = faults
        self.built: dict[int, tuple[Node, int]] = {}
        self.open: set[int] = set()

    def build(self, node: YamlNode) -> Node:
        """The tree under a node. Raises TopologyError when it is too large, too deep or endless."""
        return self._sized(node)[0]

    def _place(self, node: YamlNode) -> Place:
        return Place(self.file, node.start_mark.line + 1)

    def _sized(self, node: YamlNode) -> tuple[Node, int]:
        """The tree under a node and how many values it holds, repeated ones counted each time."""
        key = id(node)
        if key in self.built:
            return self.built[key]
        place = self._place(node)
        if key in self.open:
            raise TopologyError(f"{place}: an anchor that contains itself; a description must end somewhere")
        if len(self.open) == _DEEPEST:
            raise TopologyError(f"{place}: is nested too deeply, more than {_DEEPEST} levels")
        self.open.add(key)
        if isinstance(node, ScalarNode):
            made, size = Node(self._scalar(node, place), place, self.base), 1
        elif isinstance(node, SequenceNode) and node.tag == f"{_TAG}seq":
            items = [self._sized(item) for item in node.value]
            made, size = Node(tuple(item for item, _ in items), place, self.base), 1 + _total(items)
        elif isinstance(node, MappingNode) and node.tag == f"{_TAG}map":
            made, size = self._mapping(node, place)
        else:
            raise self._bad_tag(node, place)
        self.open.remove(key)
        if size > _MOST_VALUES:
            raise TopologyError(f"{place}: anchors repeat it into more than {_MOST_VALUES:,} values")
        self.built[key] = made, size
        return made, size

    def _mapping(self, node: MappingNode, place: Place) -> tuple[Node, int]:
        entries: dict[str, Node] = {}
        inherited: dict[str, Node] = {}
        size = 1
        for key_node, value_node in node.value:
            key_place = self._place(key_node)
            value, count = self._sized(value_node)
            size += count
            if key_node.tag == _MERGE:
                sources = value.content if isinstance(value.content, tuple) else (value,)
                for source in sources:
                    if not isinstance(source.content, dict):
                        raise TopologyError(
                            f"{key_place}: '<<' takes mappings, got {describe(source.content)}"
                        )
                    inherited = {**source.mapping, **inherited}
                continue
            key = self._key(key_node, key_place)
            if key in entries:
                first = entries[key].place.line
                self.faults.append(
                    Fault(key_place, f"{key!r} is given twice, first on line {first}; keep one of them")
                )
            else:
                entries[key] = replace(value, place=key_place)
        return Node({**inherited, **entries}, place, self.base), size

    def _key(self, node: YamlNode, place: Place) -> str:
        if not isinstance(node, ScalarNode):
            raise TopologyError(f"{place}: a key must be a word, not a list or mapping")
        if node.tag not in _SCALARS:
            raise self._bad_tag(node, place)
        if node.tag != f"{_TAG}str":
            shown = node.value or "nothing"
            raise TopologyError(f"{place}: key {shown} is not a text; put it in quotes: '{node.value}'")
        return self._checked_text(str(node.value), place)

    def _scalar(self, node: ScalarNode, place: Place) -> Scalar:
        text = str(node.value)
        if node.tag == _MERGE:
            return text
        if node.tag not in _SCALARS:
            raise self._bad_tag(node, place)
        kind = node.tag.removeprefix(_TAG)
        if kind == "str":
            return self._checked_text(text, place)
        if kind == "null":
            return None
        if len(text) > _MOST_DIGITS or not _PATTERNS[kind].match(text):
            raise TopologyError(f"{place}: {text[:40]!r} cannot be read as {kind}")
        return _READERS[kind](text)

    def _checked_text(self, text: str, place: Place) -> str:
        """The text, unless it holds halves of characters, which cannot be written to any file."""
        if any("\ud800" <= character <= "\udfff" for character in text):
            raise TopologyError(f"{place}: the text holds half of a surrogate pair, which is no character")
        return text

    def _bad_tag(self, node: YamlNode, place: Place) -> TopologyError:
        tag = node.tag.replace(_TAG, "!!")
        return TopologyError(f"{place}: tag {tag!r} is not supported; leave it out")


def _total(items: list[tuple[Node, int]]) -> int:
    return sum(size for _, size in items)


def _truth(text: str) -> bool:
    return text.lower() == "true"


def _integer(text: str) -> int:
    for prefix, radix in (("0o", 8), ("0x", 16)):
        if text.startswith(prefix):
            return int(text[2:], radix)
    return int(text)


def _floating(text: str) -> float:
    """Also ``.inf`` and ``.nan``, which YAML writes with a dot and Python without."""
    return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))


_READERS: dict[str, Callable[[str], Scalar]] = {"bool": _truth, "int": _integer, "float": _floating}
