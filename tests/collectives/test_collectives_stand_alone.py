"""The package knows nothing of graphs, plans and machines."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import dataflow.collectives

PACKAGE = "dataflow.collectives"


def test_it_imports_nothing_of_dataflow_but_errors() -> None:
    """Each file imports the standard library, the package itself and dataflow.errors."""
    files = sorted(Path(dataflow.collectives.__file__).parent.glob("*.py"))
    assert len(files) > 10
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            for name in names:
                standard = name.split(".")[0] in sys.stdlib_module_names
                assert standard or name.startswith(PACKAGE) or name == "dataflow.errors", (path.name, name)
