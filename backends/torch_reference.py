"""PyTorch as an independent reference: autograd and ``torch.optim.SGD`` from the same start.

Weights, images and dropout masks are those of the run; all arithmetic is PyTorch's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dataflow.backend import Array
from dataflow.batches import BatchSource
from dataflow.errors import BackendError
from dataflow.experiment import Experiment
from dataflow.graph import training_graph
from dataflow.network import DATA
from dataflow.ops import (
    AveragePooling,
    Convolution,
    Dropout,
    FullyConnected,
    LocalResponseNormalization,
    MaxPooling,
    Op,
    Relu,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
)
from dataflow.randomness import dropout_mask, initial_values
from dataflow.tensor import Tensor, TensorKind
from dataflow.verify import Progress, Show

try:
    import torch
    from torch.nn import functional
except ImportError as missing:
    raise BackendError(
        "reference 'torch' needs PyTorch, which is not installed; "
        "install it with: pip install 'dataflow-simulator[torch]'"
    ) from missing

Values = dict[str, Any]


class TorchReference:
    """Computes an experiment's steps with PyTorch on one thread of the host."""

    name = f"PyTorch {torch.__version__}"
    kinds = frozenset(TensorKind) - {TensorKind.BATCH, TensorKind.MASK, TensorKind.SAVED}

    def compute(
        self, experiment: Experiment, batches: BatchSource, show: Show, progress: Progress | None = None
    ) -> None:
        """Trains for the experiment's steps and shows the tensors of the last one."""
        training = experiment.training
        graph = training_graph(experiment)
        dtype = getattr(torch, training.dtype)
        parameters = {
            tensor.base: torch.nn.Parameter(_initial(training.seed, tensor).to(dtype))
            for tensor in graph.tensors.values()
            if tensor.kind is TensorKind.PARAMETER and tensor.version == 0
        }
        optimiser = torch.optim.SGD(
            parameters.values(),
            lr=training.learning_rate,
            momentum=training.momentum,
            weight_decay=training.weight_decay,
        )
        for step in range(training.steps):
            batch = batches.batch(step)
            optimiser.zero_grad()
            images = torch.from_numpy(np.ascontiguousarray(batch.images)).to(dtype)
            labels = torch.from_numpy(batch.labels.astype(np.int64))
            outputs = _forward(experiment, graph.ops, parameters, images, labels, step)
            loss = next(name for name, op in graph.ops.items() if isinstance(op, SoftmaxCrossEntropy))
            outputs[loss].mean().backward()
            optimiser.step()
            if progress:
                progress(step + 1, training.steps)
        _show_all(show, outputs, loss, parameters, optimiser, training.steps - 1)


def _initial(seed: int, tensor: Tensor) -> Any:
    assert tensor.initial is not None
    return torch.from_numpy(initial_values(seed, tensor.base, tensor.shape, tensor.initial))


def _forward(
    experiment: Experiment,
    ops: Mapping[str, Op],
    parameters: Mapping[str, Any],
    images: Any,
    labels: Any,
    step: int,
) -> Values:
    """Every layer's output, each keeping its gradient."""
    values: Values = {DATA: images}
    for name, op in ops.items():
        source = values[experiment.network.inputs[name][0]]
        mask = None
        if isinstance(op, Dropout):
            drawn = dropout_mask(experiment.training.seed, f"{name}.mask@{step}", op.shape, op.rate)
            mask = torch.from_numpy(drawn).to(source.dtype) * op.gain
        values[name] = _apply(op, source, parameters.get(f"{name}.weight"), parameters.get(f"{name}.bias"), mask, labels)
        values[name].retain_grad()
    del values[DATA]
    return values


def _apply(op: Op, x: Any, weight: Any, bias: Any, mask: Any, labels: Any) -> Any:
    """One layer by PyTorch's own functions."""
    match op:
        case Convolution():
            return functional.conv2d(_padded(op, x, 0.0), weight, bias, op.stride, groups=len(op.blocks))
        case FullyConnected():
            return functional.linear(x.flatten(1), weight.flatten(1), bias)
        case MaxPooling():
            return functional.max_pool2d(_padded(op, x, -torch.inf), op.kernel, op.stride)
        case AveragePooling():
            return functional.avg_pool2d(_padded(op, x, 0.0), op.kernel, op.stride)
        case LocalResponseNormalization():
            parts = x.chunk(len(op.blocks), dim=1)
            alpha = op.alpha * op.size  # PyTorch divides alpha by the size, the paper does not.
            return torch.cat([functional.local_response_norm(p, op.size, alpha, op.beta, op.k) for p in parts], 1)
        case Relu():
            return torch.relu(x)
        case Tanh():
            return torch.tanh(x)
        case Sigmoid():
            return torch.sigmoid(x)
        case Dropout():
            return x * mask
        case SoftmaxCrossEntropy():
            return functional.cross_entropy(x, labels, reduction="none")
    raise BackendError(f"reference 'torch' has no layer of kind {op.kind!r}")


def _padded(op: Convolution | MaxPooling | AveragePooling, x: Any, value: float) -> Any:
    (top, bottom), (left, right) = op.padding
    if not (top or bottom or left or right):
        return x
    return functional.pad(x, (left, right, top, bottom), value=value)


def _show_all(
    show: Show, outputs: Values, loss: str, parameters: Mapping[str, Any], optimiser: Any, step: int
) -> None:
    for name, value in outputs.items():
        show(f"{name}@{step}", _array(value))
        if name != loss:
            show(f"{name}.grad@{step}", _array(value.grad))
    for name, parameter in parameters.items():
        show(f"{name}.grad@{step}", _array(parameter.grad))
        show(f"{name}@{step + 1}", _array(parameter))
        buffer = optimiser.state[parameter]["momentum_buffer"]
        learning_rate = optimiser.param_groups[0]["lr"]
        # PyTorch's buffer is the paper's velocity divided by -lr.
        show(f"{name}.velocity@{step + 1}", _array(buffer * -learning_rate))


def _array(value: Any) -> Array:
    array: Array = value.detach().numpy()
    return array
