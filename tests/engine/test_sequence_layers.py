"""Layers of sequences: what does not fit together is refused, and what fits becomes the right op."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dataflow.errors import CheckError
from dataflow.layers import (
    AddLayer,
    AttentionLayer,
    EmbeddingLayer,
    GeluLayer,
    LayerNormalizationLayer,
    LayerSpec,
    LinearLayer,
    MatMulLayer,
    PositionEmbeddingLayer,
    ReshapeLayer,
    SoftmaxLayer,
)
from dataflow.network import Network, Tokens, activation_bytes
from dataflow.ops import Attention, Embedding, Gelu, Linear, MatMul, SoftmaxCrossEntropy
from tests.engine.worlds import LOSS, fc

EMBEDDING = EmbeddingLayer(op="embedding", channels=6)
SCORES = LinearLayer(op="linear", channels="classes")


def sequences(layers: Mapping[str, LayerSpec], tokens: int = 5) -> Network:
    """A network that reads tokens of a vocabulary of 7, with an embedding before and the loss after."""
    return Network(
        name="net",
        input=Tokens(tokens=tokens),
        classes=7,
        layers={"embedding": EMBEDDING, **layers, "loss": LOSS},
    )


def linear(channels: int, source: str | None = None) -> LinearLayer:
    """A linear layer that may name what it reads."""
    return LinearLayer(op="linear", channels=channels, input=source)


def attention(heads: int = 2, *, causal: bool = False) -> AttentionLayer:
    """Attention that reads layers q, k and v."""
    return AttentionLayer(op="attention", heads=heads, causal=causal, input=("q", "k", "v"))


def test_layers_become_ops_of_sequences() -> None:
    """Shapes are (channels, positions), the vocabulary is the classes, and the loss has one label a token."""
    layers: Mapping[str, LayerSpec] = {
        "position": PositionEmbeddingLayer(op="position_embedding"),
        "norm": LayerNormalizationLayer(op="layer_normalization"),
        "q": linear(4),
        "k": linear(4, "norm"),
        "v": linear(4, "norm"),
        "attention": attention(causal=True),
        "gelu": GeluLayer(op="gelu", approximate="tanh"),
        "scores": SCORES,
    }
    ops = sequences(layers).ops(3)
    assert ops["embedding"] == Embedding(3, 5, 6, 7)
    assert ops["q"] == Linear(3, 6, 5, 4)
    assert ops["attention"] == Attention(3, 2, 2, 5, 5, causal=True)
    assert ops["gelu"] == Gelu((3, 4, 5), tanh=True)
    assert ops["scores"] == Linear(3, 4, 5, 7)
    assert ops["loss"] == SoftmaxCrossEntropy(3, 7, 15, 5)


def test_a_product_of_two_activations() -> None:
    """Keys (6, 5) transposed act on queries (6, 5): scores (5, 5); values then act on these: (6, 5)."""
    ops = sequences(
        {
            "q": linear(6),
            "k": linear(6, "embedding"),
            "scores": MatMulLayer(op="matmul", input=("q", "k"), transpose=True, scale=0.5),
            "weights": SoftmaxLayer(op="softmax"),
            "mixed": MatMulLayer(op="matmul", input=("weights", "embedding")),
            "out": SCORES,
        }
    ).ops(2)
    assert ops["scores"] == MatMul(2, 6, 5, 5, transpose=True, scale=0.5)
    assert ops["mixed"] == MatMul(2, 5, 5, 6)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        (
            {"x": EmbeddingLayer(op="embedding", channels=2)},
            (
                r"layer 'x': reads tokens alone, such as those of a network with input: {tokens: 128}, "
                r"got activations \(6, 5\)"
            ),
        ),
        (
            {"x": LinearLayer(op="linear", channels=2, input="data")},
            "layer 'x': reads tokens, which only an embedding does; let it read an embedding layer",
        ),
        (
            {"x": AddLayer(op="add", input=("embedding", "data"))},
            "layer 'x': reads tokens, which only an embedding does",
        ),
        ({"f": fc(2), "x": SCORES}, r"layer 'x': needs sequences of \(channels, positions\), got \(2,\)"),
        (
            {"q": linear(4), "k": linear(4), "x": AttentionLayer(op="attention", heads=1, input=("q", "k"))},
            r"layer 'x': takes input: \[queries, keys, values\], got 2 inputs",
        ),
        (
            {"q": linear(4), "k": linear(6), "v": linear(6), "x": attention()},
            (
                r"layer 'x': needs queries and keys of as many channels, and values of the keys' shape, "
                r"got queries \(4, 5\), keys \(6, 5\), values \(6, 5\)"
            ),
        ),
        (
            {"q": linear(4), "k": linear(4), "v": linear(4), "x": attention(3)},
            "layer 'x': 3 heads do not divide 4 channels",
        ),
        (
            {
                "q": linear(5),
                "k": MatMulLayer(op="matmul", input=("q", "embedding"), transpose=True),
                "x": SCORES,
            },
            r"layer 'k': the first input has 5 channels, but the second, \(6, 5\) transposed, takes 6",
        ),
        (
            {"k": MatMulLayer(op="matmul"), "x": SCORES},
            r"layer 'k': takes two inputs, got 1; write input: \[a, b\]",
        ),
        (
            {},
            r"layer 'loss': needs one score for each of 7 classes at each of 5 positions, got shape \(6, 5\)",
        ),
    ],
)
def test_layers_that_do_not_fit(layers: Mapping[str, LayerSpec], message: str) -> None:
    """A layer that does not fit what it reads is refused, with its name, the shapes and the rule."""
    with pytest.raises(CheckError, match=message):
        sequences(layers).ops(1)


def test_attention_of_a_sequence_to_another() -> None:
    """Three queries may look at five keys, but not causally: none of them is before the other."""

    def layers(*, causal: bool) -> Mapping[str, LayerSpec]:
        return {
            "reshaped": ReshapeLayer(op="reshape", shape=(10, 3)),
            "q": linear(4),
            "k": linear(4, "embedding"),
            "v": linear(4, "embedding"),
            "x": attention(causal=causal),
            "few": linear(7),
            "five": linear(3, "embedding"),
            "scores": MatMulLayer(op="matmul", input=("five", "few")),
        }

    with pytest.raises(
        CheckError, match="layer 'x': causal attention is of a sequence to itself, got 3 queries and 5 keys"
    ):
        sequences(layers(causal=True)).ops(1)
    assert sequences(layers(causal=False)).ops(2)["x"] == Attention(2, 2, 2, 3, 5)


def test_an_embedding_reads_tokens_of_the_network() -> None:
    """A network of images has no tokens to embed."""
    net = Network(name="net", input=(3, 4, 4), classes=2, layers={"x": EMBEDDING, "f": fc(2), "loss": LOSS})
    with pytest.raises(CheckError, match=r"layer 'x': reads tokens alone, .* got activations \(3, 4, 4\)"):
        net.ops(1)


def test_parameters_that_layers_share_count_once() -> None:
    """Embedding 7 x 6 and the scores of the same weight; 7 biases."""
    tied = LinearLayer(op="linear", channels="classes", weight_of="embedding")
    net = sequences({"scores": tied})
    assert net.parameter_count == 7 * 6 + 7
    assert net.parameters("scores") == 7
    assert net.macs_per_image == 5 * 7 * 6


def test_activation_bytes_of_tokens() -> None:
    """Two sequences of 5: tokens and labels 4 B each, embeddings 6, scores and probabilities 7, losses."""
    assert activation_bytes(sequences({"scores": SCORES}), 2, 8) == {
        "simulator": 2 * 5 * (2 * 4 + (6 + 7 + 7 + 1) * 8),
        "caffe": 4 * 2 * 5 * (2 + 6 + 7),
    }
