"""Files that are no description at all: each has one clear message."""

from __future__ import annotations

from pathlib import Path

import pytest

import topologies
from dataflow.errors import TopologyError
from tests.topologies.described import NETWORK, changed, faults, message

NAMES = sorted(path.stem for path in (Path(topologies.__file__).parent / "experiments").glob("*.yaml"))
SHIPPED = f"There are: {', '.join(NAMES)}; a path to a file of your own ends in .yaml"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (
            b"",
            (
                "x.yaml: is empty; it should begin with 'kind:', one of experiment, network, hardware, "
                "packets, study"
            ),
        ),
        (
            b"# only a comment\n",
            (
                "x.yaml: is empty; it should begin with 'kind:', one of experiment, network, hardware, "
                "packets, study"
            ),
        ),
        (b"- 1\n- 2\n", "x.yaml:1: must be a mapping, keys with values, got a list of 2"),
        (b"\n\nwords\n", "x.yaml:3: must be a mapping, keys with values, got 'words'"),
        (
            b"kind: network\nfoo: [1, 2\nbar: 3\n",
            "x.yaml:3: is not YAML: while parsing a flow sequence, expected ',' or ']', but got ':'",
        ),
        (
            b"kind: network\n\tfoo: 1\n",
            (
                "x.yaml:2: is not YAML: while scanning for the next token, found character '\\t' that cannot "
                "start any token; indent with spaces, YAML allows no tabs there"
            ),
        ),
        (b"kind: \0\1\n", "x.yaml: is a binary file, not YAML"),
        (b"kind: network\nname: caf\xe9\n", "x.yaml:2: is not UTF-8 text; save it as UTF-8"),
        (
            b"kind: network\n---\nkind: hardware\n",
            (
                "x.yaml:3: a second YAML document begins here; a file describes one thing, "
                "put each document into a file of its own"
            ),
        ),
        (
            b"name: x\n",
            (
                "x.yaml:1: 'kind' is missing; write 'kind: ' and one of experiment, network, hardware, "
                "packets, study"
            ),
        ),
        (
            b"kind: netwrk\n",
            (
                "x.yaml:1: kind: must be one of experiment, network, hardware, packets, study, got 'netwrk'; "
                "did you mean 'network'?"
            ),
        ),
        (b"name: x\nkind: hardware\n", "x.yaml:2: is of kind hardware, but a network is needed here"),
        (b"kind: network\n3: x\n", "x.yaml:2: key 3 is not a text; put it in quotes: '3'"),
        (b"kind: network\n? ~\n: x\n", "x.yaml:2: key ~ is not a text; put it in quotes: '~'"),
        (b"kind: network\n[a]: x\n", "x.yaml:2: a key must be a word, not a list or mapping"),
        (
            b"kind: !!python/name:os.x y\n",
            "x.yaml:1: tag '!!python/name:os.x' is not supported; leave it out",
        ),
        (b"kind: !own y\n", "x.yaml:1: tag '!own' is not supported; leave it out"),
        (b"kind: !!set {y}\n", "x.yaml:1: tag '!!set' is not supported; leave it out"),
        (b"!own x: 1\n", "x.yaml:1: tag '!own' is not supported; leave it out"),
        (b"kind: !!int y\n", "x.yaml:1: 'y' cannot be read as int"),
        (b"kind: " + b"9" * 101 + b"\n", f"x.yaml:1: '{'9' * 40}' cannot be read as int"),
        (b"kind: *here\n", "x.yaml:1: is not YAML: found undefined alias 'here'"),
        (b"a: &a [*a]\n", "x.yaml:1: an anchor that contains itself; a description must end somewhere"),
        (b"a: 1\n<<: 3\n", "x.yaml:2: '<<' takes mappings, got 3"),
        (b'a: "\\ud800"\n', "x.yaml:1: the text holds half of a surrogate pair, which is no character"),
        (b"a: " + b"[" * 60 + b"]" * 60, "x.yaml:1: is nested too deeply, more than 50 levels"),
        (b"[" * 5000, "x.yaml: is nested too deeply, more than 50 levels"),
        (
            b"a: \x01\n",
            "x.yaml: is not YAML: unacceptable character #x0001: special characters are not allowed",
        ),
    ],
)
def test_a_file_that_is_no_description(tmp_path: Path, raw: bytes, expected: str) -> None:
    """The message says the file, the line and how to mend it."""
    path = tmp_path / "x.yaml"
    path.write_bytes(raw)
    assert message(topologies.load_network, path) == expected


