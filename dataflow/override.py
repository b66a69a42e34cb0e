"""Fields set from outside a description."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Override:
    """A field set from outside a YAML file, as by ``--set path=value``."""

    path: str
    value: str

    def __post_init__(self) -> None:
        # From Python a number is natural; a file would have it as text.
        object.__setattr__(self, "value", str(self.value))
