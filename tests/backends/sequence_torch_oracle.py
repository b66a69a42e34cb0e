"""What PyTorch makes of the forward pass of the ops of sequences."""

from __future__ import annotations

from collections.abc import Callable
from math import sqrt
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (the name everyone knows)

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
)

Tensors = dict[str, torch.Tensor]


def _last(x: torch.Tensor) -> torch.Tensor:
    """(batch, channel, position) as PyTorch's sequences are: (batch, position, channel); or back."""
    return x.transpose(1, 2)


def _linear(op: Linear, t: Tensors) -> Tensors:
    return {"output": _last(F.linear(_last(t["input"]), t["weight"], t.get("bias")))}


def _matmul(op: MatMul, t: Tensors) -> Tensors:
    second = _last(t["input1"]) if op.transpose else t["input1"]
    return {"output": op.scale * torch.bmm(second, t["input0"])}


def _attention(op: Attention, t: Tensors) -> Tensors:
    def heads(x: torch.Tensor) -> torch.Tensor:
        return x.unflatten(1, (op.heads, op.head_channels)).transpose(2, 3)

    query, key, value = (heads(t[name]) for name in ("query", "key", "value"))
    made = F.scaled_dot_product_attention(query, key, value, is_causal=op.causal)
    scores = query @ key.transpose(2, 3) / sqrt(op.head_channels)
    if op.causal:
        hidden = torch.ones(op.positions, op.keys, dtype=torch.bool).triu(1)
        scores = scores.masked_fill(hidden, -torch.inf)
    return {"output": made.transpose(2, 3).flatten(1, 2), "logsumexp": scores.logsumexp(3)}


def _embedding(op: Embedding, t: Tensors) -> Tensors:
    return {"output": _last(F.embedding(t["input"].long(), t["weight"]))}


def _layer_normalization(op: LayerNormalization, t: Tensors) -> Tensors:
    x = t["input"]
    output = F.layer_norm(_last(x), (op.channels,), t["weight"], t["bias"], op.epsilon)
    variance, mean = torch.var_mean(x, dim=1, correction=0)
    return {"output": _last(output), "mean": mean, "inverse_deviation": (variance + op.epsilon) ** -0.5}


def _gelu(op: Gelu, t: Tensors) -> Tensors:
    return {"output": F.gelu(t["input"], approximate="tanh" if op.tanh else "none")}


SEQUENCE_FORWARD: dict[type[Op], Callable[[Any, Tensors], Tensors]] = {
    Linear: _linear,
    MatMul: _matmul,
    Attention: _attention,
    Embedding: _embedding,
    PositionEmbedding: lambda op, t: {"output": t["input"] + t["weight"]},
    LayerNormalization: _layer_normalization,
    Gelu: _gelu,
    Softmax: lambda op, t: {"output": F.softmax(t["input"], dim=1)},
}
