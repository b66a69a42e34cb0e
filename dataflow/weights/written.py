"""What has been written: a file of weights."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dataflow.weights.naming import Naming
from dataflow.weights.writing import Entry


@dataclass(frozen=True)
class WrittenWeights:
    """A file of a network's weights.

    source: the file that they come from; empty for initial values. names: whose names they have.
    """

    network: str
    source: str
    file: Path
    names: Naming
    entries: tuple[Entry, ...]

    @property
    def bytes(self) -> int:
        """Of all values."""
        return sum(entry.bytes for entry in self.entries)
