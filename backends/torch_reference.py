"""PyTorch as an independent reference: autograd and ``torch.optim.SGD`` from the same start.

Weights, images and dropout masks are those of the run; all arithmetic is PyTorch's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dataflow.data.batches import BatchSource
from dataflow.errors import BackendError
from dataflow.experiment import Experiment
from dataflow.graph import training_graph
from dataflow.network import DATA
from dataflow.ops import Dropout, Loss, MaxPooling, Op, Relu
from dataflow.tensor import Tensor, TensorKind
from dataflow.values.randomness import dropout_mask, initial_values
from dataflow.verification.references import Chosen, Progress, Show

try:
    import torch
    from torch.nn import functional

    from backends.torch_layers import Given, apply, padded
except ImportError as missing:
    raise BackendError(
        "reference 'torch' needs PyTorch, which is not installed; install it with: pip install torch"
    ) from missing


class TorchReference:
    """Computes an experiment's steps with PyTorch.

    Where ReLU and max pooling choose (the sign of a value, the largest of a window), the last
    step follows the run's choice: in float32 some values are nearer to the kink than rounding,
    and either side is right. PyTorch's own outputs are what is shown, so a choice that is off
    by more than the tolerance fails.
    """

    name = f"PyTorch {torch.__version__}"
    kinds = frozenset(TensorKind) - {TensorKind.BATCH, TensorKind.MASK, TensorKind.SAVED}

    def compute(
        self,
        experiment: Experiment,
        batches: BatchSource,
        show: Show,
        chosen: Chosen,
        progress: Progress | None = None,
    ) -> None:
        """Trains for the experiment's steps and shows the tensors of the last one."""
        training = experiment.training
        graph = training_graph(experiment)
        dtype, scale = getattr(torch, training.dtype), training.gradient_scale
        parameters = {
            tensor.base: torch.nn.Parameter(_initial(training.seed, tensor).to(dtype))
            for tensor in graph.tensors.values()
            if tensor.kind is TensorKind.PARAMETER and tensor.version == 0
        }
        optimiser = torch.optim.SGD(
            parameters.values(),
            # With gradients, decay and so the buffer ``scale`` times as large, the step is as before.
            lr=training.learning_rate / scale,
            momentum=training.momentum,
            weight_decay=training.weight_decay * scale,
        )
        for step in range(training.steps):
            last = step == training.steps - 1
            forward = _Forward(experiment, graph.ops, parameters, step, show if last else None, chosen)
            batch = batches.batch(step)
            optimiser.zero_grad()
            given = torch.from_numpy(np.ascontiguousarray(batch.images))
            images = given.to(dtype) if given.is_floating_point() else given
            labels = torch.from_numpy(batch.labels.astype(np.int64))
            losses = forward.loss(images, labels)
            if training.gradient == "finite-difference":
                moving = _Forward(experiment, graph.ops, parameters, step, None, chosen)
                _move_weights(moving, images, labels, losses.detach())
            else:
                (losses.mean() * scale).backward()
            optimiser.step()
            if progress:
                progress(step + 1, training.steps)
        _show_parameters(show, parameters, optimiser, training.steps - 1)


def _initial(seed: int, tensor: Tensor) -> Any:
    assert tensor.initial is not None
    return torch.from_numpy(initial_values(seed, tensor.base, tensor.shape, tensor.initial))


