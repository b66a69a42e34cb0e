"""A task for processes that read ahead, which are started sooner the less there is to import."""

from __future__ import annotations

import os

from dataflow.errors import DataError


def doubled(number: int) -> int:
    """Twice the number; negative ones are no data, and at 13 the process ends."""
    if number < 0:
        raise DataError(f"{number} is negative")
    if number == 13:
        os._exit(3)
    return 2 * number
