"""JSON schemas of the kinds of YAML, for editors: ``python -m topologies.json_schema`` writes them.

They know shapes, words and bounds; what more there is to check is checked by ``load``.
"""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

from topologies.blocks import USE
from topologies.documents import plain_schema
from topologies.expand import PARTS
from topologies.find import KINDS, Kind

FOLDER = Path(__file__).parent / "schema"
Schema = dict[str, Any]


def schema_of(kind: Kind) -> Schema:
    """The schema of a file of one kind; with ``extends`` a file may leave anything out."""
    definitions = _definitions(kind)
    for part in PARTS.get(kind, ()):
        definitions |= _definitions(part)
        experiment, partial = _document(kind), _partial(_document(part))
        for document, whole in ((experiment, part), (_partial(experiment), partial)):
            definitions[document]["properties"][part] = {
                "description": f"The name of a {part}, a path to its YAML, or the {part} itself",
                "anyOf": [{"type": "string"}, {"$ref": f"#/$defs/{whole}"}],
            }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"Dataflow {kind}",
        "type": "object",
        "required": ["kind"],
        "allOf": [{"$ref": f"#/$defs/{kind}"}],
        "$defs": dict(sorted(definitions.items())),
    }


def schema_text(kind: Kind) -> str:
    """The schema as it stands in its file."""
    return json.dumps(schema_of(kind), indent=1, ensure_ascii=False) + "\n"


def schema_path(kind: Kind) -> Path:
    """The file of the schema of one kind."""
    return FOLDER / f"{kind}.schema.json"


def _document(kind: Kind) -> str:
    return f"{kind.title()}Document"


def _partial(name: str) -> str:
    return f"Partial{name}"


def _definitions(kind: Kind) -> Schema:
    """The parts of a kind's schema: each whole and partial, and under its own name the choice of them."""
    root = deepcopy(plain_schema(kind))
    definitions: Schema = root.pop("$defs")
    root["properties"] |= {
        "kind": {"const": kind},
        "extends": {"type": "string", "description": f"The {kind} that this one changes: a name or a path"},
    }
    root["required"] = [name for name in root["required"] if name != "name"]
    definitions[_document(kind)] = root
    definitions |= {_partial(name): _optional(schema) for name, schema in definitions.items()}
    if kind == "hardware":
        _refer_to_hardware(definitions)
    if kind == "network":
        _use_blocks(definitions)
    definitions[kind] = {
        "if": {"required": ["extends"]},
        "then": {"$ref": f"#/$defs/{_partial(_document(kind))}"},
        "else": {"$ref": f"#/$defs/{_document(kind)}"},
    }
    return definitions


def _refer_to_hardware(definitions: Schema) -> None:
    """A cluster's machine may be named, and a processor's model taken from where it is described."""
    name = {"type": "string", "description": "A hardware: a name or a path"}
    partial = _partial("MachineDocument")
    definitions[partial]["properties"] |= {"kind": {"const": "hardware"}, "extends": name}
    for cluster in ("ClusterDocument", _partial("ClusterDocument")):
        definitions[cluster]["properties"]["of"] = {"anyOf": [name, {"$ref": f"#/$defs/{partial}"}]}
    changed = _partial("ProcessorModel")
    definitions[changed]["properties"]["from"] = name
    definitions["ProcessorModel"] = {
        "if": {"required": ["from"]},
        "then": {"$ref": f"#/$defs/{changed}"},
        "else": definitions["ProcessorModel"],
    }


def _use_blocks(definitions: Schema) -> None:
    """A network may have blocks, and layers that use one; in a block a value may be ``$name``."""
    written = {"type": "object", "anyOf": [{"required": ["op"]}, {"required": [USE]}]}
    definitions["Block"] = {
        "description": "Layers to be used under several names; $name is a value that each use gives",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "default": {"type": "object", "description": "Values for those that a use leaves out"},
            "layers": {"type": "object", "minProperties": 1, "additionalProperties": written},
        },
        "required": ["layers"],
    }
    use = {
        "description": "The layers of a block, in place of this one",
        "type": "object",
        "properties": {USE: {"type": "string"}, "input": {"type": ["string", "array"]}},
    }
    for document in (_document("network"), _partial(_document("network"))):
        properties = definitions[document]["properties"]
        properties["blocks"] = {"type": "object", "additionalProperties": {"$ref": "#/$defs/Block"}}
        named = properties["layers"]["patternProperties"]
        for pattern, layer in named.items():
            named[pattern] = {"if": {"required": [USE]}, "then": use, "else": layer}


def _optional(schema: object) -> object:
    """A schema like this one in which nothing is required, and no key tells the members of a union."""
    if isinstance(schema, list):
        return [_optional(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: value for key, value in schema.items() if key not in ("required", "discriminator")}
    if "oneOf" in kept:
        kept["anyOf"] = kept.pop("oneOf")
    if "$ref" in kept:
        return {"$ref": kept["$ref"].replace("#/$defs/", f"#/$defs/{_partial('')}")}
    return {key: _optional(value) for key, value in kept.items()}


if __name__ == "__main__":
    for each in KINDS:
        schema_path(each).write_text(schema_text(each), encoding="utf-8")
