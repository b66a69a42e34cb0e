"""The JSON schemas that editors use are those of the code, and hold for all that ships."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import topologies
from tests.topologies.described import EXPERIMENT, HARDWARE, NETWORK, changed
from topologies.find import KINDS, Kind, Shipped
from topologies.json_schema import schema_path, schema_text
from topologies.parse import parse

SHIPPED = topologies.shipped()


def validator(kind: Kind) -> Draft202012Validator:
    """What checks a document of one kind."""
    schema = json.loads(schema_path(kind).read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def document(text: str) -> object:
    """A description as editors see it, who read YAML 1.2 as we do."""
    node = parse(text, "x.yaml", Path(), [])
    assert node is not None
    return node.plain()


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_are_up_to_date(kind: Kind) -> None:
    """``python -m topologies.json_schema`` writes them anew."""
    assert schema_path(kind).read_text(encoding="utf-8") == schema_text(kind)


@pytest.mark.parametrize("entry", SHIPPED, ids=lambda entry: f"{entry.kind}-{entry.name}")
def test_what_ships_is_valid(entry: Shipped) -> None:
    """Also what extends another."""
    validator(entry.kind).validate(document(entry.path.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "entry",
    SHIPPED,
    ids=lambda entry: f"{entry.kind}-{entry.name}",
)
def test_what_ships_names_its_schema(entry: Shipped) -> None:
    """The first line of each file tells editors where its schema is."""
    first = entry.path.read_text(encoding="utf-8").split("\n")[0]
    path = schema_path(entry.kind)
    assert first == f"# yaml-language-server: $schema=../schema/{path.name}"
    assert (entry.path.parent / "../schema" / path.name).resolve() == path.resolve()


@pytest.mark.parametrize(
    ("kind", "text"), [("network", NETWORK), ("hardware", HARDWARE), ("experiment", EXPERIMENT)]
)
def test_small_descriptions_are_valid(kind: Kind, text: str) -> None:
    """Those of these tests too."""
    validator(kind).validate(document(text))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("network", changed(NETWORK, "kernel: 3", "kernel: 0")),
        ("network", changed(NETWORK, "kernel: 3", "kernl: 3")),
        ("network", changed(NETWORK, "op: convolution", "op: conv")),
        ("network", changed(NETWORK, "kind: network", "kind: hardware")),
        ("network", changed(NETWORK, "kind: network\n", "")),
        ("network", changed(NETWORK, "kernel: 3}", "kernel: 3}\nextends: alexnet\nfoo: 1").split("  fc")[0]),
        ("hardware", changed(HARDWARE, '"6 GB/s"', "6")),
        ("hardware", changed(HARDWARE, '"6 GB/s", source: assumed', '"6 GB/s"')),
        ("experiment", changed(EXPERIMENT, "batch: 4", "bach: 4")),
        ("experiment", changed(EXPERIMENT, "network: ./net.yaml", "network: {classes: 3}")),
        ("experiment", changed(EXPERIMENT, "network: ./net.yaml", "network: 3")),
    ],
)
def test_schemas_refuse_what_the_reader_refuses(kind: Kind, text: str) -> None:
    """Unknown keys, wrong types, values out of bounds, constants without unit or source."""
    assert not validator(kind).is_valid(document(text))


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("network", "kind: network\nextends: alexnet\nlayers: {conv1: {kernel: 5}}"),
        ("hardware", "kind: hardware\nextends: gtx580\nswitches: []"),
        ("experiment", "kind: experiment\nextends: tiny-2x-gtx580\nnetwork: {classes: 3}"),
        ("experiment", changed(EXPERIMENT, "network: ./net.yaml", "network: {extends: alexnet, classes: 3}")),
    ],
)
def test_what_extends_another_may_leave_anything_out(kind: Kind, text: str) -> None:
    """The rest comes from there."""
    validator(kind).validate(document(text))
