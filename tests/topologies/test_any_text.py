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
from dataflow.override import Override
from tests.strategies import LAW
from tests.topologies.described import EXPERIMENT, HARDWARE, NETWORK, write_all
from topologies.parse import parse

GARBAGE = settings(LAW, max_examples=100)
READERS: dict[str, Callable[[str], object]] = {
    "network": topologies.load_network,
    "hardware": topologies.load_hardware,
    "experiment": topologies.load,
}
TEXTS = {"network": NETWORK, "hardware": HARDWARE, "experiment": EXPERIMENT}
PIECES = """
0 -1 3.5 .nan .inf 1e99 true ~ [] {} [[1]] {a:1} *x &x << ? : - | > ! !!int # " ' % @ , --- ...
classes relu network extends: kind: op: op GB/s 99999999999999999999999
"""
SNIPPETS = st.sampled_from([*PIECES.split(), "", "\t", "\n", "6 GB/s", "{a: 1, a: 2}"])
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
words = st.sampled_from([*(NETWORK + HARDWARE + EXPERIMENT).replace(":", " ").split(), "name", "extends"])
values = st.recursive(
    scalars | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=4),
    max_leaves=20,
)


def said(read: Callable[[], object]) -> str | None:
    """The message of the TopologyError that reading raises, or None."""
    try:
        read()
    except TopologyError as error:
        return str(error)
    return None


def read(kind: str, raw: bytes) -> None:
    """Reads bytes as a description of a kind; what is wrong with it is said of its file."""
    with tempfile.TemporaryDirectory() as folder:
        write_all(Path(folder))
        path = Path(folder) / "x.yaml"
        path.write_bytes(raw)
        assert "x.yaml" in (said(lambda: READERS[kind](str(path))) or "x.yaml")


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
@LAW
def test_any_setting(path: str, value: str) -> None:
    """Whatever is set from outside."""
    message = said(lambda: topologies.load("tiny-2x-gtx580", [Override(path, value)]))
    places = (f"--set {path}={value}", "tiny-2x-gtx580.yaml")
    assert message is None or any(place in message for place in places)


@given(
    data=st.dictionaries(st.text(st.characters(codec="ascii"), max_size=5), st.text(max_size=8), max_size=6)
)
@LAW
def test_what_is_written_is_read(data: dict[str, str]) -> None:
    """Quoted texts come back as they were, whatever is in them."""
    node = parse(yaml.safe_dump(data, default_style='"'), "x", Path(), [])
    assert node is not None
    assert node.plain() == data
