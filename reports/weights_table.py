"""Weights that have been written, as a table and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataflow.weights.written import WrittenWeights
from reports import units
from reports.grid import Grid

if TYPE_CHECKING:
    from rich.console import RenderableType


def show_weights(written: WrittenWeights) -> RenderableType:
    """A row for each tensor of a file, for ``rich.print``."""
    return weights_grid(written).rich()


def weights_grid(written: WrittenWeights) -> Grid:
    """The name in the file, whose weight it is, shape, format and bytes."""
    rows = tuple(
        (
            entry.name,
            *((entry.source or "-",) if written.names == "pytorch" else ()),
            " x ".join(map(str, entry.shape)) or "1",
            entry.dtype.name,
            f"{entry.bytes:,}",
        )
        for entry in written.entries
    )
    own = ("weight",) if written.names == "pytorch" else ()
    whose = "PyTorch's names" if written.names == "pytorch" else "our own names"
    return Grid(
        f"{written.network}: {len(rows)} tensors",
        ("name", *own, "shape", "format", "bytes"),
        rows,
        left=(*own, "shape", "format"),
        note=f"{whose}; {units.size(written.bytes)}; from {written.source or 'initial values'}",
    )


def weights_json(written: WrittenWeights) -> dict[str, Any]:
    """The same for programs; weight is null of what is none, source of initial values."""
    return {
        "network": written.network,
        "source": written.source or None,
        "file": str(written.file),
        "names": written.names,
        "bytes": written.bytes,
        "tensors": [
            {
                "name": entry.name,
                "weight": entry.source or None,
                "shape": list(entry.shape),
                "dtype": entry.dtype.name,
                "bytes": entry.bytes,
            }
            for entry in written.entries
        ],
    }
