"""``torch.optim.SGD`` made to follow a training's conventions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from dataflow.experiment import Training


class Optimiser:
    """Updates by ``torch.optim.SGD``, which has the learning rate outside the velocity and the decay inside.

    Its buffer b <- m b + g + d w is the paper's velocity divided by -lr: where the rate is inside, b
    is multiplied by the old rate over the new one when it changes. It has no decay outside the
    momentum: weights are shrunk by 1 - d lr before its step instead. Gradients are ``scale`` times as
    large, and with them b; the rate makes up for that.
    """

    def __init__(self, parameters: Iterable[Any], training: Training) -> None:
        self.training = training
        self.parameters = list(parameters)
        self.scale = training.gradient_scale
        self.decays_outside = training.conventions.weight_decay == "outside"
        self.rate = training.learning_rate
        self.sgd = torch.optim.SGD(
            self.parameters,
            lr=self.rate / self.scale,
            momentum=training.momentum,
            weight_decay=0.0 if self.decays_outside else training.weight_decay * self.scale,
        )

    def begin(self, parameter: Any, velocity: Any) -> None:
        """Goes on from a parameter's velocity by the training's convention."""
        self.sgd.state[parameter]["momentum_buffer"] = velocity / self._factor

    @property
    def _factor(self) -> float:
        """How many times as large as PyTorch's buffer the velocity is."""
        outside = self.training.conventions.learning_rate == "outside"
        return (1 if outside else -self.rate) / self.scale

    def forget_gradients(self) -> None:
        """Before gradients of another step are added up."""
        self.sgd.zero_grad()

    def step(self, rate: float) -> None:
        """Updates all parameters at a learning rate."""
        if rate != self.rate:
            self._change(rate)
        if self.decays_outside:
            with torch.no_grad():
                for parameter in self.parameters:
                    parameter.mul_(1 - rate * self.training.weight_decay)
        self.sgd.step()

    def _change(self, rate: float) -> None:
        if self.training.conventions.learning_rate == "inside":
            for state in self.sgd.state.values():
                if state.get("momentum_buffer") is not None:
                    state["momentum_buffer"].mul_(self.rate / rate)
        self.rate = rate
        for group in self.sgd.param_groups:
            group["lr"] = rate / self.scale

    def velocity(self, parameter: Any) -> Any:
        """A parameter's velocity by the training's convention; None without momentum."""
        if not self.training.momentum:
            return None
        return self.sgd.state[parameter]["momentum_buffer"] * self._factor
