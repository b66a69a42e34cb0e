"""Hypothesis generators of the ops of sequences; ``strategies`` takes them up."""

from __future__ import annotations

from hypothesis import strategies as st

from dataflow.ops import (
    Attention,
    Embedding,
    Gelu,
    LayerNormalization,
    Linear,
    MatMul,
    Op,
    PositionEmbedding,
    Softmax,
    SoftmaxCrossEntropy,
)

small = st.integers(1, 4)

activation_shapes = st.one_of(
    st.tuples(small, small), st.tuples(small, small, small), st.tuples(small, small, small, small)
)


@st.composite
def attentions(draw: st.DrawFn) -> Attention:
    """Attention of a sequence to itself, causal or not, or to another of any length."""
    positions = draw(st.integers(1, 6))
    causal = draw(st.booleans())
    keys = positions if causal else draw(st.integers(1, 6))
    return Attention(draw(st.integers(1, 2)), draw(small), draw(small), positions, keys, causal)


@st.composite
def sequence_losses(draw: st.DrawFn) -> SoftmaxCrossEntropy:
    """Softmax cross-entropy of a whole batch of sequences."""
    batch, positions = draw(small), draw(small)
    return SoftmaxCrossEntropy(batch, draw(st.integers(1, 6)), batch * positions, positions)


SEQUENCE_OPS: dict[type[Op], st.SearchStrategy[Op]] = {
    Linear: st.builds(Linear, small, small, small, small, st.booleans()),
    MatMul: st.builds(MatMul, small, small, small, small, st.booleans(), st.sampled_from((1.0, 0.5))),
    Attention: attentions(),
    Embedding: st.builds(Embedding, small, small, small, st.integers(1, 6)),
    PositionEmbedding: st.builds(PositionEmbedding, small, small, small),
    # Of two channels the normal ones are 1 and -1 whatever they were: nothing is left to compare.
    LayerNormalization: st.builds(
        LayerNormalization, small, st.integers(4, 7), small, st.sampled_from((1e-5, 0.1))
    ),
    Gelu: st.builds(Gelu, activation_shapes, st.booleans()),
    Softmax: st.builds(Softmax, activation_shapes),
}
"""A generator of whole ops for each kind."""
