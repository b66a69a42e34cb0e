"""Images in memory and in files, and the small networks that read them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from dataflow.data.batches import Batch
from dataflow.experiment import Experiment
from dataflow.graph import training_graph
from dataflow.training.data_set import ArrayPart
from dataflow.training.state import State
from dataflow.values.randomness import initial_values
from tests.engine.worlds import DROPOUT, RELU, conv, experiment, fc, machine, max_pool, network

NET = network(
    {
        "conv1": conv(4, 3),
        "relu1": RELU,
        "pool1": max_pool(2, 2),
        "fc2": fc(7),
        "relu2": RELU,
        "drop2": DROPOUT,
        "fc3": fc(3),
    },
    (3, 6, 6),
    3,
)


def world(batch: int = 4, dtype: str = "float32") -> Experiment:
    """The network on one processor."""
    return experiment(NET, machine(1), batch=batch, dtype=dtype, seed=5)


def state_of(made: Experiment) -> State:
    """Weights as a training starts from, times 20 so that they show."""
    return {
        tensor.base: 20 * initial_values(5, tensor.base, tensor.shape, tensor.initial)
        for tensor in training_graph(made).tensors.values()
        if tensor.initial is not None and tensor.version == 0
    }


def noise(count: int) -> ArrayPart:
    """Images of noise, all of class 1."""
    images = np.random.default_rng(8).normal(size=(count, 3, 6, 6)).astype(np.float32)
    return ArrayPart(Batch(images, np.full(count, 1, dtype=np.int32)), "noise")


def paint(file: Path, colour: tuple[int, int, int], size: tuple[int, int] = (20, 14)) -> None:
    """Writes an image of one colour, without loss."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(file)
