"""Running statistics of batch normalisation against PyTorch's, in training and at the test after it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import backends
from dataflow.experiment import Experiment
from dataflow.layers import BatchNormalizationLayer
from dataflow.training.evaluation import Evaluator
from dataflow.training.loop import Position, train
from dataflow.training.order import ShuffledBatches
from dataflow.values.randomness import initial_values
from dataflow.weights.naming import weights_in
from tests.engine.worlds import RELU, conv, experiment, fc, machine, max_pool, network
from tests.training.worlds import DATA, PLANS, Session, stripes

NORM = BatchNormalizationLayer(op="batch_normalization", epsilon=1e-3)
NET = network(
    {"conv": conv(4, 3, bias=False), "norm": NORM, "relu": RELU, "pool": max_pool(2, 2), "fc": fc(3)},
    (1, 6, 6),
    3,
)
EPOCHS = 2


def world(plan: str) -> Experiment:
    """The network split as a plan of PLANS says, in float64, with weights that matter."""
    count, split = PLANS[plan]
    made = experiment(NET, machine(count), split, batch=4, dtype="float64", seed=3)
    return replace(made, training=replace(made.training, learning_rate=0.05))


@pytest.mark.parametrize("plan", PLANS)
def test_training_and_test_are_those_of_torch(plan: str) -> None:
    """Two epochs by torch.nn.BatchNorm2d and SGD: the same running statistics, weights, and test scores."""
    torch = pytest.importorskip("torch")
    nn = torch.nn
    made = world(plan)
    end = train(Session(made, EPOCHS).loop, Position())
    assert end.state is not None

    model = nn.Sequential(
        nn.Conv2d(1, 4, 3, bias=False),
        nn.BatchNorm2d(4, eps=1e-3),
        nn.ReLU(),
        nn.MaxPool2d(2, 2),
        nn.Flatten(),
        nn.Linear(16, 3),
    ).double()
    ours = {"0.weight": "conv.weight", "1.weight": "norm.weight", "1.bias": "norm.bias"}
    ours |= {"1.running_mean": "norm.running_mean", "1.running_var": "norm.running_variance"}
    ours |= {"5.weight": "fc.weight", "5.bias": "fc.bias"}
    weights = weights_in(made)
    held = model.state_dict()
    for theirs, name in ours.items():
        initial = weights[name].initial
        assert initial is not None
        values = initial_values(3, name, weights[name].shape, initial)
        held[theirs].copy_(torch.from_numpy(values).reshape(held[theirs].shape))
    training = made.training
    sgd = torch.optim.SGD(
        model.parameters(), training.learning_rate, training.momentum, weight_decay=training.weight_decay
    )
    batches = ShuffledBatches(DATA.train, 4, 3, "stripes")
    for step in range(EPOCHS * batches.steps):
        batch = batches.batch(step)
        sgd.zero_grad()
        scores = model(torch.from_numpy(batch.images).double())
        nn.functional.cross_entropy(scores, torch.from_numpy(batch.labels).long()).backward()
        sgd.step()

    for theirs, name in ours.items():
        expected = model.state_dict()[theirs].numpy().reshape(weights[name].shape)
        np.testing.assert_allclose(end.state[name], expected, rtol=1e-9, atol=1e-12)
    test = stripes(4, seed=5)
    scores, _ = Evaluator(made, backends.get("numpy")).forward(test, end.state)
    model.eval()
    with torch.no_grad():
        expected = model(torch.from_numpy(test.images).double()).numpy()
    np.testing.assert_allclose(scores, expected, rtol=1e-8, atol=1e-10)
