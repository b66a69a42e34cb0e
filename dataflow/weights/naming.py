"""What a network's weights are called: by us, ``conv1.weight``, and in PyTorch's state dicts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from dataflow.errors import CheckError
from dataflow.experiment import Experiment
from dataflow.graph import evaluation_graph
from dataflow.network import Network
from dataflow.ops import RUNNING_MEAN, RUNNING_VARIANCE
from dataflow.tensor import Tensor, TensorKind

Naming = Literal["own", "pytorch"]

BATCHES_TRACKED = "num_batches_tracked"
"""How many batches PyTorch's running statistics have seen: a scalar that only a cumulative mean needs."""

_PYTORCH = {RUNNING_VARIANCE: "running_var"}
"""Operands that PyTorch calls otherwise."""


def weights_in(experiment: Experiment) -> dict[str, Tensor]:
    """The tensors that are the weights of an experiment's network, by name, in the order of the layers.

    Those of batch normalisations are four, running mean and variance included. What layers share
    is there once. Raises as ``evaluation_graph`` does.
    """
    tensors = evaluation_graph(experiment).tensors.values()
    return {tensor.base: tensor for tensor in tensors if tensor.kind is TensorKind.PARAMETER}


def names_in(network: Network, weights: Mapping[str, Tensor], naming: Naming) -> dict[str, str]:
    """For each weight what it is called in a file.

    Raises CheckError listing the layers that a network gives no name in PyTorch's state dicts.
    """
    if naming == "own":
        return {name: name for name in weights}
    faults = [
        f"layer {layer!r} has weights, but no name in 'state_dict'; give it one, or use --names own"
        for layer in dict.fromkeys(tensor.layer for tensor in weights.values())
        if network.state_dict_name(layer) is None
    ]
    if faults:
        raise CheckError(f"PyTorch's names for network {network.name!r}", faults)
    return {name: pytorch_name(network, tensor) for name, tensor in weights.items()}


def pytorch_name(network: Network, weight: Tensor) -> str:
    """Such as ``features.0.weight``."""
    operand = operand_of(weight)
    return f"{network.state_dict_name(weight.layer)}.{_PYTORCH.get(operand, operand)}"


def operand_of(weight: Tensor) -> str:
    """``weight``, ``bias``, ``running_mean`` or ``running_variance``."""
    return weight.base.rpartition(".")[2]


def pytorch_shape(weight: Tensor) -> tuple[int, ...]:
    """Its shape in PyTorch: what is fully connected has (channel, inputs), its inputs as they lie flat.

    PyTorch flattens (channel, height, width) in that order, which is the order of our axes too.
    """
    if "in_height" in weight.labels:
        return (weight.shape[0], weight.region.size // weight.shape[0])
    return weight.shape


def tracked(network: Network, weights: Mapping[str, Tensor]) -> list[str]:
    """The names under which PyTorch keeps ``num_batches_tracked``: one for each batch normalisation."""
    return [
        f"{network.state_dict_name(tensor.layer)}.{BATCHES_TRACKED}"
        for tensor in weights.values()
        if operand_of(tensor) == RUNNING_MEAN
    ]
