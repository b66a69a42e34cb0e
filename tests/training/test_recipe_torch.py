"""The recipe's conventions against ``torch.optim.SGD`` and whole steps of PyTorch."""

from __future__ import annotations

import importlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backends
from dataflow.experiment import Experiment
from dataflow.graph import training_graph
from dataflow.layers import NormalizationLayer
from dataflow.ops import MomentumSgd
from dataflow.placement import place
from dataflow.recipe import PAPER, PYTORCH, Conventions
from dataflow.session import Options, verify_experiment
from dataflow.session.lockstep import TorchBeside
from dataflow.simulation import simulate
from dataflow.training.loop import Position, train
from dataflow.training.order import ShuffledBatches
from dataflow.training.step_losses import LossRecorder, losses_beside
from dataflow.training.watch import Watch
from dataflow.values.executor import Executor
from tests.backends.running import run
from tests.engine.worlds import DROPOUT, RELU, conv, experiment, fc, machine, max_pool, network
from tests.training.worlds import DATA, PLANS, Session, world

torch = pytest.importorskip("torch")

LRN = NormalizationLayer(op="local_response_normalization", size=3, alpha=0.5)
RATES = [0.1] * 5 + [0.01] * 5 + [0.05] * 5 + [0.001] * 5


def steps_by_kernel(start: Any, gradients: Any, **said: bool) -> Any:
    """The parameter after one step for each gradient, with the learning rates of RATES, in float64."""
    parameter, velocity = start, np.zeros_like(start)
    for rate, gradient in zip(RATES, gradients, strict=True):
        op = MomentumSgd(("channel",), start.shape, rate, 0.9, 0.05, **said)
        values = {"parameter": parameter, "gradient": gradient, "velocity": velocity}
        written = run(backends.get("numpy"), op, values)
        parameter, velocity = np.array(written["new_parameter"]), np.array(written["new_velocity"])
    return parameter


def drawn() -> tuple[Any, Any]:
    """A parameter and twenty gradients."""
    random = np.random.default_rng(5)
    return random.normal(size=7), random.normal(size=(len(RATES), 7))


def test_the_rate_outside_the_velocity_is_sgd_of_pytorch() -> None:
    """Twenty steps at changing learning rates, in float64."""
    start, gradients = drawn()
    parameter = torch.nn.Parameter(torch.from_numpy(start.copy()))
    sgd = torch.optim.SGD([parameter], lr=RATES[0], momentum=0.9, weight_decay=0.05)
    for rate, gradient in zip(RATES, gradients, strict=True):
        sgd.param_groups[0]["lr"] = rate
        parameter.grad = torch.from_numpy(gradient)
        sgd.step()
    found = steps_by_kernel(start, gradients, rate_outside=True)
    np.testing.assert_allclose(found, parameter.detach().numpy(), rtol=1e-13)
    paper = steps_by_kernel(start, gradients)
    assert np.max(np.abs(found - paper)) > 1e-3, "with changing rates the two differ"


@pytest.mark.parametrize(
    "conventions",
    [
        PAPER,
        PYTORCH,
        Conventions(weight_decay="outside", dropout="pytorch"),
        Conventions(weight_decay="outside", learning_rate="outside", lrn_alpha="pytorch"),
    ],
)
def test_verification_follows_the_conventions(conventions: Conventions) -> None:
    """Every tensor of the third step is PyTorch's, on two processors, with a gradient scale."""
    layers = {
        "conv1": conv(4, 3),
        "relu1": RELU,
        "norm1": LRN,
        "pool1": max_pool(2, 2),
        "drop1": DROPOUT,
        "fc2": fc(3),
    }
    made = experiment(network(layers, (1, 6, 6), 3), machine(2), PLANS["data"][1], batch=4, steps=3)
    training = replace(
        made.training,
        dtype="float64",
        conventions=conventions,
        learning_rate=0.05,
        weight_decay=0.01,
        dropout=0.25,
        loss_scale=8.0,
    )
    found = verify_experiment(
        replace(made, training=training), Options(images="noise", reference="torch", limits=False)
    )
    assert found.passed


