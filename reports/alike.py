"""Folding what is alike: one of many cores or banks stands for all that do the same."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Sequence
from itertools import pairwise
from typing import TypeVar

T = TypeVar("T")

_NUMBER = re.compile(r"\d+")


def alike(items: Iterable[T], key: Callable[[T], Hashable]) -> list[list[T]]:
    """The items in groups of equal key, in the order of each group's first."""
    found: dict[Hashable, list[T]] = {}
    for item in items:
        found.setdefault(key(item), []).append(item)
    return list(found.values())


def names(group: Sequence[str]) -> str:
    """One name, or of many the first and how many there are besides."""
    return group[0] if len(group) == 1 else f"{group[0]} +{len(group) - 1}"


def span(group: Sequence[str], whole: int = 0) -> str:
    """Names in few words: one or two as they are, a run of numbers by its ends, else how many.

    whole: how many there are in all; when these are all of them that is said.
    """
    if not group:
        return "none"
    if whole and len(group) == whole > 2:
        return f"all {whole}"
    if len(group) <= 2:
        return ", ".join(group)
    return f"{group[0]} to {group[-1]}" if _is_run(group) else f"{group[0]} and {len(group) - 1} more"


def _is_run(group: Sequence[str]) -> bool:
    """Whether the names differ in one number, which counts up by one."""
    stems = {_NUMBER.sub("#", name) for name in group}
    numbers = [tuple(int(found) for found in _NUMBER.findall(name)) for name in group]
    if len(stems) > 1 or not numbers[0]:
        return False
    return all(
        later[:-1] == earlier[:-1] and later[-1] == earlier[-1] + 1 for earlier, later in pairwise(numbers)
    )


def unnumbered(name: str) -> str:
    """A name without its numbers: what cores that do alike have in common."""
    return _NUMBER.sub("#", name)
