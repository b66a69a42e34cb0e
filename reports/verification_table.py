"""A verification on its own, as tables and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.padding import Padding
from rich.text import Text

from dataflow.verification.verification import Verification
from reports import content
from reports.document import Json, verification_entry

if TYPE_CHECKING:
    from rich.console import RenderableType

_WORST_TENSORS = 15


def show_verification(verification: Verification) -> RenderableType:
    """The verdict, the worst tensors and the largest error of each kind, for ``rich.print``."""
    entry = verification_entry(verification)
    verdict = Text(content.verdict(entry), style="green" if entry.passed else "bold red")
    grids = (content.tensor_kinds(entry), content.tensors(entry, _WORST_TENSORS))
    tables = [Padding(grid.rich(), (1, 0, 0, 0)) for grid in grids if grid.rows]
    missing = [Text(f"missing on one side: {name}", style="bold red") for name in entry.missing]
    return Group(verdict, *missing, *tables)


def verification_json(verification: Verification) -> Json:
    """The verification as ``report.json`` has it; not finite numbers are null."""
    return verification_entry(verification).model_dump(mode="json")
