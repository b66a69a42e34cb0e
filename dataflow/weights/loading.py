"""Weights from a file, checked against the network that they are for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np

from dataflow.backend import Array
from dataflow.errors import CheckError
from dataflow.near import nearest_word
from dataflow.network import Network
from dataflow.ops import RUNNING_VARIANCE
from dataflow.tensor import Tensor
from dataflow.weights.naming import BATCHES_TRACKED, Naming, names_in, operand_of, pytorch_shape
from dataflow.weights.stored import Stored

_FLOATING = ("float64", "float32", "float16", "bfloat16")


def matched(
    path: Path, stored: Mapping[str, Stored], network: Network, weights: Mapping[str, Tensor]
) -> dict[str, Stored]:
    """For each weight of a network what a file holds of it, under our names or PyTorch's.

    Raises CheckError listing all weights that are missing, of another shape or no floating-point
    numbers, and all that the network does not have.
    """
    names = _names(stored, network, weights)
    faults = list(_faults(stored, names, weights))
    if faults:
        raise CheckError(f"weights {str(path)!r} for network {network.name!r}", faults)
    return {name: stored[called] for name, called in names.items()}


def _names(stored: Mapping[str, Stored], network: Network, weights: Mapping[str, Tensor]) -> dict[str, str]:
    """What the weights are called in a file: in the way in which it has more of them."""
    ways: list[Naming] = ["own"]
    if all(network.state_dict_name(tensor.layer) is not None for tensor in weights.values()):
        ways.append("pytorch")
    found = [names_in(network, weights, way) for way in ways]
    return max(found, key=lambda names: sum(called in stored for called in names.values()))


def _faults(
    stored: Mapping[str, Stored], names: Mapping[str, str], weights: Mapping[str, Tensor]
) -> Iterator[str]:
    wanted = set(names.values())
    beyond = [name for name in stored if name not in wanted and not name.endswith(f".{BATCHES_TRACKED}")]
    if beyond and not any(called in stored for called in names.values()):
        yield f"has {_some(beyond)}, and none of {_some(list(names.values()))}; it is of another network"
        return
    for name, called in names.items():
        if called not in stored:
            near = nearest_word(called, beyond)
            yield f"{called!r} is missing" + (f"; is it {near!r}, which nothing needs?" if near else "")
            continue
        there, weight = stored[called], weights[name]
        if there.shape not in (weight.shape, pytorch_shape(weight)):
            yield f"{called!r} has shape {there.shape}, but layer {weight.layer!r} needs {weight.shape}"
        elif there.dtype not in _FLOATING:
            yield f"{called!r} is of {there.dtype}; weights are of {', '.join(_FLOATING)}"
    for name in beyond:
        if nearest_word(name, [each for each in wanted if each not in stored]) is None:
            yield f"{name!r} belongs to no layer"


def _some(names: list[str]) -> str:
    """The first of many names."""
    few = 3
    rest = len(names) - few
    return ", ".join(map(repr, names[:few])) + (f" and {rest} more" if rest > 0 else "")


def values_of(path: Path, name: str, stored: Stored, weight: Tensor) -> Array:
    """A weight's values in its own shape, in the format of the file.

    Raises CheckError when they are not finite, or of a variance when they are below 0.
    """
    values = stored.read().reshape(weight.shape)
    about = f"weights {str(path)!r}"
    if not np.isfinite(values).all():
        raise CheckError(about, [f"{name!r} has values that are not finite"])
    if operand_of(weight) == RUNNING_VARIANCE and values.min() < 0:
        raise CheckError(about, [f"{name!r} is a variance, but {values.min():.3g} is below 0"])
    return values
