"""What a training says of a network: ops by its conventions, initial values in place of the network's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fnmatch import fnmatchcase
from math import prod, sqrt

from dataflow.experiment import Training
from dataflow.layers import Initial, LayerSpec, Learned
from dataflow.layers.dense import FullyConnectedLayer
from dataflow.layers.image import ConvolutionLayer
from dataflow.layers.sequence import EmbeddingLayer, LinearLayer, PositionEmbeddingLayer
from dataflow.network import WEIGHT
from dataflow.ops import (
    Dropout,
    LocalResponseNormalization,
    Loss,
    MomentumSgd,
    Op,
    Operand,
    SoftmaxCrossEntropy,
)

_DRAWN = ConvolutionLayer | FullyConnectedLayer | LinearLayer | EmbeddingLayer | PositionEmbeddingLayer
"""Layers that say how their parameters begin."""

_SUMMING = ConvolutionLayer | FullyConnectedLayer | LinearLayer
"""Those of whose outputs each sums over inputs."""


def as_trained(op: Op, training: Training) -> Op:
    """A layer's op as a training has it: dropout, response normalisation and the loss; others as they are."""
    conventions = training.conventions
    if isinstance(op, Dropout):
        rate = op.rate if training.dropout is None else training.dropout
        inverted = op.inverted if conventions.dropout is None else conventions.dropout == "pytorch"
        return replace(op, rate=rate, inverted=inverted)
    if isinstance(op, LocalResponseNormalization) and conventions.lrn_alpha == "pytorch":
        return replace(op, alpha=op.alpha / op.size)
    if isinstance(op, SoftmaxCrossEntropy):
        exact = training.arithmetic
        op = replace(op, exponential=exact.exponential, division=exact.division)
    return replace(op, scale=training.gradient_scale) if isinstance(op, Loss) else op


def update_of(parameter: Operand, training: Training) -> MomentumSgd:
    """How a parameter is updated."""
    return MomentumSgd(
        labels=parameter.labels,
        shape=parameter.shape,
        learning_rate=training.learning_rate,
        momentum=training.momentum,
        weight_decay=training.weight_decay,
        scale=training.gradient_scale,
        decay_outside=training.conventions.weight_decay == "outside",
        rate_outside=training.conventions.learning_rate == "outside",
    )


def initial_of(name: str, spec: LayerSpec, op: Op, parameter: Operand, training: Training) -> Initial | None:
    """How a parameter of a layer begins; None for layers that learn nothing.

    The training's own ``initial`` goes before its conventions, and these before what the layer says.
    PyTorch's are those of ``nn.Conv2d`` and ``nn.Linear``: weights and biases uniform within
    1 / sqrt(n), n the inputs that an output sums over.
    """
    if isinstance(spec, _DRAWN):
        chosen = [initial for pattern, initial in training.initial.items() if fnmatchcase(name, pattern)]
        if chosen:
            return replace(spec, initial=chosen[-1]).initial_of(parameter)
    if isinstance(spec, _SUMMING) and training.conventions.initial == "pytorch":
        return Initial(uniform=1 / sqrt(prod(op.operand(WEIGHT).shape[1:])))
    return spec.initial_of(parameter) if isinstance(spec, Learned) else None


def initial_faults(
    initial: Mapping[str, Initial], layers: Mapping[str, LayerSpec]
) -> Iterator[tuple[str, str]]:
    """The patterns of ``training.initial`` that choose no layer whose initial values may be said, and why."""
    drawn = [name for name, spec in layers.items() if isinstance(spec, _DRAWN)]
    for pattern in initial:
        if any(fnmatchcase(name, pattern) for name in drawn):
            continue
        found = next((name for name in layers if fnmatchcase(name, pattern)), None)
        if found is None:
            yield pattern, f"no layer is called {pattern!r}; those with initial values are {_told(drawn)}"
        else:
            yield (
                pattern,
                f"{pattern!r} is layer {found!r}, which has none; those that have are {_told(drawn)}",
            )


def _told(names: list[str]) -> str:
    few = 12
    return ", ".join(names[:few]) + (f" and {len(names) - few} more" if len(names) > few else "")
