"""What pydantic found wrong in a document, as faults with a place, a value, a rule and a hint."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from dataflow.near import did_you_mean
from topologies.documents import plain_schema
from topologies.find import Kind
from topologies.tree import Fault, Keys, Node, describe, dotted

_WANTED = {
    "int_type": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "string_type": "a text",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "mapping_type": "a mapping",
    "dataclass_type": "a mapping",
}
_BOUNDS = {
    "greater_than": ("gt", "more than"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "less than"),
    "less_than_equal": ("le", "at most"),
}
_WRONG_TYPE = {*_WANTED, "literal_error", "none_required"}


def faults_of(error: ValidationError, kind: Kind, root: Node) -> list[Fault]:
    """One fault for each field of a document that breaks a rule of its schema."""
    by_path: dict[Keys, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        by_path.setdefault(_path(root, detail), []).append(detail)
    faults: list[Fault] = []
    for path, details in by_path.items():
        wrong_type = all(detail["type"] in _WRONG_TYPE for detail in details)
        if wrong_type and any(path == other[: len(path)] != other for other in by_path):
            continue  # the value is of the other type that this field may have, and wrong further in
        faults.append(Fault(root.nearest(path).place, _text(kind, root, path, details)))
    return faults


def full_path(kind: Kind, path: Keys) -> str:
    """A path as it stands in an experiment, whatever the kind of the document."""
    return dotted((kind, *path) if kind in ("network", "hardware") else path)


def _path(root: Node, detail: ErrorDetails) -> Keys:
    """Where in the document: pydantic's location without the names of union members."""
    path: list[str | int] = []
    node = root
    location = detail["loc"]
    for position, key in enumerate(location):
        below = node.child(key)
        if below is not None:
            path.append(key)
            node = below
        elif position + 1 == len(location) and detail["type"] == "missing":
            path.append(key)
    return tuple(path)


def _text(kind: Kind, root: Node, path: Keys, details: Sequence[ErrorDetails]) -> str:
    """What is wrong with one value; a union that it fits in no way gives several details."""
    telling = [detail for detail in details if detail["type"] not in _WRONG_TYPE]
    name = full_path(kind, path) or kind
    if telling:
        return f"{name}: {_rule(_Broken(kind, root, path, telling[0]))}"
    wanted = " or ".join(dict.fromkeys(_wanted(detail) for detail in details))
    content = root.nearest(path).content
    text = f"{name}: must be {wanted}, got {describe(content)}"
    literals = [word for d in details if d["type"] == "literal_error" for word in _words(d)]
    if isinstance(content, str):
        if literals:
            return text + did_you_mean(content, literals)
        if content.lstrip("+-").replace(".", "", 1).isdigit() and "number" in wanted:
            return f"{text}; write it without quotes"
        if content.lower() in ("yes", "on", "no", "off") and "true" in wanted:
            return f"{text}; write {'true' if content.lower() in ('yes', 'on') else 'false'}"
    return text


def _wanted(detail: ErrorDetails) -> str:
    if detail["type"] == "literal_error":
        return str(detail.get("ctx", {})["expected"])
    return _WANTED.get(detail["type"], "nothing")


def _words(detail: ErrorDetails) -> list[str]:
    """The texts that a literal may be."""
    expected = str(detail.get("ctx", {})["expected"])
    return [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]


@dataclass(frozen=True)
class _Broken:
    """A rule that a value breaks: what pydantic says of it, and where in the document."""

    kind: Kind
    root: Node
    path: Keys
    detail: ErrorDetails

    @property
    def context(self) -> Mapping[str, Any]:
        """The numbers and words of the rule."""
        return self.detail.get("ctx", {})

    @property
    def found(self) -> str:
        """The value, for a message."""
        return describe(self.detail["input"])

    def bound(self) -> str:
        """A number that is too small or too large."""
        key, words = _BOUNDS[self.detail["type"]]
        return f"must be {words} {self.context[key]:g}, got {self.found}"

    def missing(self) -> str:
        """A key, or the end of a list, that is not there."""
        if isinstance(self.path[-1], int):
            found = self.root.nearest(self.path[:-1]).content
            return f"is missing; the list is too short, got {describe(found)}"
        if self.path[-1] == "source":
            return "is missing; say who measured or published the value, or that it is assumed"
        return "is missing"

    def unknown_key(self) -> str:
        """A key that the schema does not know."""
        known = sorted(fields_at(self.kind, self.root, self.path[:-1]))
        near = did_you_mean(str(self.path[-1]), known)
        return f"unknown key{near or ';'} the keys here are {', '.join(known)}"

    def pattern(self) -> str:
        """A text that is empty or no name."""
        if not str(self.detail["input"]).strip():
            return "must not be empty"
        if self.path == ("name",):
            rule = "leave out '/' and '\\' and a '.' at its beginning"
            return f"{self.found} cannot name a folder of reports: {rule}"
        return (
            f"{self.found} is no name; names are made of letters, digits, '_', '-' and '/' "
            "and begin with a letter, digit or '_'"
        )

    def no_tag(self) -> str:
        """The key is missing that tells what else there may be, such as the ``op`` of a layer."""
        return f"{self.tag_key!r} is missing; one of {', '.join(self.tags())}"

    def unknown_tag(self) -> str:
        """An op that no layer has, or a kind of interconnect that there is not."""
        tag = str(self.context["tag"])
        near = did_you_mean(tag, self.tags())
        return f"there is no {self.tag_key} {tag!r}{near or ';'} there are {', '.join(self.tags())}"

    @property
    def tag_key(self) -> str:
        """The key that tells the members of the union apart."""
        return str(self.context["discriminator"]).strip("'")

    def tags(self) -> list[str]:
        """What that key may say."""
        return next(_tags(plain_schema(self.kind), self.tag_key))


