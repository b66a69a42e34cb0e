"""Layers of sequences, whose activations are (channels, positions): what transformers are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from annotated_types import Gt

from dataflow.layers.base import (
    DEFAULT_INITIAL,
    Binding,
    Count,
    Initial,
    Inputs,
    Learned,
    Shape,
    constant,
    weight_and_bias,
)
from dataflow.ops import (
    Attention,
    Embedding,
    Gelu,
    LayerNormalization,
    Linear,
    MatMul,
    Op,
    Operand,
    PositionEmbedding,
    Softmax,
)


@dataclass(frozen=True, kw_only=True)
class EmbeddingLayer(Learned):
    """A learned vector of ``channels`` for each of the tokens that the network reads."""

    op: Literal["embedding"]
    channels: Count
    initial: Initial = DEFAULT_INITIAL
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError when it does not read tokens."""
        if not binding.tokens or len(binding.inputs) != 1:
            raise binding.fault(
                "reads tokens alone, such as those of a network with input: {tokens: 128}, "
                f"got activations {', '.join(map(str, binding.inputs))}"
            )
        return Embedding(binding.batch, binding.inputs[0][0], self.channels, binding.classes)

    def initial_of(self, parameter: Operand) -> Initial:
        """Gaussian."""
        return weight_and_bias(self.initial, parameter)


@dataclass(frozen=True, kw_only=True)
class PositionEmbeddingLayer(Learned):
    """Adds a learned vector to each position."""

    op: Literal["position_embedding"]
    initial: Initial = DEFAULT_INITIAL
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError when that is no sequence."""
        channels, positions = _sequence(binding, binding.single())
        return PositionEmbedding(binding.batch, channels, positions)

    def initial_of(self, parameter: Operand) -> Initial:
        """Gaussian."""
        return weight_and_bias(self.initial, parameter)


@dataclass(frozen=True, kw_only=True)
class LinearLayer(Learned):
    """The same matrix for each position: ``channels`` outputs (or ``classes``, the vocabulary)."""

    op: Literal["linear"]
    channels: Count | Literal["classes"]
    bias: bool = True
    initial: Initial = DEFAULT_INITIAL
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError when that is no sequence."""
        in_channels, positions = _sequence(binding, binding.single())
        channels = binding.classes if self.channels == "classes" else self.channels
        return Linear(binding.batch, in_channels, positions, channels, self.bias)

    def initial_of(self, parameter: Operand) -> Initial:
        """Weights Gaussian, biases constant."""
        return weight_and_bias(self.initial, parameter)


@dataclass(frozen=True, kw_only=True)
class LayerNormalizationLayer(Learned):
    """Layer normalisation over the channels of each position."""

    op: Literal["layer_normalization"]
    epsilon: Annotated[float, Gt(0)] = 1e-5
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError when that is no sequence."""
        channels, positions = _sequence(binding, binding.single())
        return LayerNormalization(binding.batch, channels, positions, self.epsilon)

    def initial_of(self, parameter: Operand) -> Initial:
        """Gains of 1 and biases of 0."""
        return constant(1.0 if parameter.name == "weight" else 0.0)


@dataclass(frozen=True, kw_only=True)
class AttentionLayer:
    """Scaled dot-product attention of ``heads`` heads: ``input: [queries, keys, values]``.

    causal: each position sees itself and those before it.
    """

    op: Literal["attention"]
    heads: Count
    causal: bool = False
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError when the three do not fit together."""
        if len(binding.inputs) != 3:
            raise binding.fault(f"takes input: [queries, keys, values], got {len(binding.inputs)} inputs")
        query, key, value = (_sequence(binding, shape) for shape in binding.inputs)
        if key != value or query[0] != key[0]:
            raise binding.fault(
                "needs queries and keys of as many channels, and values of the keys' shape, "
                f"got queries {query}, keys {key}, values {value}"
            )
        if query[0] % self.heads:
            raise binding.fault(f"{self.heads} heads do not divide {query[0]} channels")
        if self.causal and query[1] != key[1]:
            raise binding.fault(
                f"causal attention is of a sequence to itself, got {query[1]} queries and {key[1]} keys"
            )
        return Attention(binding.batch, self.heads, query[0] // self.heads, query[1], key[1], self.causal)


@dataclass(frozen=True, kw_only=True)
class MatMulLayer:
    """Product of two activations: ``input: [a, b]`` of (i, positions) and (channels, i).

    transpose: b is (i, channels) instead. scale: what the product is multiplied by.
    """

    op: Literal["matmul"]
    transpose: bool = False
    scale: float = 1.0
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input. Raises NetworkError when the two do not fit together."""
        if len(binding.inputs) != 2:
            raise binding.fault(f"takes two inputs, got {len(binding.inputs)}; write input: [a, b]")
        a, b = (_sequence(binding, shape) for shape in binding.inputs)
        channels, summed = b[::-1] if self.transpose else b
        if summed != a[0]:
            raise binding.fault(
                f"the first input has {a[0]} channels, but the second, {b}"
                f"{' transposed' if self.transpose else ''}, takes {summed}"
            )
        return MatMul(binding.batch, a[0], a[1], channels, self.transpose, self.scale)


@dataclass(frozen=True, kw_only=True)
class GeluLayer:
    """GELU of every element; ``approximate: tanh`` as in GPT-2."""

    op: Literal["gelu"]
    approximate: Literal["none", "tanh"] = "none"
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input."""
        return Gelu((binding.batch, *binding.single()), self.approximate == "tanh")


@dataclass(frozen=True, kw_only=True)
class SoftmaxLayer:
    """Softmax over the channels."""

    op: Literal["softmax"]
    input: Inputs = None

    def bind(self, binding: Binding) -> Op:
        """The op for this batch and input."""
        return Softmax((binding.batch, *binding.single()))


SequenceLayer = (
    EmbeddingLayer
    | PositionEmbeddingLayer
    | LinearLayer
    | LayerNormalizationLayer
    | AttentionLayer
    | MatMulLayer
    | GeluLayer
    | SoftmaxLayer
)


def _sequence(binding: Binding, shape: Shape) -> tuple[int, int]:
    """(channels, positions). Raises NetworkError when it is the shape of something else."""
    if len(shape) != 2:
        raise binding.fault(f"needs sequences of (channels, positions), got {shape}")
    return shape[0], shape[1]
