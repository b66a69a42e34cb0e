"""Networks in their test form against PyTorch's ``eval()``."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import backends
from dataflow.data.batches import Batch
from dataflow.layers import DropoutLayer
from dataflow.recipe import PAPER, PYTORCH, Conventions
from dataflow.training.evaluation import Evaluator
from tests.engine.worlds import RELU, conv, experiment, fc, machine, max_pool, network

torch = pytest.importorskip("torch")


@pytest.mark.parametrize(
    ("conventions", "inverted", "factor"),
    [
        (Conventions(), False, 0.6),
        (Conventions(), True, 1.0),
        (PAPER, True, 0.6),
        (PYTORCH, False, 1.0),
    ],
)
def test_dropout_as_the_conventions_have_it(conventions: Conventions, inverted: bool, factor: float) -> None:
    """PyTorch hands on what it gets; the paper multiplies by what training keeps on average.

    What a layer says of itself holds where the conventions leave it open.
    """
    drop = DropoutLayer(op="dropout", rate=0.4, inverted=inverted)
    layers = {"conv1": conv(4, 3), "relu1": RELU, "pool1": max_pool(2, 2), "drop1": drop, "fc2": fc(3)}
    made = experiment(network(layers, (2, 6, 6), 3), machine(1), batch=5, dtype="float64")
    made = replace(made, training=replace(made.training, conventions=conventions))
    random = np.random.default_rng(0)
    evaluator = Evaluator(made, backends.get("numpy"))
    state = {name: random.normal(size=tensor.shape) for name, tensor in evaluator.parameters.items()}
    images = random.normal(size=(5, 2, 6, 6)).astype(np.float32)
    labels = np.array([0, 1, 2, 0, 1], dtype=np.int32)
    scores, losses = evaluator.forward(Batch(images, labels), state)

    model = torch.nn.Sequential(
        *(torch.nn.Conv2d(2, 4, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2)),
        *(torch.nn.Dropout(0.4), torch.nn.Flatten(), torch.nn.Linear(16, 3)),
    ).double()
    given = {
        "0.weight": state["conv1.weight"],
        "0.bias": state["conv1.bias"],
        "5.weight": state["fc2.weight"].reshape(3, 16) * factor,  # as well as its inputs
        "5.bias": state["fc2.bias"],
    }
    model.load_state_dict({name: torch.from_numpy(array) for name, array in given.items()})
    expected = model.eval()(torch.from_numpy(images).double())
    assert scores == pytest.approx(expected.detach().numpy(), rel=1e-9)
    wanted = torch.nn.functional.cross_entropy(expected, torch.from_numpy(labels).long(), reduction="none")
    assert losses == pytest.approx(wanted.detach().numpy(), rel=1e-9)
