"""The kernels of a layer that reads images, by the processor that computes with them."""

from __future__ import annotations

from dataclasses import dataclass

from dataflow.backend import Array
from dataflow.errors import OptionError
from dataflow.features.layers import kernels_layer, learned_layers, named_layer
from dataflow.features.shares import Share, shares_of
from dataflow.network import DATA, WEIGHT, Network, Tokens
from dataflow.placement.placed import PlacedGraph
from dataflow.training.state import State


@dataclass(frozen=True)
class Kernels:
    """weights: (kernel, channel, height, width), of 1 or 3 channels. shares: who computes with which."""

    experiment: str
    layer: str
    weights: Array
    shares: tuple[Share, ...]
    source: str


def kernels_of(
    placed: PlacedGraph, state: State, *, experiment: str, source: str, layer: str | None = None
) -> Kernels:
    """The kernels of a layer; of the first that learns when none is named.

    state: weights by name. source: where they are from, for the picture. Raises OptionError when there is
    no such layer, it has no kernels, or these have another number of channels than 1 or 3.
    """
    network = placed.task_graph.network
    name = kernels_layer(network) if layer is None else named_layer(network, layer)
    check_kernels(network, name)
    owner = network.shared_weights.get(name, name)
    return Kernels(experiment, name, state[f"{owner}.{WEIGHT}"], shares_of(placed, name), source)


def has_kernels(network: Network) -> bool:
    """Whether the kernels of the first layer that learns can be shown as pictures."""
    return not isinstance(network.input, Tokens) and not _fault(network, kernels_layer(network))


def check_kernels(network: Network, layer: str) -> None:
    """Raises OptionError when a layer has no kernels that can be shown as pictures."""
    if isinstance(network.input, Tokens):
        raise OptionError(
            f"network {network.name!r} reads tokens, but kernels are shown of what reads images"
        )
    fault = _fault(network, layer)
    if fault:
        first = kernels_layer(network)
        hint = f"the first that learns is {first!r}" if first != layer else "features and activations remain"
        raise OptionError(f"--layer {layer}: {fault}; {hint}")


def _fault(network: Network, layer: str) -> str:
    """Why the kernels of a layer cannot be shown; empty when they can."""
    if layer not in learned_layers(network):
        return "has no kernels"
    shape = network.ops(1)[layer].operand(WEIGHT).shape
    if len(shape) != 4:
        return f"its weights of shape {shape} are no kernels of images"
    (source,) = network.inputs[layer]
    if shape[1] != 1 and (shape[1] != 3 or source != DATA):
        reads = "" if source == DATA else f" of {source!r}"
        return f"its kernels have {shape[1]} channels{reads}, but pictures have 1, or the 3 colours of images"
    return ""
