"""Which ops have no integer form, in values and in cycles alike, and what can be computed in their place."""

from __future__ import annotations

from collections.abc import Mapping

INSTEAD_OF: Mapping[str, str] = {
    "local_response_normalization": "it needs powers of fractions; leave the layer out or scale weights",
    "batch_normalization": "it needs square roots; fold its mean and variance into the layer before",
    "batch_normalization_inference": "it needs square roots; fold mean and variance into the layer before",
    "layer_normalization": "it needs square roots; leave the layer out",
    "attention": "it needs exponentials of sums in floating point; use fully_connected layers",
    "gelu": "it needs the error function; use relu",
    "tanh": "it needs exponentials; use relu",
    "sigmoid": "it needs exponentials; use relu",
    "softmax": "it is integers' only as a part of the loss; use the loss softmax_cross_entropy",
    "global_pooling": "use average_pooling with a kernel as large as the image",
    "linear": "integers are for images alone, not for sequences; use fully_connected",
    "matmul": "integers are for images alone, not for sequences; use fully_connected",
    "embedding": "integers are for images alone, not for sequences",
    "position_embedding": "integers are for images alone, not for sequences",
}
"""By kind of op. Every other kind has a kernel of backend ``fixed`` for each of its passes."""
