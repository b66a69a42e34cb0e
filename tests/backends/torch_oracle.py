"""What PyTorch makes of an op: every pass by its own functions and its automatic gradients."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 (the name everyone knows)

from dataflow.ops import (
    Add,
    ArgMax,
    AveragePooling,
    BatchNormalization,
    BatchNormalizationInference,
    Concat,
    Convolution,
    Dropout,
    FullyConnected,
    GlobalPooling,
    LocalResponseNormalization,
    Loss,
    MaxPooling,
    MeanSquaredError,
    MomentumSgd,
    Op,
    Relu,
    Reshape,
    Scale,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
)
from tests.backends.running import Values
from tests.backends.sequence_torch_oracle import SEQUENCE_FORWARD

Tensors = dict[str, torch.Tensor]


def run(op: Op, values: Values) -> Values:
    """What all passes of a whole op write, as arrays."""
    tensors = {name: torch.from_numpy(array.copy()) for name, array in values.items()}
    if isinstance(op, MomentumSgd):
        return _as_arrays(_momentum_sgd(op, tensors))
    if isinstance(op, ArgMax):
        return {"output": tensors["input"].argmax(dim=1).to(torch.int32).numpy()}
    names = (name for each in op.passes for name in each.writes if name.endswith(".grad"))
    sources = {name: tensors[name.removesuffix(".grad")].requires_grad_() for name in names}
    made = _FORWARD[type(op)](op, tensors)
    if not sources:
        return _as_arrays(made)
    output = made["output"]
    if isinstance(op, Loss):
        weights = torch.full_like(output, op.scale / op.images)
    else:
        weights = tensors["output.grad"]
    gradients = torch.autograd.grad(output, list(sources.values()), weights)
    return _as_arrays(made | dict(zip(sources, gradients, strict=True)))


def _as_arrays(tensors: Tensors) -> Values:
    return {name: tensor.detach().numpy() for name, tensor in tensors.items()}


def _pad(op: Any, x: torch.Tensor, value: float = 0.0) -> torch.Tensor:
    (top, bottom), (left, right) = op.padding
    return F.pad(x, (left, right, top, bottom), value=value)


def _convolution(op: Convolution, t: Tensors) -> Tensors:
    return {
        "output": F.conv2d(_pad(op, t["input"]), t["weight"], t.get("bias"), op.stride, groups=len(op.blocks))
        + op.offset
    }


def _fully_connected(op: FullyConnected, t: Tensors) -> Tensors:
    return {"output": F.linear(t["input"].flatten(1), t["weight"].flatten(1), t.get("bias")) + op.offset}


def _max_pooling(op: MaxPooling, t: Tensors) -> Tensors:
    return {"output": F.max_pool2d(_pad(op, t["input"], -torch.inf), op.kernel, op.stride)}


def _average_pooling(op: AveragePooling, t: Tensors) -> Tensors:
    return {"output": F.avg_pool2d(_pad(op, t["input"]), op.kernel, op.stride)}


def _normalization(op: LocalResponseNormalization, t: Tensors) -> Tensors:
    # PyTorch divides alpha by the size of the window.
    parts = [
        F.local_response_norm(t["input"][:, slice(*block.inputs)], op.size, op.alpha * op.size, op.beta, op.k)
        for block in op.blocks
    ]
    output = torch.cat(parts, dim=1)
    return {"output": output, "scale": (t["input"] / output) ** (1 / op.beta)}


def _batch_normalization_inference(op: BatchNormalizationInference, t: Tensors) -> Tensors:
    moments = t["running_mean"], t["running_variance"]
    return {"output": F.batch_norm(t["input"], *moments, t["weight"], t["bias"], eps=op.epsilon)}


def _batch_normalization(op: BatchNormalization, t: Tensors) -> Tensors:
    x, y = t["input"], t["output.grad"]
    groups = x.split(op.images)
    output = torch.cat(
        [F.batch_norm(g, None, None, t["weight"], t["bias"], training=True, eps=op.epsilon) for g in groups]
    )
    axes = [axis for axis in range(x.ndim) if axis != 1]
    plain = torch.cat([F.batch_norm(g, None, None, training=True, eps=op.epsilon) for g in groups])
    pairs = zip((y * plain).split(op.images), y.split(op.images), strict=True)
    return {
        "output": output,
        "sums": torch.stack([torch.stack([g.sum(axes), g.square().sum(axes)]) for g in groups]).double(),
        "gradient_sums": torch.stack(
            [torch.stack([own.sum(axes), product.sum(axes)]) for product, own in pairs]
        ).double(),
    }


def _dropout(op: Dropout, t: Tensors) -> Tensors:
    return {"output": t["input"] * t["mask"] * op.gain}


def _softmax_cross_entropy(op: SoftmaxCrossEntropy, t: Tensors) -> Tensors:
    unit = 1.0 if op.base == "e" else log(op.base)
    return {
        "output": F.cross_entropy(unit * t["input"], t["label"].long(), reduction="none") / unit,
        "probability": F.softmax(unit * t["input"], dim=1),
    }


def _mean_squared_error(op: MeanSquaredError, t: Tensors) -> Tensors:
    wanted = F.one_hot(t["label"].long(), op.classes).movedim(-1, 1).to(t["input"].dtype)
    return {"output": F.mse_loss(t["input"], wanted, reduction="none").sum(1) / 2}


def _momentum_sgd(op: MomentumSgd, t: Tensors) -> Tensors:
    """PyTorch keeps v' <- momentum v' + g + weight_decay w; w <- w - lr v', of which -lr v' is the paper's v.

    It has no decay outside the momentum; that is the same as to shrink w before a step without decay.
    """
    parameter = torch.nn.Parameter(t["parameter"].clone())
    decay = 0.0 if op.decay_outside else op.weight_decay
    optimizer = torch.optim.SGD([parameter], op.learning_rate, momentum=op.momentum, weight_decay=decay)
    parameter.grad = t["gradient"] / op.scale
    factor = 1.0 if op.rate_outside else -op.learning_rate
    if op.keeps_velocity:
        optimizer.state[parameter]["momentum_buffer"] = t["velocity"] / factor
    if op.decay_outside:
        parameter.data.mul_(1 - op.learning_rate * op.weight_decay)
    optimizer.step()
    if not op.keeps_velocity:
        return {"new_parameter": parameter}
    velocity = factor * optimizer.state[parameter]["momentum_buffer"]
    return {"new_parameter": parameter, "new_velocity": velocity}


_FORWARD: dict[type[Op], Callable[[Any, Tensors], Tensors]] = {
    Convolution: _convolution,
    FullyConnected: _fully_connected,
    MaxPooling: _max_pooling,
    AveragePooling: _average_pooling,
    GlobalPooling: lambda op, t: {"output": t["input"].flatten(2).mean(2)},
    LocalResponseNormalization: _normalization,
    BatchNormalization: _batch_normalization,
    BatchNormalizationInference: _batch_normalization_inference,
    Add: lambda op, t: {"output": torch.stack([t[name] for name in op.names]).sum(0)},
    Concat: lambda op, t: {"output": torch.cat([t[name] for name, _ in op.channels], 1)},
    Reshape: lambda op, t: {"output": t["input"].reshape(-1, *op.after)},
    Relu: lambda op, t: {"output": F.relu(t["input"])},
    Tanh: lambda op, t: {"output": torch.tanh(t["input"])},
    Sigmoid: lambda op, t: {"output": torch.sigmoid(t["input"])},
    Dropout: _dropout,
    Scale: lambda op, t: {"output": t["input"] * op.factor},
    **SEQUENCE_FORWARD,
    SoftmaxCrossEntropy: _softmax_cross_entropy,
    MeanSquaredError: _mean_squared_error,
}
