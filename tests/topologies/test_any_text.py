"""Whatever a file contains, reading it gives a description or a TopologyError."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

import topologies
from dataflow.errors import TopologyError
from dataflow.experiment import Override
from tests.strategies import LAW
from tests.topologies.described import EXPERIMENT, HARDWARE, NETWORK, write_all
from topologies.parse import parse
from topologies.tree import Node

GARBAGE = settings(LAW, max_examples=150)
READERS: dict[str, Callable[[str], object]] = {
    "network": topologies.load_network,
    "hardware": topologies.load_hardware,
    "experiment": topologies.load,
}
TEXTS = {"network": NETWORK, "hardware": HARDWARE, "experiment": EXPERIMENT}
SNIPPETS = st.sampled_from(
    ["0", "-1", "3.5", ".nan", ".inf", "1e99", "true", "~", "''", "[]", "{}", "[[1]]", "{a:", "1}", "*x", "&x", "<<", "?", ":", "-", "|", ">", "!", "!!int", "#", '"', "'", "\t", "%", "@", ",", "---", "...", "classes", "relu", "network", "extends:", "kind:", "op:", "op", "GB/s", "'6_GB/s'", "99999999999999999999999"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
words = st.sampled_from([*(NETWORK + HARDWARE + EXPERIMENT).replace(":", " ").split(), "name", "extends"])
values = st.recursive(
    scalars | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


def read(kind: str, raw: bytes) -> None:
    """Reads bytes as a description of a kind; raises anything but TopologyError."""
    with tempfile.TemporaryDirectory() as folder:
        write_all(Path(folder))
        path = Path(folder) / "x.yaml"
        path.write_bytes(raw)
        try:
            READERS[kind](str(path))
        except TopologyError as error:
            assert "x.yaml" in str(error)


@given(
    kind=st.sampled_from(sorted(READERS)), raw=st.binary(max_size=60) | st.text(max_size=60).map(str.encode)
)
@GARBAGE
def test_any_bytes(kind: str, raw: bytes) -> None:
    """Noise."""
    read(kind, raw)


@given(kind=st.sampled_from(sorted(READERS)), data=st.dictionaries(words, values, max_size=6))
@GARBAGE
def test_any_yaml(kind: str, data: dict[str, object]) -> None:
    """Well-formed YAML of known words in any shape."""
    read(kind, yaml.safe_dump({"kind": kind, **data}).encode("utf-8", "surrogatepass"))


@given(
    kind=st.sampled_from(sorted(READERS)), where=st.floats(0, 1), length=st.integers(0, 12), snippet=SNIPPETS
)
@GARBAGE
def test_any_change_to_a_description(kind: str, where: float, length: int, snippet: str) -> None:
    """A good description with a few characters replaced."""
    text = TEXTS[kind]
    start = int(where * len(text))
    read(kind, (text[:start] + snippet + text[start + length :]).encode())


@given(
    path=st.lists(words | st.text(max_size=3), min_size=1, max_size=5).map(".".join),
    value=SNIPPETS | st.text(max_size=10),
)
@GARBAGE
def test_any_setting(path: str, value: str) -> None:
    """Whatever is set from outside."""
    try:
        topologies.load("tiny-2x-gtx580", [Override(path, value)])
    except TopologyError as error:
        assert f"--set {path}={value}" in str(error) or "tiny-2x-gtx580.yaml" in str(error)


@given(data=st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=5), values, max_size=6))
@LAW
def test_what_is_written_is_read(data: dict[str, object]) -> None:
    """Texts, numbers, lists and mappings come back as they were, where YAML 1.1 and 1.2 agree."""
    try:
        node = parse(yaml.safe_dump(data, default_style='"').replace("!!float", "!!str"), "x", Path(), [])
    except TopologyError:
        return
    assert isinstance(node, Node)
    assert list(node.mapping) == [str(key) for key in sorted(data)]
