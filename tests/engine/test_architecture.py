"""Who may import whom: the engine knows none of the other three folders, and they know only the engine."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
FOLDERS = ("dataflow", "backends", "topologies", "reports")
COMPOSITION_ROOT = ("dataflow/cli/", "dataflow/session/", "dataflow/__init__.py")


def files(folder: str) -> list[Path]:
    """The Python files of a folder."""
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The modules that a file imports anywhere, by their full names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
        elif isinstance(node, ast.ImportFrom):
            found.add(relative(path, node))
    return found


def relative(path: Path, node: ast.ImportFrom) -> str:
    """The full name of a module that is named from where the file is."""
    package = path.relative_to(ROOT).parts[: -node.level]
    return ".".join((*package, *(node.module or "").split(".")))


def forbidden(folder: str) -> set[str]:
    """The folders that files of a folder may not import."""
    return set(FOLDERS) - {folder, "dataflow"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_arrows(folder: str) -> None:
    """backends, topologies and reports import the engine alone, the engine none of them."""
    broken = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files(folder)
        if not path.relative_to(ROOT).as_posix().startswith(COMPOSITION_ROOT)
        for module in sorted(imported(path))
        if module.split(".")[0] in forbidden(folder)
    ]
    assert broken == []


@pytest.mark.parametrize("folder", ["backends", "topologies", "reports"])
def test_nobody_imports_the_composition_root(folder: str) -> None:
    """What puts everything together is known to nothing that it puts together."""
    roots = ("dataflow.cli", "dataflow.session")
    broken = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files(folder)
        for module in sorted(imported(path))
        if module.startswith(roots) or module == "dataflow"
    ]
    assert broken == []


def test_the_engine_does_not_import_its_composition_root() -> None:
    """No stage knows the session or the command line."""
    broken = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in files("dataflow")
        if not path.relative_to(ROOT).as_posix().startswith((*COMPOSITION_ROOT, "dataflow/__main__.py"))
        for module in sorted(imported(path))
        if module.startswith(("dataflow.cli", "dataflow.session"))
    ]
    assert broken == []


@pytest.mark.parametrize("folder", FOLDERS)
def test_files_are_short(folder: str) -> None:
    """One noun a file: none is longer than about 300 lines."""
    long = {str(p.relative_to(ROOT)): len(p.read_text(encoding="utf-8").splitlines()) for p in files(folder)}
    assert {name: length for name, length in long.items() if length > 320} == {}


def test_there_are_files_to_look_at() -> None:
    """These tests look at something."""
    assert all(files(folder) for folder in FOLDERS)
