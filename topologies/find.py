"""Which file a name stands for, and the reading of files."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from dataflow.errors import TopologyError
from dataflow.near import did_you_mean
from topologies.parse import parse
from topologies.tree import Fault, Node, describe

Kind = Literal["experiment", "network", "hardware", "packets", "study"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_FOLDER = Path(__file__).parent
_FOLDERS: dict[Kind, Path] = {
    "experiment": _FOLDER / "experiments",
    "network": _FOLDER / "networks",
    "hardware": _FOLDER / "hardware",
    "packets": _FOLDER / "packets",
    "study": _FOLDER / "studies",
}


@dataclass(frozen=True)
class Shipped:
    """A description that comes with Dataflow."""

    kind: Kind
    name: str
    description: str
    path: Path


def shipped_files(kind: Kind) -> dict[str, Path]:
    """The files that ship of one kind, by name."""
    paths = _FOLDERS[kind].glob("*.yaml")
    return {path.stem: path for path in sorted(paths, key=lambda path: path.stem)}


def shipped_entries() -> Iterator[Shipped]:
    """Everything that ships, by kind and name."""
    for kind in KINDS:
        for name, path in shipped_files(kind).items():
            description = read(path, []).mapping.get("description")
            yield Shipped(kind, name, "" if description is None else str(description.content), path)


def is_path(name: str) -> bool:
    """Whether a name is a path to a file, and not that of a description that ships."""
    return "/" in name or "\\" in name or name.endswith((".yaml", ".yml"))


def find(name: str, kind: Kind, base: Path, asked_by: str = "") -> Path:
    """The file of a description. Raises TopologyError naming the nearest when there is none.

    base: the folder relative paths start from. asked_by: the place that names it.
    """
    where = f"{asked_by}: " if asked_by else ""
    if is_path(name):
        return base / name
    files = shipped_files(kind)
    if name in files:
        return files[name]
    for other in KINDS:
        if name in shipped_files(other):
            raise TopologyError(
                f"{where}{name!r} is of kind {other}, but {with_article(kind)} is needed here"
                f"{_hint(name, other)}"
            )
    raise TopologyError(
        f"{where}no {kind} is called {name!r}{did_you_mean(name, files) or '.'}"
        f" There are: {', '.join(files) or 'none'}; a path to a file of your own ends in .yaml"
    )


def _hint(name: str, kind: Kind) -> str:
    """What there is to do with a description of a kind that no other command takes."""
    if kind == "packets":
        return f"; 'dataflow packets {name}' predicts its rates"
    return f"; 'dataflow study {name}' carries it out" if kind == "study" else ""


def find_any(name: str) -> tuple[Kind, Path]:
    """The kind and file of a description; of a name that two kinds share, the experiment.

    Raises TopologyError when there is none.
    """
    if is_path(name):
        path = Path(name)
        return kind_of_document(read(path, [])), path
    for kind in KINDS:
        if name in shipped_files(kind):
            return kind, shipped_files(kind)[name]
    known = [name for kind in KINDS for name in shipped_files(kind)]
    raise TopologyError(
        f"nothing is called {name!r}{did_you_mean(name, known) or '.'}"
        f" There are: {', '.join(dict.fromkeys(known))}; a path to a file of your own ends in .yaml"
    )


def read(path: Path, faults: list[Fault]) -> Node:
    """The document in a file, a mapping. Raises TopologyError when it cannot be read as one."""
    file = shown(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise TopologyError(f"{file}: there is no such file") from None
    except IsADirectoryError:
        raise TopologyError(f"{file}: is a folder; name a YAML file in it") from None
    except (OSError, ValueError) as error:
        raise TopologyError(f"{file}: cannot be read: {error}") from None
    if b"\0" in raw:
        raise TopologyError(f"{file}: is a binary file, not YAML")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise TopologyError(f"{file}:{line}: is not UTF-8 text; save it as UTF-8") from None
    root = parse(text, file, path.parent, faults)
    if root is None:
        raise TopologyError(f"{file}: is empty; it should begin with 'kind:', one of {', '.join(KINDS)}")
    if not isinstance(root.content, dict):
        raise TopologyError(
            f"{root.place}: must be a mapping, keys with values, got {describe(root.content)}"
        )
    return root


def shown(path: Path) -> str:
    """How messages call a file: by its name alone when it ships, else by its path."""
    return path.name if path.parent in _FOLDERS.values() else str(path)


def kind_of_document(root: Node) -> Kind:
    """What a document says it describes. Raises TopologyError when it does not say."""
    node = root.mapping.get("kind")
    if node is None:
        raise TopologyError(f"{root.place}: 'kind' is missing; write 'kind: ' and one of {', '.join(KINDS)}")
    for kind in KINDS:
        if node.content == kind:
            return kind
    raise TopologyError(
        f"{node.place}: kind: must be one of {', '.join(KINDS)}, got {describe(node.content)}"
        f"{did_you_mean(str(node.content), KINDS)}"
    )


def check_kind(root: Node, kind: Kind) -> None:
    """Raises TopologyError unless the document says that it is of this kind."""
    found = kind_of_document(root)
    if found != kind:
        place = root.mapping["kind"].place
        raise TopologyError(f"{place}: is of kind {found}, but {with_article(kind)} is needed here")


def with_article(kind: Kind) -> str:
    """A kind in a sentence."""
    return {
        "experiment": "an experiment",
        "network": "a network",
        "hardware": "a hardware",
        "packets": "a packet experiment",
        "study": "a study",
    }[kind]
