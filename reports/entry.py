"""What every part of a report.json is."""

from __future__ import annotations

from math import isfinite
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict


def _finite_or_none(value: object) -> object:
    return None if isinstance(value, float) and not isfinite(value) else value


FiniteOrNone = Annotated[float | None, BeforeValidator(_finite_or_none)]
"""A number that a computation gave and that may not be finite."""


class Entry(BaseModel):
    """Part of a report; no number in it is one that JSON cannot write."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False, from_attributes=True)
