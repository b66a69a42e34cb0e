"""A document made whole: what it extends merged in, what it refers to put in place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dataflow.errors import TopologyError
from dataflow.near import did_you_mean
from topologies.blocks import with_blocks
from topologies.find import Kind, check_kind, find, read, shown, with_article
from topologies.tree import Fault, Node, describe

PARTS: Mapping[Kind, tuple[Kind, ...]] = {"experiment": ("network", "hardware"), "packets": ("hardware",)}
"""What an experiment, and what a packet experiment, refers to by name, or contains."""


def expanded_file(path: Path, kind: Kind, faults: list[Fault], above: tuple[Path, ...] = ()) -> Node:
    """The whole document in a file, without ``kind`` and ``extends``; its name is the file's by default.

    above: the files that led here by ``extends``. Raises TopologyError for a file that
    cannot be read, is of another kind, or extends itself.
    """
    root = read(path, faults)
    check_kind(root, kind)
    if "name" not in root.mapping:
        root = root.put("name", Node(path.stem, root.place, root.base))
    return _expanded(root.drop("kind"), kind, faults, (*above, path.resolve()))


def reference(node: Node, kind: Kind, experiment: Node, faults: list[Fault]) -> Node:
    """The whole document that a name or a mapping written in an experiment stands for.

    A mapping without a name has that of the experiment.
    """
    if isinstance(node.content, str):
        path = find(node.content, kind, node.base, str(node.place))
        return _read_from(node, path, kind, faults, ())
    if "kind" in node.mapping:
        check_kind(node, kind)
    if not isinstance(node.content, dict):
        return node
    whole = _expanded(node.drop("kind"), kind, faults, ())
    named = "name" in whole.mapping or "name" not in experiment.mapping
    return whole if named else whole.put("name", experiment.mapping["name"])


def _read_from(node: Node, path: Path, kind: Kind, faults: list[Fault], above: tuple[Path, ...]) -> Node:
    """The file that ``node`` names; when it is not there, the error says who asked for it."""
    if not path.exists():
        raise TopologyError(f"{node.place}: there is no such file: {shown(path)}")
    return expanded_file(path, kind, faults, above)


def _expanded(root: Node, kind: Kind, faults: list[Fault], above: tuple[Path, ...]) -> Node:
    parent = _parent(root, kind, faults, above)
    child = root.drop("extends")
    if kind == "network":
        child = with_blocks(child, faults)
    for part in PARTS.get(kind, ()):
        written = child.mapping.get(part)
        if written is None:
            continue
        if "kind" in written.mapping:
            check_kind(written, part)
            written = written.drop("kind")
        whole = isinstance(written.content, str) or "extends" in written.mapping
        inherits = parent is not None and part in parent.mapping and not whole
        if inherits:
            child = child.put(part, with_blocks(written, faults) if part == "network" else written)
            continue
        child = child.put(part, reference(written, part, child, faults))
        parent = None if parent is None else parent.drop(part)
    merged = child if parent is None else _merged(parent, child, constants=kind == "hardware")
    return _with_machines(merged, faults, above) if kind == "hardware" else merged


def completed(root: Node, kind: Kind, faults: list[Fault]) -> Node:
    """The document with the machines put in place that have been named since it was expanded."""
    if kind == "hardware":
        return _with_machines(root, faults, ())
    hardware = root.mapping.get("hardware")
    if kind == "network" or hardware is None:
        return root
    return root.put("hardware", _with_machines(hardware, faults, ()))


def _with_machines(root: Node, faults: list[Fault], above: tuple[Path, ...]) -> Node:
    """Hardware with the machine that its cluster is ``of``, and models taken ``from`` other hardware."""
    cluster = root.mapping.get("cluster")
    of = None if cluster is None else cluster.mapping.get("of")
    if cluster is not None and of is not None:
        if isinstance(of.content, str):
            of = _hardware(of, faults, above)
        elif isinstance(of.content, dict):
            of = _expanded(of.drop("kind"), "hardware", faults, above)
            of = of if "name" in of.mapping else of.put("name", root.mapping.get("name", of))
        root = root.put("cluster", cluster.put("of", of))
    models = root.mapping.get("models")
    for name, model in () if models is None else models.mapping.items():
        if "from" in model.mapping and models is not None:
            models = models.put(name, _model(name, model, faults, above))
    return root if models is None else root.put("models", models)


def _hardware(node: Node, faults: list[Fault], above: tuple[Path, ...]) -> Node:
    """The whole hardware that a text names. Raises TopologyError when it leads back to itself."""
    if not isinstance(node.content, str):
        raise TopologyError(
            f"{node.place}: must be the name of a hardware or a path, got {describe(node.content)}"
        )
    path = find(node.content, "hardware", node.base, str(node.place))
    if path.resolve() in above:
        loop = " -> ".join(step.name for step in (*above, path))
        raise TopologyError(f"{node.place}: refers to itself: {loop}; one of them must stand alone")
    return _read_from(node, path, "hardware", faults, above)


def _model(name: str, model: Node, faults: list[Fault], above: tuple[Path, ...]) -> Node:
    """The model of this name of the hardware that ``from`` names, changed by the keys beside it."""
    source = model.mapping["from"]
    hardware = _hardware(source, faults, above)
    known = hardware.nearest(("models",)).mapping if "models" in hardware.mapping else {}
    if name not in known:
        near = did_you_mean(name, known)
        raise TopologyError(
            f"{source.place}: {source.content!r} has no model {name!r}{near or ';'}"
            f" it has: {', '.join(known) or 'none'}"
        )
    return _merged(known[name], model.drop("from"), constants=True)


def _parent(root: Node, kind: Kind, faults: list[Fault], above: tuple[Path, ...]) -> Node | None:
    """The whole document that this one extends, without its name, or None."""
    extends = root.mapping.get("extends")
    if extends is None:
        return None
    if not isinstance(extends.content, str):
        raise TopologyError(
            f"{extends.place}: extends: must be the name of {with_article(kind)} or a path"
            f", got {describe(extends.content)}"
        )
    path = find(extends.content, kind, extends.base, str(extends.place))
    if path.resolve() in above:
        loop = " -> ".join(step.name for step in (*above, path))
        raise TopologyError(f"{extends.place}: extends itself: {loop}; one of them must stand alone")
    return _read_from(extends, path, kind, faults, above).drop("name")


def _merged(parent: Node, child: Node, *, constants: bool) -> Node:
    """Mappings key by key, the parent's first; all else as the child has it.

    constants: whether what has a source is a constant, which is replaced whole: another
    value needs another source.
    """
    if constants and "source" in parent.mapping:
        return child
    if not isinstance(parent.content, dict) or not isinstance(child.content, dict):
        return child
    merged = dict(parent.content)
    for key, value in child.content.items():
        below = constants or key == "hardware"
        merged[key] = _merged(merged[key], value, constants=below) if key in merged else value
    return replace(child, content=merged)