def test_anchors_that_repeat_without_end(tmp_path: Path) -> None:
    """A file of six lines may stand for a million values; it is refused before it does."""
    lines = ["a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 6)]
    path = tmp_path / "x.yaml"
    path.write_text("\n".join(lines))
    assert (
        message(topologies.load_network, path) == "x.yaml:5: anchors repeat it into more than 100,000 values"
    )


def test_missing_files_and_folders(tmp_path: Path) -> None:
    """What is not there and what is no file."""
    assert message(topologies.load, tmp_path / "no.yaml") == "no.yaml: there is no such file"
    (tmp_path / "folder.yaml").mkdir()
    assert (
        message(topologies.load, tmp_path / "folder.yaml")
        == "folder.yaml: is a folder; name a YAML file in it"
    )
    with pytest.raises(TopologyError, match=r"cannot be read: embedded null byte"):
        topologies.load("a\0.yaml")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (
            "alexnet-2x-gtx58",
            f"no experiment is called 'alexnet-2x-gtx58'; did you mean 'alexnet-2x-gtx580'? {SHIPPED}",
        ),
        ("zzz", f"no experiment is called 'zzz'. {SHIPPED}"),
        ("", f"no experiment is called ''. {SHIPPED}"),
        ("gtx580", "'gtx580' is of kind hardware, but an experiment is needed here"),
    ],
)
def test_names_that_are_not_there(name: str, expected: str) -> None:
    """The nearest name is named, and all that there are."""
    with pytest.raises(TopologyError) as caught:
        topologies.load(name)
    assert str(caught.value) == expected


def test_kind_of_a_name_that_is_not_there() -> None:
    """Names of every kind are tried."""
    with pytest.raises(
        TopologyError, match=r"^nothing is called 'gtx58'; did you mean 'gtx580'\? There are: "
    ):
        topologies.kind_of("gtx58")


def test_keys_given_twice_are_listed_with_all_other_faults(tmp_path: Path) -> None:
    """A duplicate does not hide what else is wrong."""
    path = tmp_path / "x.yaml"
    path.write_text(changed(NETWORK, "classes: 10", "classes: 0\nclasses: 10"))
    assert faults(topologies.load_network, path) == [
        "x.yaml:3: network.classes: must be more than 0, got 0",
        "x.yaml:4: 'classes' is given twice, first on line 3; keep one of them",
    ]


def test_anchors_and_merge_keys_may_be_used(tmp_path: Path) -> None:
    """What a key says itself wins over what it merges, and the first merged over the next."""
    path = tmp_path / "x.yaml"
    path.write_text(
        "kind: network\ninput: [3, 8, 8]\nclasses: 10\nlayers:\n"
        "  a: &a {op: convolution, channels: 4, kernel: 3, pad: 1}\n"
        "  b: {<<: *a, channels: 5}\n"
        "  c: {<<: [{kernel: 1, pad: 0}, *a]}\n"
        "  fc: {op: fully_connected, channels: classes}\n"
        "  loss: {op: softmax_cross_entropy}\n"
    )
    ops = topologies.load_network(str(path)).ops(1)
    shapes = {name: ops[name].operand("weight").shape for name in "abc"}
    assert shapes == {"a": (4, 3, 3, 3), "b": (5, 4, 3, 3), "c": (4, 5, 1, 1)}


def test_words_and_numbers_are_those_of_yaml_1_2(tmp_path: Path) -> None:
    """1e-4 is a number, 010 is ten, 0x10 sixteen; a byte order mark and Windows lines are read."""
    text = changed(NETWORK, "kernel: 3}", "kernel: 0o3, initial: {weight_deviation: 1e-4}}")
    text = changed(text, "classes: 10", "classes: 010").replace("[3, 8, 8]", "[3, 0x10, 8]")
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    network = topologies.load_network(str(path))
    assert (network.input, network.classes) == ((3, 16, 8), 10)
    assert "weight_deviation=0.0001" in repr(network.layers["conv"])


def test_a_network_is_called_as_its_file_unless_it_says_otherwise(tmp_path: Path) -> None:
    """A child of another network does not take that one's name."""
    path = tmp_path / "mine.yaml"
    path.write_text("kind: network\nextends: alexnet\n")
    assert topologies.load_network(str(path)).name == "mine"
    path.write_text("kind: network\nextends: alexnet\nname: other\n")
    assert topologies.load_network(str(path)).name == "other"