_RULES: Mapping[str, Callable[[_Broken], str]] = {
    **dict.fromkeys(_BOUNDS, _Broken.bound),
    "missing": _Broken.missing,
    "unexpected_keyword_argument": _Broken.unknown_key,
    "string_pattern_mismatch": _Broken.pattern,
    "value_error": lambda broken: str(broken.context["error"]),
    "too_long": lambda broken: f"must be a list of {broken.context['max_length']}, got {broken.found}",
    "too_short": lambda broken: f"must hold at least {broken.context['min_length']}, got {broken.found}",
    "multiple_of": lambda broken: (
        f"must be a multiple of {broken.context['multiple_of']}, got {broken.found}"
    ),
    "finite_number": lambda broken: f"must be a finite number, got {broken.found}",
    "union_tag_not_found": _Broken.no_tag,
    "union_tag_invalid": _Broken.unknown_tag,
}
"""What to say of each of pydantic's errors that a document can meet."""


def _rule(broken: _Broken) -> str:
    """What is wrong; in pydantic's words where there are none of our own."""
    rule = _RULES.get(broken.detail["type"])
    return broken.detail["msg"] if rule is None else rule(broken)


def _tags(schema: object, key: str) -> Iterator[list[str]]:
    """What ``key`` may say, for each union in a schema whose members it tells apart."""
    if isinstance(schema, list):
        for item in schema:
            yield from _tags(item, key)
    elif isinstance(schema, dict):
        union = schema.get("discriminator")
        if isinstance(union, dict) and union.get("propertyName") == key:
            yield list(union["mapping"])
        for below in schema.values():
            yield from _tags(below, key)


def fields_at(kind: Kind, root: Node, path: Keys) -> set[str]:
    """The keys that the schema knows at a path of a document."""
    schema = plain_schema(kind)
    definitions: Mapping[str, Any] = schema.get("$defs", {})
    candidates = list(_objects(schema, root, definitions))
    node = root
    for key in path:
        below = node.child(key)
        if below is None:
            return set()
        node = below
        candidates = [
            found
            for candidate in candidates
            for inner in _inner(candidate, key)
            for found in _objects(inner, node, definitions)
        ]
    return {field for candidate in candidates for field in candidate.get("properties", {})}


def _inner(schema: Mapping[str, Any], key: str | int) -> list[Mapping[str, Any]]:
    """The schemas of what an object or a list holds under a key."""
    if isinstance(key, int):
        return [schema["items"]] if "items" in schema else []
    if key in schema.get("properties", {}):
        return [schema["properties"][key]]
    named = [*schema.get("patternProperties", {}).values(), schema.get("additionalProperties")]
    return [inner for inner in named if isinstance(inner, dict)]


def _objects(
    schema: Mapping[str, Any], node: Node, definitions: Mapping[str, Any]
) -> Iterator[Mapping[str, Any]]:
    """The schemas that a value may meet, with references followed and unions opened."""
    if "$ref" in schema:
        yield from _objects(definitions[schema["$ref"].rsplit("/", 1)[1]], node, definitions)
    elif "discriminator" in schema:
        tag = node.mapping.get(schema["discriminator"]["propertyName"])
        reference = schema["discriminator"]["mapping"].get(None if tag is None else tag.content)
        if reference is not None:
            yield from _objects({"$ref": reference}, node, definitions)
    elif "anyOf" in schema:
        for member in schema["anyOf"]:
            yield from _objects(member, node, definitions)
    else:
        yield schema
