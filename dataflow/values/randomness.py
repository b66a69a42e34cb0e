"""Random numbers that depend on seed, step and tensor name, never on who needs them.

Every tensor has a stream of its own (Philox, keyed by a hash of its name), and a shard
is cut from the whole tensor; so any plan, backend or order of events sees the same numbers.
"""

from __future__ import annotations

from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from dataflow.backend import Array
from dataflow.layers import Initial


def generator(seed: int, *name: str | int) -> np.random.Generator:
    """The stream of random numbers that belongs to a name under a seed."""
    text = "/".join(str(part) for part in (seed, *name))
    key = int.from_bytes(sha256(text.encode()).digest()[:16], "little")
    return np.random.Generator(np.random.Philox(key=key))


def initial_values(seed: int, name: str, shape: tuple[int, ...], initial: Initial) -> Array:
    """A parameter's first value: Gaussian of mean 0, uniform, or ``bias`` where the deviation is 0.

    In float32, so that runs of every dtype start from the same numbers.
    """
    if initial.uniform is not None:
        values = generator(seed, "initial", name).random(shape, dtype=np.float32)
        values *= np.float32(2 * initial.uniform)
        values -= np.float32(initial.uniform)
        return values
    if initial.weight_deviation == 0.0:
        return np.full(shape, initial.bias, dtype=np.float32)
    values = generator(seed, "initial", name).standard_normal(shape, dtype=np.float32)
    values *= np.float32(initial.weight_deviation)
    return values


def dropout_mask(seed: int, name: str, shape: tuple[int, ...], rate: float) -> NDArray[np.uint8]:
    """A mask of ones with probability 1 - rate. name: with the version, so every step differs."""
    return (generator(seed, "mask", name).random(shape, dtype=np.float32) >= rate).astype(np.uint8)
