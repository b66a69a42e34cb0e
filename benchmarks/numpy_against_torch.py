"""A training step of AlexNet through the NumPy backend, side by side with stock PyTorch.

    OPENBLAS_NUM_THREADS=1 python -m benchmarks.numpy_against_torch 16 128

The two-tower net of 2012: forward, loss, gradients, and SGD with momentum and weight
decay. Both run in one process by turns, so that whatever else the machine does hits
both; the ratio of their best times travels, the seconds do not.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter

import numpy as np
import torch
from threadpoolctl import threadpool_info
from torch import nn

from backends.numpy_backend import NumpyBackend
from dataflow.backend import Array, Site
from dataflow.ops import (
    Convolution,
    Dropout,
    FullyConnected,
    LocalResponseNormalization,
    MaxPooling,
    MomentumSgd,
    Op,
    Pass,
    Phase,
    Relu,
    Role,
    SoftmaxCrossEntropy,
    gradient_of,
)
from dataflow.ops.axis import equal_blocks

LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 0.01, 0.9, 0.0005
CLASSES = 1000
FLOAT = np.dtype("float32")


def alexnet_ops(batch: int, rate: float) -> dict[str, Op]:
    """The layers in order: channels in and out, kernel, stride, padding, groups as published."""
    ops: dict[str, Op] = {}
    channels, side = 3, 227

    def convolution(name: str, made: int, kernel: int, stride: int, pad: int, groups: int) -> None:
        nonlocal channels, side
        op = Convolution(
            batch, channels, side, side, made, channels // groups, (kernel, kernel), (stride, stride),
            ((pad, pad), (pad, pad)), equal_blocks(channels, made, groups),
        )  # fmt: skip
        channels, side = made, op.height
        ops[f"conv{name}"] = op
        ops[f"relu{name}"] = Relu((batch, channels, side, side))

    def normalization(name: str) -> None:
        blocks = equal_blocks(channels, channels, 2)
        ops[f"norm{name}"] = LocalResponseNormalization(
            batch, channels, channels, side, side, 5, 1e-4, 0.75, 2.0, blocks
        )

    def pooling(name: str) -> None:
        nonlocal side
        ops[f"pool{name}"] = MaxPooling(batch, channels, side, side, (3, 3), (2, 2), ((0, 0), (0, 0)))
        side = (side - 3) // 2 + 1

    convolution("1", 96, 11, 4, 0, 1)
    normalization("1")
    pooling("1")
    convolution("2", 256, 5, 1, 2, 2)
    normalization("2")
    pooling("2")
    convolution("3", 384, 3, 1, 1, 1)
    convolution("4", 384, 3, 1, 1, 2)
    convolution("5", 256, 3, 1, 1, 2)
    pooling("5")
    ops["fc6"] = FullyConnected(batch, (channels, side, side), 4096)
    ops["relu6"] = Relu((batch, 4096))
    ops["drop6"] = Dropout((batch, 4096), rate, inverted=True)
    ops["fc7"] = FullyConnected(batch, (4096,), 4096)
    ops["relu7"] = Relu((batch, 4096))
    ops["drop7"] = Dropout((batch, 4096), rate, inverted=True)
    ops["fc8"] = FullyConnected(batch, (4096,), CLASSES)
    ops["loss"] = SoftmaxCrossEntropy(batch, CLASSES, batch)
    return ops


@dataclass(frozen=True)
class Task:
    """A pass of an op, and the tensor that each operand is."""

    op: Op
    direction: Pass
    reads: dict[str, str]
    writes: dict[str, str]
    dead: list[str] = field(default_factory=list)
    """Tensors that nobody reads after this task."""


def training_tasks(ops: dict[str, Op]) -> list[Task]:
    """Forward, loss, gradients and updates; tensors are named after the layer that makes them."""
    tensors: dict[tuple[str, str], str] = {}
    previous = "image"
    for name, op in ops.items():
        for operand in op.operands:
            tensor = previous if operand.name == "input" else f"{name}.{operand.name}"
            tensors[name, operand.name] = tensor
            tensors[name, gradient_of(operand.name)] = gradient_of(tensor)
        previous = f"{name}.output"

    def task(name: str, each: Pass) -> Task:
        reads, writes = ({x: tensors[name, x] for x in names} for names in (each.reads, each.writes))
        return Task(ops[name], each, reads, writes)

    tasks = [task(name, op.passes[0]) for name, op in ops.items()]
    for name, op in reversed(ops.items()):
        wanted = [each for each in op.passes[1:] if (name, each.name) != ("conv1", "input_gradient")]
        tasks += [task(name, each) for each in wanted]
        tasks += [update_task(f"{name}.{o.name}", o.labels, o.shape) for o in op.by_role(Role.PARAMETER)]
    mark_dead(tasks)
    return tasks


def mark_dead(tasks: list[Task]) -> None:
    """Notes with each task which tensors it is the last to touch."""
    used: set[str] = set()
    for task in reversed(tasks):
        touched = {*task.reads.values(), *task.writes.values()}
        task.dead.extend(sorted(touched - used))
        used |= touched


def update_task(parameter: str, labels: tuple[str, ...], shape: tuple[int, ...]) -> Task:
    """The update of a parameter, from tensors X and X.velocity to new.X and new.X.velocity."""
    op = MomentumSgd(labels, shape, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY)
    velocity = f"{parameter}.velocity"
    reads = {"parameter": parameter, "gradient": gradient_of(parameter), "velocity": velocity}
    writes = {"new_parameter": f"new.{parameter}", "new_velocity": f"new.{velocity}"}
    return Task(op, op.passes[0], reads, writes)


class NumpyAlexNet:
    """The whole ops on one backend; parameters start as in the paper."""

    def __init__(self, batch: int, rate: float, image: Array, label: Array) -> None:
        self.backend = NumpyBackend()
        self.ops = alexnet_ops(batch, rate)
        self.tasks = training_tasks(self.ops)
        self.rng = np.random.default_rng(0)
        self.values: dict[str, Array] = {}
        self.image = self.store(("batch", "channel", "height", "width"), image)
        self.label = label
        for name, op in self.ops.items():
            for operand in op.by_role(Role.PARAMETER):
                drawn = self.rng.normal(0, 0.01, operand.shape).astype(FLOAT)
                tensor = f"{name}.{operand.name}"
                self.values[tensor] = self.store(operand.labels, drawn)
                self.values[f"{tensor}.velocity"] = self.store(operand.labels, np.zeros_like(drawn))

    def store(self, labels: tuple[str, ...], values: Array) -> Array:
        """The values in an array of the backend."""
        array = self.backend.empty(labels, values.shape, values.dtype)
        array[...] = values
        return array

    def step(self) -> float:
        """One training step. Returns the mean loss before it."""
        values = self.values
        values["image"], values["loss.label"] = self.image, self.label
        loss = 0.0
        for task in self.tasks:
            if isinstance(task.op, Dropout) and task.direction.phase is Phase.FORWARD:
                draws = self.rng.random(task.op.shape, FLOAT)
                values[task.reads["mask"]] = (draws >= task.op.rate).view(np.uint8)
            self.run(task)
            if isinstance(task.op, SoftmaxCrossEntropy) and task.direction.phase is Phase.LOSS:
                loss = float(values[task.writes["output"]].mean())
            for tensor in task.dead:
                if tensor not in ("image", "loss.label") and not tensor.startswith("new."):
                    self.backend.release(values.pop(tensor))
        for tensor in [name for name in values if name.startswith("new.")]:
            values[tensor.removeprefix("new.")] = values.pop(tensor)
        return loss

    def run(self, task: Task) -> None:
        """One pass: makes the arrays that it writes and computes them."""
        written = {}
        for operand_name, tensor in task.writes.items():
            operand = task.op.operand(operand_name.removesuffix(".grad"))
            written[operand_name] = self.backend.empty(operand.labels, operand.shape, FLOAT)
            self.values[tensor] = written[operand_name]
        reads = {operand: self.values[tensor] for operand, tensor in task.reads.items()}
        self.backend.compute(task.op, task.direction, reads, written, Site())


class Towers(nn.Module):
    """Local response normalisation of each tower's channels alone: halves become images."""

    def __init__(self) -> None:
        super().__init__()
        # PyTorch divides alpha by the size of the window.
        self.norm = nn.LocalResponseNorm(5, alpha=5e-4, beta=0.75, k=2.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channel, height, width) to the same shape."""
        batch, channels, height, width = x.shape
        normalized: torch.Tensor = self.norm(x.reshape(2 * batch, channels // 2, height, width))
        return normalized.reshape(x.shape)


class TorchAlexNet:
    """The same net of stock modules, with the parameters of ``like``."""

    def __init__(self, rate: float, image: Array, label: Array, like: NumpyAlexNet) -> None:
        self.image, self.label = torch.from_numpy(image), torch.from_numpy(label).long()
        self.net = nn.Sequential(
            nn.Conv2d(3, 96, 11, 4), nn.ReLU(inplace=True), Towers(), nn.MaxPool2d(3, 2),
            nn.Conv2d(96, 256, 5, padding=2, groups=2), nn.ReLU(inplace=True), Towers(),
            nn.MaxPool2d(3, 2),
            nn.Conv2d(256, 384, 3, padding=1), nn.ReLU(inplace=True),
            nn.Conv2d(384, 384, 3, padding=1, groups=2), nn.ReLU(inplace=True),
            nn.Conv2d(384, 256, 3, padding=1, groups=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
            nn.Flatten(),
            nn.Linear(9216, 4096), nn.ReLU(inplace=True), nn.Dropout(rate),
            nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Dropout(rate),
            nn.Linear(4096, CLASSES),
        )  # fmt: skip
        layers = [name for name, op in like.ops.items() if op.by_role(Role.PARAMETER)]
        modules = [m for m in self.net if isinstance(m, nn.Conv2d | nn.Linear)]
        with torch.no_grad():
            for name, module in zip(layers, modules, strict=True):
                weight = like.values[f"{name}.weight"]
                module.weight.copy_(torch.from_numpy(weight.reshape(tuple(module.weight.shape))))
                assert module.bias is not None
                module.bias.copy_(torch.from_numpy(like.values[f"{name}.bias"]))
        self.loss = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.SGD(
            self.net.parameters(), LEARNING_RATE, momentum=MOMENTUM, weight_decay=WEIGHT_DECAY
        )

    def step(self) -> float:
        """One training step. Returns the mean loss before it."""
        self.optimizer.zero_grad(set_to_none=True)
        loss: torch.Tensor = self.loss(self.net(self.image), self.label)
        torch.autograd.backward(loss)
        self.optimizer.step()
        return loss.item()


def both(batch: int, rate: float) -> tuple[NumpyAlexNet, TorchAlexNet]:
    """The two nets with the same parameters, images and labels."""
    rng = np.random.default_rng(1)
    image = rng.normal(0, 50, (batch, 3, 227, 227)).astype(FLOAT)
    label = rng.integers(0, CLASSES, batch).astype(np.int32)
    ours = NumpyAlexNet(batch, rate, image, label)
    return ours, TorchAlexNet(rate, image, label, ours)


def check_agreement() -> None:
    """Fails unless both give the same losses over three steps without dropout."""
    ours, theirs = both(2, 0.0)
    for _ in range(3):
        np.testing.assert_allclose(ours.step(), theirs.step(), rtol=1e-4)


def seconds(step: Callable[[], float]) -> float:
    """Time of one step."""
    start = perf_counter()
    step()
    return perf_counter() - start


def main() -> None:
    """Prints the best step of each and their ratio, for each batch on the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("batches", nargs="*", type=int, default=[16])
    parser.add_argument("--rounds", type=int, default=5, help="timed steps of each, by turns")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    for library in threadpool_info():
        print(library["prefix"], library["num_threads"], "threads", library.get("architecture", ""))
    check_agreement()
    for batch in arguments.batches:
        ours, theirs = both(batch, 0.5)
        ours.step()
        theirs.step()
        times = [(seconds(ours.step), seconds(theirs.step)) for _ in range(arguments.rounds)]
        mine, other = (min(column) for column in zip(*times, strict=True))
        print(f"batch {batch}: numpy {mine:.3f} s, torch {other:.3f} s, ratio {mine / other:.2f}")


if __name__ == "__main__":
    main()
