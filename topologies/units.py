"""Texts with units, such as "192.4 GB/s", to plain numbers of one unit, by pint."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from pydantic_core import core_schema

from topologies.tree import describe

if TYPE_CHECKING:
    import pint

_NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,2})?"
_QUANTITY = re.compile(rf"\s*({_NUMBER}|[-+]?(?:nan|inf|infinity))\s*([A-Za-zµμ]+(?:/[A-Za-zµμ]+)?)?\s*")
_DEFINITIONS = (
    "byte = [information] = B",
    "bit = byte / 8",
    "second = [time] = s",
    "FLOP = [operations]",
    "hertz = 1 / second = Hz",
    "cycle = [cycles] = cycle = cycles",
    "op = [accesses]",
    "packet = [packets]",
    "pixel = [pixels]",
    "pico- = 1 / 10**12 = p-",
    "nano- = 1 / 10**9 = n-",
    "micro- = 1 / 10**6 = µ- = μ- = u-",
    "milli- = 1 / 10**3 = m-",
    "kilo- = 10**3 = k-",
    "mega- = 10**6 = M-",
    "giga- = 10**9 = G-",
    "tera- = 10**12 = T-",
    "peta- = 10**15 = P-",
    "kibi- = 2**10 = Ki-",
    "mebi- = 2**20 = Mi-",
    "gibi- = 2**30 = Gi-",
    "tebi- = 2**40 = Ti-",
)
_LONGEST = 60


@lru_cache(maxsize=1)
def _registry() -> pint.UnitRegistry[Any]:
    """Exact units of information, time and computation, and no others.

    Pint's own registry takes bytes for pure numbers, so that 800 MHz would be a bandwidth.
    """
    import pint

    # Pint's documentation allows both arguments, its annotations neither.
    registry: pint.UnitRegistry[Any] = pint.UnitRegistry(None, non_int_type=Fraction)  # pyright: ignore[reportArgumentType]
    for definition in _DEFINITIONS:
        registry.define(definition)
    return registry


@dataclass(frozen=True)
class Measure:
    """What a text with a unit must measure, and what it becomes.

    unit: of the number it becomes. example: a unit to suggest. whole: whether the number
    is rounded to an integer. zero: whether it may be 0. most, least: the largest and the
    smallest there may be, as number and as text.
    """

    what: str
    unit: str
    example: str
    whole: bool
    zero: bool = False
    most: tuple[int, str] | None = None
    least: tuple[int, str] | None = None

    def read(self, value: object) -> int | float:
        """The number that a text stands for. Raises ValueError saying what is wrong and how to mend it."""
        if not isinstance(value, str):
            bare = isinstance(value, int | float) and not isinstance(value, bool)
            raise ValueError(self._without_unit(value) if bare else self._no_measure(value))
        match = _QUANTITY.fullmatch(value[: _LONGEST + 1])
        if match is None:
            raise ValueError(self._no_measure(value))
        number, unit = match.groups()
        if unit is None:
            raise ValueError(self._without_unit(number))
        if number.lstrip("+-") in ("nan", "inf", "infinity"):
            raise ValueError(f"{value!r} is not finite; write a number, as '6 {self.example}'")
        return self._checked(value, Fraction(number) * self._factor(value, unit))

    def _without_unit(self, number: object) -> str:
        return f"{number} has no unit; write '{number} {self.example}'"

    def _no_measure(self, value: object) -> str:
        return f"must be a {self.what} with its unit such as '6 {self.example}', got {describe(value)}"

    def _factor(self, value: str, unit: str) -> Fraction:
        import pint

        registry = _registry()
        try:
            one = registry.Quantity(Fraction(1), unit)
            return Fraction(one.to(self.unit).magnitude)
        except pint.UndefinedUnitError as error:
            names = " and ".join(repr(name) for name in _names(error))
            raise ValueError(
                f"{value!r}: {names} is no unit; a {self.what} is written as '6 {self.example}'"
            ) from None
        except pint.DimensionalityError:
            raise ValueError(f"{value!r} is not a {self.what}; write one as '6 {self.example}'") from None

    def _checked(self, value: str, exact: Fraction) -> int | float:
        if exact < 0 or (exact == 0 and not self.zero):
            raise ValueError(f"must be {'0 or more' if self.zero else 'more than 0'}, got {value!r}")
        if self.least is not None and exact < self.least[0]:
            raise ValueError(f"{value!r} is too small; the least is {self.least[1]}")
        if self.most is not None and exact > self.most[0]:
            raise ValueError(f"{value!r} is too large; the most is {self.most[1]}")
        if not self.whole:
            return float(exact)
        if 0 < exact < 1:
            raise ValueError(f"{value!r} is less than 1 {self.unit}, the smallest {self.what} there is")
        return round(exact)

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        """How pydantic reads a field of this kind."""
        return core_schema.no_info_plain_validator_function(self.read)

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> dict[str, Any]:
        """How an editor sees a field of this kind: a text, with an example."""
        return {
            "type": "string",
            "pattern": rf"^\s*{_NUMBER}\s*[A-Za-zµμ]+(/[A-Za-zµμ]+)?\s*$",
            "description": f"a {self.what} with its unit",
            "examples": [f"6 {self.example}"],
        }


def _names(error: pint.UndefinedUnitError) -> list[str]:
    names = error.unit_names
    return [names] if isinstance(names, str) else list(names)
