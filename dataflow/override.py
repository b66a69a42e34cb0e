"""Fields set from outside a description."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Override:
    """A field set from outside a YAML file, as by ``--set path=value``."""

    path: str
    value: str