def losses_as_placed(made: Experiment, rates: list[float]) -> list[float]:
    """The loss of each step on the simulated machine, at a learning rate each."""
    placed = place(training_graph(made), made.hardware, made.plan)
    watch = Watch(placed)
    batches = ShuffledBatches(DATA.train, made.training.batch, made.training.seed, "stripes")
    executor = Executor(placed, backends.get("numpy"), batches, len(rates), watch.see)
    found: list[float] = []

    class Rated:
        """Sets the rate of each step before its first task."""

        begins, freed = executor.begins, executor.freed

        def started(self, step: int, task: Any) -> None:
            """Steps do not overlap in a world without copies of parameters."""
            if step >= 0:
                executor.learning_rate = rates[step]
            executor.started(step, task)

        def ended(self, step: int, task: Any) -> None:
            """As the executor."""
            executor.ended(step, task)

    simulate(placed, len(rates), Rated())
    found += watch.losses.means
    return found


@pytest.mark.parametrize("conventions", [PAPER, PYTORCH, Conventions(weight_decay="outside")])
def test_losses_at_changing_rates_are_those_of_pytorch(conventions: Conventions) -> None:
    """Step by step, with dropout, from the same weights, batches and masks."""
    rates = [0.05, 0.05, 0.005, 0.005, 0.02, 0.02]
    made = world("one", dtype="float64")
    made = replace(made, training=replace(made.training, conventions=conventions))
    reference = importlib.import_module("backends.torch_training").TorchTraining(made)
    batches = ShuffledBatches(DATA.train, made.training.batch, made.training.seed, "stripes")
    expected = [reference.step(step, batches.batch(step), rate) for step, rate in enumerate(rates)]
    assert losses_as_placed(made, rates) == pytest.approx(expected, rel=1e-12)


def test_uniform_initial_values_are_those_of_pytorch_in_kind() -> None:
    """Bounds are 1 / sqrt(inputs) of weights and biases alike, as ``nn.Linear`` draws them."""
    made = world()
    graph = training_graph(replace(made, training=replace(made.training, conventions=PYTORCH)))
    for layer, module in (("conv1", torch.nn.Conv2d(1, 4, 3)), ("fc2", torch.nn.Linear(16, 3))):
        fan_in = int(np.prod(module.weight.shape[1:]))
        for name, tensor in (("weight", module.weight), ("bias", module.bias)):
            initial = graph.tensors[f"{layer}.{name}@0"].initial
            assert initial is not None
            assert initial.uniform == pytest.approx(fan_in**-0.5)
            assert float(tensor.detach().abs().max()) <= initial.uniform


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pytorch_beside_a_training(dtype: str) -> None:
    """Step by step beside two towers, begun anew in the middle of an epoch from weights and velocities."""
    made = world("model", dtype=dtype)
    rounding = 1e-5 if dtype == "float32" else 1e-12
    half = train(Session(made, epochs=3, stop_at=6).loop, Position())
    for begun in (Position(), replace(half, state=dict(half.state or {}))):
        beside = TorchBeside(made, DATA)
        session = Session(made, epochs=3)
        recorder = LossRecorder(beside.take)
        train(replace(session.loop, beside=beside, tell=recorder), begun)
        losses = losses_beside(0, recorder.losses, beside.losses)
        assert losses.steps == tuple(range(begun.step + 1, 13))
        largest = losses.largest()
        assert largest is not None
        assert largest.relative < rounding


def test_only_near_choices_are_followed() -> None:
    """A run that chose otherwise where rounding cannot decide is not followed, so that its loss differs."""
    made = world("one", dtype="float64")
    module = importlib.import_module("backends.torch_training")
    batch = DATA.train.read(np.arange(4))
    own = module.TorchTraining(made).step(0, batch)

    def wrong(name: str) -> Any:
        assert name == "relu1@0"
        return np.zeros((4, 4, 4, 4))

    near = module.TorchTraining(made).step(0, batch, chosen=wrong, within=1e-10)
    everywhere = module.TorchTraining(made).step(0, batch, chosen=wrong)
    assert near == pytest.approx(own, rel=1e-12)
    assert everywhere != pytest.approx(own, rel=1e-6)
