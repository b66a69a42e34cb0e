"""The cases of the ops of sequences, chosen so that nothing about them is symmetric."""

from __future__ import annotations

from dataflow.ops import (
    ArgMax,
    Attention,
    Embedding,
    Gelu,
    LayerNormalization,
    Linear,
    MatMul,
    MeanSquaredError,
    Op,
    PositionEmbedding,
    Softmax,
    SoftmaxCrossEntropy,
)

SEQUENCE_CASES: dict[str, Op] = {
    "linear": Linear(2, 3, 5, 4),
    "linear_without_bias": Linear(2, 4, 3, 5, bias=False),
    "matmul": MatMul(2, 3, 5, 4),
    "matmul_transposed": MatMul(2, 3, 5, 4, transpose=True, scale=0.5),
    "attention": Attention(2, 3, 2, 4, 5),
    "attention_causal": Attention(2, 2, 3, 5, 5, causal=True),
    "embedding": Embedding(2, 7, 3, 5),
    "position_embedding": PositionEmbedding(2, 3, 4),
    "layer_normalization": LayerNormalization(2, 5, 3),
    "gelu": Gelu((2, 3, 4)),
    "gelu_tanh": Gelu((2, 3, 4), tanh=True),
    "softmax": Softmax((2, 5, 3)),
    "softmax_image": Softmax((2, 3, 4, 2)),
    "softmax_cross_entropy_sequence": SoftmaxCrossEntropy(2, 5, 6, 3),
    "softmax_cross_entropy_sequence_slice": SoftmaxCrossEntropy(2, 5, 24, 3),
    "softmax_cross_entropy_sequence_base_2": SoftmaxCrossEntropy(2, 5, 6, 3, base=2),
    "mean_squared_error_sequence": MeanSquaredError(2, 5, 6, 3),
    "argmax_sequence": ArgMax(2, 5, 3),
}
"""By the name of their golden tensors."""
