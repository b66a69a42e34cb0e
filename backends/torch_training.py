"""Training steps by PyTorch: the run's weights, examples and masks, PyTorch's autograd and arithmetic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dataflow.backend import Array
from dataflow.data.batches import Batch
from dataflow.errors import BackendError
from dataflow.experiment import Experiment
from dataflow.graph import training_graph
from dataflow.network import DATA
from dataflow.ops import Dropout, Loss, MaxPooling, Op, Relu
from dataflow.tensor import Tensor, TensorKind
from dataflow.values.randomness import dropout_mask, initial_values
from dataflow.verification.choices import near
from dataflow.verification.references import Chosen, Show

try:
    import torch
    from torch.nn import functional

    from backends.torch_layers import Given, apply, padded
    from backends.torch_optimiser import Optimiser
except ImportError as missing:
    raise BackendError(
        "reference 'torch' needs PyTorch, which is not installed; install it with: pip install torch"
    ) from missing


VERSION = str(torch.__version__)


class TorchTraining:
    """An experiment's training steps, one after the other, on one processor.

    state: weights to start from, by name, where they are not the experiment's own, and velocities where
    they are not 0. parameters: as they are now.
    """

    def __init__(self, experiment: Experiment, state: Mapping[str, Array] | None = None) -> None:
        self.experiment = experiment
        training, graph = experiment.training, training_graph(experiment)
        self.ops = graph.ops
        self.dtype = getattr(torch, training.dtype)
        self.parameters: dict[str, Any] = {
            tensor.base: torch.nn.Parameter(_begun(training.seed, tensor, state or {}).to(self.dtype))
            for tensor in graph.tensors.values()
            if tensor.kind is TensorKind.PARAMETER and tensor.version == 0
        }
        self.optimiser = Optimiser(self.parameters.values(), training)
        for name, parameter in self.parameters.items():
            velocity = (state or {}).get(f"{name}.velocity")
            if velocity is not None:
                self.optimiser.begin(parameter, torch.from_numpy(np.array(velocity)).to(self.dtype))

    def step(
        self,
        step: int,
        batch: Batch,
        learning_rate: float | None = None,
        show: Show | None = None,
        chosen: Chosen | None = None,
        within: float | None = None,
    ) -> float:
        """Takes a step; returns its mean loss before it.

        learning_rate: None for the training's. show: is shown activations and their gradients.
        chosen: the run's values, by which ReLU and max pooling choose. within: only where the choice is as
        close as this, relative to the largest magnitude; None for everywhere.
        """
        training = self.experiment.training
        forward = Forward(self.experiment, self.ops, self.parameters, step, show, chosen, within)
        given = torch.from_numpy(np.ascontiguousarray(batch.images))
        images = given.to(self.dtype) if given.is_floating_point() else given
        labels = torch.from_numpy(batch.labels.astype(np.int64))
        self.optimiser.forget_gradients()
        losses = forward.loss(images, labels)
        if training.gradient == "finite-difference":
            moving = Forward(self.experiment, self.ops, self.parameters, step, None, None)
            _move_weights(moving, images, labels, losses.detach())
        else:
            (losses.mean() * training.gradient_scale).backward()
        self.optimiser.step(training.learning_rate if learning_rate is None else learning_rate)
        return float(losses.detach().double().mean())


def _begun(seed: int, tensor: Tensor, weights: Mapping[str, Array]) -> Any:
    if tensor.base in weights:
        return torch.from_numpy(np.array(weights[tensor.base]))
    assert tensor.initial is not None
    return torch.from_numpy(initial_values(seed, tensor.base, tensor.shape, tensor.initial))


class Forward:
    """One forward pass whose activations and their gradients are shown as soon as they are known."""

    def __init__(
        self,
        experiment: Experiment,
        ops: Mapping[str, Op],
        parameters: Mapping[str, Any],
        step: int,
        show: Show | None,
        chosen: Chosen | None,
        within: float | None = None,
    ) -> None:
        self.experiment = experiment
        self.ops = ops
        self.parameters = parameters
        self.step = step
        self.show = show
        self.chosen = chosen
        self.within = within

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
        chosen = self.chosen
        if chosen is None or not isinstance(op, Relu | MaxPooling):
            y = apply(op, given)
            return y.detach(), y
        with torch.no_grad():
            own = apply(op, given)
        (x,), (source,) = inputs, self.experiment.network.inputs[name]
        if isinstance(op, Relu):
            positive = torch.from_numpy(chosen(f"{name}@{self.step}")) > 0
            positive = torch.where(self._near(x.detach().abs(), x), positive, x > 0)
            return own, torch.where(positive, x, torch.zeros((), dtype=x.dtype))
        seen = padded(op, torch.from_numpy(chosen(f"{source}@{self.step}")), -torch.inf)
        _, places = functional.max_pool2d(seen, op.kernel, op.stride, return_indices=True)
        flat = padded(op, x, -torch.inf).flatten(2)
        followed = flat.gather(2, places.flatten(2)).reshape(places.shape)
        return own, torch.where(self._near(own - followed.detach(), x), followed, apply(op, given))

    def _near(self, distance: Any, x: Any) -> Any:
        """Where values are so near to another choice that the run's is followed."""
        if self.within is None:
            return torch.ones_like(distance, dtype=torch.bool)
        return torch.from_numpy(near(distance.detach().numpy(), x.detach().numpy(), self.within))

    def _watch(self, name: str, value: Any, op: Op) -> None:
        """Has the gradient of an activation shown when autograd reaches it."""
        if self.show is not None and not isinstance(op, Loss):
            value.register_hook(lambda gradient: self._show(f"{name}.grad", gradient))

    def _show(self, base: str, value: Any) -> None:
        if self.show is not None and value is not None:
            self.show(f"{base}@{self.step}", value.detach().numpy())


def _move_weights(forward: Forward, images: Any, labels: Any, losses: Any) -> None:
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
