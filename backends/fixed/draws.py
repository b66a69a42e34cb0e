"""Random bits for stochastic rounding that belong to an element, not to who rounds it.

The bits of an element follow from seed, step, tensor and the element's place in the whole tensor, by
the generator SplitMix64 (Steele, Lea and Flood 2014) started at a key and advanced to that place. So
any plan and any order of events round alike.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

import numpy as np

from dataflow.backend import Array
from dataflow.region import Region

DRAW_BITS = 16
"""How many random bits an element gets."""

GAMMA = 0x9E3779B97F4A7C15
FIRST, SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
"""The constants of SplitMix64."""


def key_of(seed: int, step: int, tensor: str) -> int:
    """64 bits that a tensor has in a step under a seed."""
    return int.from_bytes(sha256(f"{seed}/rounding/{step}/{tensor}".encode()).digest()[:8], "little")


def draws(seed: int, step: int, tensor: str, region: Region, shape: tuple[int, ...]) -> Array:
    """For each element of a region of a tensor ``DRAW_BITS`` random bits, as uint64 of the region's shape."""
    mixed = _advances(region, shape) + np.uint64(key_of(seed, step, tensor))
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(FIRST)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(SECOND)
    mixed ^= mixed >> np.uint64(31)
    return mixed >> np.uint64(64 - DRAW_BITS)


@lru_cache(maxsize=4096)
def _advances(region: Region, shape: tuple[int, ...]) -> Array:
    """GAMMA times one more than each element's place in row-major order, modulo 2**64."""
    places = np.zeros(region.shape, np.uint64)
    stride = 1
    for axis in reversed(range(len(shape))):
        start, stop = region.ranges[axis]
        along = np.arange(start, stop, dtype=np.uint64) * np.uint64(stride)
        places += along.reshape(-1, *(1,) * (len(shape) - 1 - axis))
        stride *= shape[axis]
    return (places + np.uint64(1)) * np.uint64(GAMMA)
