"""Features of a small network with dropout beside PyTorch's forward pass with the same weights."""

from __future__ import annotations

import numpy as np
import pytest

import backends
from dataflow.training.evaluation import Evaluator
from tests.features.made import noise, state_of, world

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 1e-5), ("float64", 1e-12)])
def test_every_layer(dtype: str, tolerance: float) -> None:
    """Convolution, ReLU, pooling and both fully connected layers; the paper's dropout halves at the test."""
    made = world(10, dtype)
    state = state_of(made)
    batch = noise(10).begin(np.arange(10))()
    layers = ("conv1", "relu1", "pool1", "fc2", "relu2", "drop2", "fc3")
    found = Evaluator(made, backends.get("numpy")).activations(batch, state, layers)
    exact = {name: torch.from_numpy(np.array(array, dtype=dtype)) for name, array in state.items()}
    f = torch.nn.functional
    x = torch.from_numpy(batch.images.astype(dtype))
    wanted = {"conv1": f.conv2d(x, exact["conv1.weight"], exact["conv1.bias"])}
    wanted["relu1"] = f.relu(wanted["conv1"])
    wanted["pool1"] = f.max_pool2d(wanted["relu1"], 2, 2)
    wanted["fc2"] = f.linear(wanted["pool1"].flatten(1), exact["fc2.weight"].flatten(1), exact["fc2.bias"])
    wanted["relu2"] = f.relu(wanted["fc2"])
    wanted["drop2"] = 0.5 * wanted["relu2"]
    wanted["fc3"] = f.linear(wanted["drop2"], exact["fc3.weight"].flatten(1), exact["fc3.bias"])
    for layer in layers:
        assert found[layer] == pytest.approx(wanted[layer].numpy(), rel=tolerance, abs=tolerance), layer