class _Forward:
    """One forward pass whose activations and their gradients are shown as soon as they are known."""

    def __init__(
        self,
        experiment: Experiment,
        ops: Mapping[str, Op],
        parameters: Mapping[str, Any],
        step: int,
        show: Show | None,
        chosen: Chosen,
    ) -> None:
        self.experiment = experiment
        self.ops = ops
        self.parameters = parameters
        self.step = step
        self.show = show
        self.chosen = chosen

    def loss(self, images: Any, labels: Any) -> Any:
        """Each image's loss."""
        values: dict[str, Any] = {DATA: images}
        own: dict[str, Any] = {}
        inputs = self.experiment.network.inputs
        last_reader = {source: name for name in self.ops for source in inputs[name]}
        for name, op in self.ops.items():
            read = [values[source] for source in inputs[name]]
            own[name], values[name] = self._layer(name, op, read, labels)
            self._watch(name, values[name], op)
            for source in inputs[name]:
                if last_reader[source] == name:
                    del values[source]
                    self._show(source, own.pop(source, None))
        self._show(name, own[name])
        return values[name]

    def _layer(self, name: str, op: Op, inputs: list[Any], labels: Any) -> tuple[Any, Any]:
        """A layer's output as PyTorch computes it, and as it goes on: by the run's choices."""
        owner = self.experiment.network.shared_weights.get(name, name)
        weight, bias = self.parameters.get(f"{owner}.weight"), self.parameters.get(f"{name}.bias")
        mask = None
        if isinstance(op, Dropout):
            drawn = dropout_mask(self.experiment.training.seed, f"{name}.mask@{self.step}", op.shape, op.rate)
            mask = torch.from_numpy(drawn).to(inputs[0].dtype) * op.gain
        given = Given(tuple(inputs), weight, bias, mask, labels)
        if self.show is None or not isinstance(op, Relu | MaxPooling):
            y = apply(op, given)
            return y.detach(), y
        with torch.no_grad():
            own = apply(op, given)
        (x,), (source,) = inputs, self.experiment.network.inputs[name]
        if isinstance(op, Relu):
            positive = torch.from_numpy(self.chosen(f"{name}@{self.step}")) > 0
            return own, torch.where(positive, x, torch.zeros((), dtype=x.dtype))
        seen = padded(op, torch.from_numpy(self.chosen(f"{source}@{self.step}")), -torch.inf)
        _, places = functional.max_pool2d(seen, op.kernel, op.stride, return_indices=True)
        flat = padded(op, x, -torch.inf).flatten(2)
        return own, flat.gather(2, places.flatten(2)).reshape(places.shape)

    def _watch(self, name: str, value: Any, op: Op) -> None:
        """Has the gradient of an activation shown when autograd reaches it."""
        if self.show is not None and not isinstance(op, Loss):
            value.register_hook(lambda gradient: self._show(f"{name}.grad", gradient))

    def _show(self, base: str, value: Any) -> None:
        if self.show is not None and value is not None:
            self.show(f"{base}@{self.step}", value.detach().numpy())


def _move_weights(forward: _Forward, images: Any, labels: Any, losses: Any) -> None:
    """Gives each parameter as its gradient the differences of the mean loss, scaled, over the step."""
    training = forward.experiment.training
    step, scale = training.difference_step, training.gradient_scale
    with torch.no_grad():
        for parameter in forward.parameters.values():
            parameter.grad = torch.zeros_like(parameter)
            flat, gradient = parameter.view(-1), parameter.grad.view(-1)
            for index, before in enumerate(flat.tolist()):
                flat[index] = before + step
                grown = forward.loss(images, labels).double() - losses.double()
                gradient[index] = grown.mean() * scale / step
                flat[index] = before


def _show_parameters(show: Show, parameters: Mapping[str, Any], optimiser: Any, step: int) -> None:
    """Shows each parameter's gradient, new value and, with momentum, velocity."""
    learning_rate = optimiser.param_groups[0]["lr"]
    for name, parameter in parameters.items():
        show(f"{name}.grad@{step}", parameter.grad.numpy())
        show(f"{name}@{step + 1}", parameter.detach().numpy())
        if not optimiser.param_groups[0]["momentum"]:
            continue
        # PyTorch's buffer is the paper's velocity divided by -lr.
        velocity = optimiser.state[parameter]["momentum_buffer"] * -learning_rate
        show(f"{name}.velocity@{step + 1}", velocity.numpy())
