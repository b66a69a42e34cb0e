"""Seeds as people write them."""

from __future__ import annotations

_MOST_SEEDS = 1_000


def seeds_of(text: str) -> tuple[int, ...]:
    """Such as ``3``, ``0,2,5`` or ``0..3``, which is 0, 1, 2 and 3. Raises ValueError for anything else."""
    seeds: list[int] = []
    for part in text.split(","):
        first, dots, last = part.partition("..")
        numbers = [first, last] if dots else [first]
        if not all(number.strip().isdecimal() for number in numbers):
            raise ValueError(f"{text!r} is no list of seeds, such as 0,2,5 or 0..3")
        low, high = int(numbers[0]), int(numbers[-1])
        if high < low or high - low >= _MOST_SEEDS:
            raise ValueError(f"{part!r}: the second seed must be the first or up to 999 more")
        seeds += range(low, high + 1)
    if len(set(seeds)) < len(seeds):
        raise ValueError(f"{text!r} has a seed twice")
    return tuple(seeds)
