"""Saving a picture to a file, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dataflow.aside import written_aside
from dataflow.errors import ReportError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = (".svg", ".png")


def save_picture(figure: Figure, path: str | Path, dpi: int = 120) -> None:
    """Writes a figure as SVG or PNG, by the file's name; the same figure gives the same bytes.

    Raises ReportError when the name says neither or the file cannot be written.
    """
    from matplotlib import rc_context

    file = Path(path)
    if file.suffix not in FORMATS:
        raise ReportError(f"picture {str(path)!r}: is neither .svg nor .png; name the file accordingly")
    metadata = {"Date": None} if file.suffix == ".svg" else None
    try:
        with rc_context({"svg.hashsalt": "dataflow"}), written_aside(file) as stream:
            figure.savefig(stream, format=file.suffix[1:], dpi=dpi, metadata=metadata)
    except OSError as error:
        raise ReportError(
            f"picture {str(path)!r}: cannot be written: {error.strerror or error}; "
            "its folder must exist and may not be write-protected"
        ) from error
