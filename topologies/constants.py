"""Constants as YAML writes them: a value with its unit, and who measured or published it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge, Gt, Le
from pydantic import ConfigDict, Field

from topologies.units import Measure

STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)
"""No unknown keys and no coercion; the dataclasses below a document inherit it."""

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_/-]*$")]
"""Letters, digits, ``_``, ``-`` and ``/``; no dots, which separate the keys of ``--set``."""
Source = Annotated[str, Field(pattern=r"\S")]
"""Who measured or published a constant, or that it is assumed."""
Fraction = Annotated[float, Gt(0), Le(1)]
Multiple = Annotated[int, Ge(1), Le(4096)]
"""How many of a thing there are."""

Size = Annotated[int, Measure("size", "byte", "GiB", whole=True)]
Time = Annotated[
    int, Measure("time", "picosecond", "us", whole=True, zero=True, most=(10**18, "1,000,000 s"))
]


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Floating-point operations a second."""

    value: Annotated[float, Measure("computing speed", "FLOP / second", "GFLOP/s", whole=False)]
    source: Source


@dataclass(frozen=True, kw_only=True)
class Bandwidth:
    """Bytes a second."""

    value: Annotated[float, Measure("bandwidth", "byte / second", "GB/s", whole=False, least=(1, "1 B/s"))]
    source: Source


@dataclass(frozen=True, kw_only=True)
class Capacity:
    """Bytes."""

    value: Size
    source: Source


@dataclass(frozen=True, kw_only=True)
class Duration:
    """Picoseconds."""

    value: Time
    source: Source


@dataclass(frozen=True, kw_only=True)
class Number:
    """How many of a thing there are."""

    value: Annotated[int, Ge(1), Le(65_536)]
    source: Source


@dataclass(frozen=True, kw_only=True)
class Frequency:
    """Hertz."""

    value: Annotated[float, Measure("frequency", "hertz", "MHz", whole=False)]
    source: Source


@dataclass(frozen=True, kw_only=True)
class Rate:
    """Operations of a shared engine a second."""

    value: Annotated[float, Measure("rate", "op / second", "Mop/s", whole=False)]
    source: Source


@dataclass(frozen=True, kw_only=True)
class PixelRate:
    """Pixels of pictures a second."""

    value: Annotated[float, Measure("pixel rate", "pixel / second", "Mpixel/s", whole=False)]
    source: Source


CycleCount = Annotated[float, Measure("number of cycles", "cycle", "cycles", whole=False, zero=True)]


@dataclass(frozen=True, kw_only=True)
class CycleConstant:
    """Cycles of a core's clock."""

    value: CycleCount
    source: Source


PacketsPerSecond = Annotated[float, Measure("packet rate", "packet / second", "Mpacket/s", whole=False)]
