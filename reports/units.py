"""Numbers as people read them: SI units (kB = 1000 B), three or four significant digits."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, isfinite, log10

Scale = Sequence[tuple[float, str]]
"""Units from the smallest to the largest, each with what it is worth."""

_TIME: Scale = (
    (1e-12, "ps"),
    (1e-9, "ns"),
    (1e-6, "us"),
    (1e-3, "ms"),
    (1.0, "s"),
)
_LONG_TIME: Scale = ((1.0, "s"), (60.0, "min"), (3600.0, "h"), (86_400.0, "days"))
_PREFIXES = ((1.0, ""), (1e3, "k"), (1e6, "M"), (1e9, "G"), (1e12, "T"), (1e15, "P"))


def number(value: float, digits: int = 4) -> str:
    """A number with so many significant digits, never in powers of ten; whole parts are kept."""
    if not isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    rounded = float(f"{value:.{digits}g}")
    decimals = max(0, digits - 1 - floor(log10(abs(rounded))))
    return f"{rounded if decimals else value:,.{decimals}f}"


def _scaled(value: float, scale: Scale, digits: int) -> str:
    rounded = abs(float(f"{value:.{digits}g}"))
    worth, unit = scale[0]
    for larger, name in scale:
        if rounded >= larger * (1 - 1e-12):
            worth, unit = larger, name
    return f"{number(value / worth, digits)} {unit}"


def duration(seconds: float, digits: int = 4) -> str:
    """A short time, such as ``540.3 ms``."""
    return "0 s" if seconds == 0 else _scaled(seconds, _TIME, digits)


def long_duration(seconds: float, digits: int = 4) -> str:
    """The time of a whole training, such as ``5.862 days`` or ``41.20 min``."""
    return duration(seconds, digits) if seconds < 60 else _scaled(seconds, _LONG_TIME, digits)


def _prefixed(value: float, unit: str, digits: int) -> str:
    """With a prefix from a thousand on; what is less is counted in ones."""
    if abs(value) < 1000:
        return f"{value:.0f} {unit}"
    return _scaled(value, [(worth, prefix + unit) for worth, prefix in _PREFIXES], digits)


def size(byte_count: float, digits: int = 4) -> str:
    """Bytes, such as ``11.08 MB``; MB = 1,000,000 B."""
    return _prefixed(byte_count, "B", digits)


def bandwidth(bytes_per_s: float, digits: int = 4) -> str:
    """Bytes a second, such as ``6.000 GB/s``."""
    return _prefixed(bytes_per_s, "B/s", digits)


def flop(count: float, digits: int = 4) -> str:
    """Floating-point operations, such as ``26.99 GFLOP``."""
    return _prefixed(count, "FLOP", digits)


def flops(rate: float, digits: int = 4) -> str:
    """Floating-point operations a second, such as ``1.581 TFLOP/s``."""
    return _prefixed(rate, "FLOP/s", digits)


def count(things: float, digits: int = 4) -> str:
    """How many, or how many a second, such as ``1.054 M``; below ten thousand without a prefix."""
    if abs(things) < 1e4:
        return number(things, digits)
    return _scaled(things, _PREFIXES, digits)


def percent(share: float, digits: int = 3) -> str:
    """A share of one, such as ``71.3 %``."""
    return f"{number(100 * share, digits)} %" if share == 0 or abs(share) >= 1e-4 else "< 0.01 %"


def scientific(value: float | None) -> str:
    """An error, such as ``3.1e-07``; what is not finite has no number."""
    return "not finite" if value is None else f"{value:.1e}" if value else "0"


def times(ratio: float | None) -> str:
    """A ratio, such as ``1.92x``; none where there is nothing to divide by."""
    return "-" if ratio is None else f"{number(ratio, 3)}x"
