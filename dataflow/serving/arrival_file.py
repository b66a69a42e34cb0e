"""A file of times at which requests arrive: one a line, in seconds or with a unit."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

from dataflow.errors import DataError

_UNITS = {"": 12, "s": 12, "ms": 9, "us": 6, "µs": 6, "μs": 6, "ns": 3, "ps": 0}
"""Decimal places from each unit to picoseconds; no unit means seconds."""

_TIME = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,2})?)\s*([A-Za-zµμ]*)")
_LONGEST_PS = 10**18
"""Eleven days: longer gaps than any simulation wants, and sums of them stay exact in a float."""


def read_arrivals(path: str | Path) -> tuple[int, ...]:
    """The times in a file, in picoseconds.

    Empty lines and what follows ``#`` are skipped. Raises DataError with file and line for what is no
    time, negative, too late or before the time above it, and for a file that cannot be read.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise DataError(f"arrivals {str(path)!r}: cannot be read: {reason}; name a file of times") from None
    times_ps: list[int] = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text:
            times_ps.append(_time_ps(f"{path}:{number}", text, times_ps[-1] if times_ps else 0))
    if len(times_ps) < 2:
        raise DataError(f"arrivals {str(path)!r}: holds {len(times_ps)} times; there must be at least 2")
    return tuple(times_ps)


def _time_ps(where: str, text: str, before_ps: int) -> int:
    match = _TIME.fullmatch(text)
    if match is None or match[2] not in _UNITS:
        raise DataError(
            f"{where}: {text!r} is no time; write one a line, in seconds or with a unit such as '12.5 us' "
            "(s, ms, us, ns, ps)"
        )
    time_ps = round(Decimal(match[1]).scaleb(_UNITS[match[2]]))
    if time_ps < 0:
        raise DataError(f"{where}: {text!r} is negative; times count from the start, 0")
    if time_ps > _LONGEST_PS:
        raise DataError(f"{where}: {text!r} is later than 1,000,000 s; name the unit if it is not seconds")
    if time_ps < before_ps:
        raise DataError(f"{where}: {text!r} is before the time above it; sort the times")
    return time_ps
