"""Which layer is looked at: named by the user, or what suits the question."""

from __future__ import annotations

from dataflow.errors import OptionError
from dataflow.layers import DropoutLayer
from dataflow.near import did_you_mean
from dataflow.network import DATA, WEIGHT, Network


def named_layer(network: Network, name: str) -> str:
    """The name, after making sure that the network has such a layer and that it is not the loss.

    Raises OptionError otherwise, with the nearest name.
    """
    if name not in network.layers:
        raise OptionError(
            f"--layer {name}: network {network.name!r} has no such layer{did_you_mean(name, network.layers)} "
            f"(there are: {', '.join(network.layers)})"
        )
    if name == network.order[-1]:
        (scores, *_) = network.inputs[name]
        raise OptionError(
            f"--layer {name}: is the loss, which has no activations; its scores are those of {scores!r}"
        )
    return name


def scores_layer(network: Network) -> str:
    """The layer whose output the loss reads: one score for each class."""
    return network.inputs[network.order[-1]][0]


def learned_layers(network: Network) -> tuple[str, ...]:
    """The layers with a weight of more than one axis, in order: not those that only scale and shift."""
    ops = network.ops(1)
    return tuple(
        name
        for name in network.order
        if any(each.name == WEIGHT and len(each.shape) > 1 for each in ops[name].operands)
    )


def features_layer(network: Network) -> str:
    """The last hidden layer: what the last layer that learns reads, before dropout.

    Of AlexNet ``relu7``: the 4,096 outputs of fc7 after its ReLU. Raises OptionError when that is the
    batch itself.
    """
    last = learned_layers(network)[-1]
    source = network.inputs[last][0]
    while source != DATA and isinstance(network.layers[source], DropoutLayer):
        (source,) = network.inputs[source]
    if source == DATA:
        raise OptionError(
            f"network {network.name!r} has no hidden layer: {last!r}, the only one that learns, reads the "
            "images; name another layer (--layer)"
        )
    return source


def kernels_layer(network: Network) -> str:
    """The first layer that learns."""
    return learned_layers(network)[0]
