"""The recipe in the task graph and in updates: formulas by hand, laws, and what each convention changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backends
from dataflow.errors import DataError, NetworkError
from dataflow.experiment import Experiment, Training
from dataflow.graph import evaluation_graph, inference_graph, training_graph
from dataflow.layers import DropoutLayer, Initial, NormalizationLayer
from dataflow.ops import Dropout, LocalResponseNormalization, MomentumSgd, Scale
from dataflow.placement import place
from dataflow.plan import Plan, Rule
from dataflow.recipe import PAPER, PYTORCH, Conventions, Schedule
from dataflow.training.loop import Position, train
from dataflow.training.order import ShuffledBatches
from dataflow.training.recording import record
from dataflow.training.state import state_of
from dataflow.values.executor import Executor
from dataflow.values.randomness import initial_values
from tests.backends.running import run
from tests.engine.worlds import DROPOUT, RELU, conv, experiment, fc, machine, network
from tests.training.worlds import DATA, Session, world

NET = network(
    {
        "conv1": conv(4, 3),
        "relu1": RELU,
        "norm1": NormalizationLayer(op="local_response_normalization", size=3, alpha=0.3),
        "drop1": DROPOUT,
        "drop2": DropoutLayer(op="dropout", rate=0.2, inverted=True),
        "fc2": fc(3),
    },
    (1, 6, 6),
    3,
)


def said(made: Experiment, **training: Any) -> Experiment:
    """An experiment with other fields of its training."""
    return replace(made, training=replace(made.training, **training))


def made(**training: Any) -> Experiment:
    """The network on one processor."""
    return said(experiment(NET, machine(1), batch=2), **training)


def updated(op: MomentumSgd, parameter: float, gradient: float, velocity: float) -> tuple[float, float]:
    """The new parameter and velocity of one number, in float64."""
    named = {"parameter": parameter, "gradient": gradient, "velocity": velocity}
    written = run(backends.get("numpy"), op, {name: np.full(1, value) for name, value in named.items()})
    return float(written["new_parameter"][0]), float(written["new_velocity"][0])


@pytest.mark.parametrize(
    ("decay_outside", "rate_outside", "parameter", "velocity"),
    [
        # w = 2, g = 3 * 4 of scale 4, v = 0.5, lr = 0.1, m = 0.9, d = 0.05
        (False, False, 2 + 0.14, 0.14),  # 0.45 - 0.05 * 0.1 * 2 - 0.1 * 3 = 0.14
        (True, False, 2 + 0.15 - 0.01, 0.15),  # 0.45 - 0.3 = 0.15; 0.1 * 0.05 * 2 = 0.01
        (False, True, 2 - 0.355, 3.55),  # 0.45 + 3 + 0.1 = 3.55
        (True, True, 2 - 0.345 - 0.01, 3.45),  # 0.45 + 3 = 3.45
    ],
)
def test_updates_by_hand(decay_outside: bool, rate_outside: bool, parameter: float, velocity: float) -> None:
    """One number, all four ways."""
    op = MomentumSgd(("channel",), (1,), 0.1, 0.9, 0.05, 4.0, decay_outside, rate_outside)
    assert updated(op, 2.0, 12.0, 0.5) == (pytest.approx(parameter), pytest.approx(velocity))


def losses(world: Experiment, rates: list[float]) -> dict[str, Any]:
    """The state after a step at each learning rate, by the order of a recorded step."""
    placed = place(training_graph(world), world.hardware, world.plan)
    recording = record(placed)
    batches = ShuffledBatches(DATA.train, world.training.batch, world.training.seed, "stripes")
    executor = Executor(placed, backends.get("numpy"), batches, len(rates))
    recording.begin(executor, 0)
    for step, rate in enumerate(rates):
        executor.learning_rate = rate
        recording.step(executor, step)
    return {name: np.array(array) for name, array in state_of(executor, recording.there, len(rates)).items()}


def weights(state: dict[str, Any]) -> dict[str, Any]:
    """The part of a state that is no velocity."""
    return {name: array for name, array in state.items() if not name.endswith(".velocity")}


@pytest.mark.parametrize("decay", ["inside", "outside"])
def test_at_a_constant_rate_inside_and_outside_are_the_same(decay: Any) -> None:
    """So are weights after six steps, and the velocities but for the factor -lr; a change parts them."""
    ways = [
        said(
            world("one", dtype="float64"),
            conventions=Conventions(weight_decay=decay, learning_rate=rate),
            weight_decay=0.1,
        )
        for rate in ("inside", "outside")
    ]
    inside, outside = (losses(each, [0.05] * 6) for each in ways)
    for name, array in inside.items():
        factor = -0.05 if name.endswith(".velocity") else 1.0
        np.testing.assert_allclose(array, factor * outside[name], rtol=1e-11, atol=1e-15)
    inside, outside = (losses(each, [0.05] * 3 + [0.005] * 3) for each in ways)
    assert np.max(np.abs(inside["fc2.weight"] - outside["fc2.weight"])) > 1e-4


SHARDED = Plan(
    mesh={"data": 2},
    layers={
        "*": Rule(shard={"batch": "data"}, store=dict.fromkeys(("parameter", "gradient", "velocity"), "data"))
    },
)


@pytest.mark.parametrize("conventions", [PAPER, PYTORCH, Conventions(weight_decay="outside")])
@pytest.mark.parametrize("gradient", ["back-propagation", "finite-difference"])
def test_shards_are_updated_as_whole_parameters(conventions: Conventions, gradient: Any) -> None:
    """ZeRO's updates of shards at changing rates, and differences in place of back-propagation."""
    one = said(world("one", dtype="float64"), conventions=conventions, gradient=gradient)
    rates = [0.05, 0.05, 0.005]
    whole = losses(one, rates)
    if gradient == "back-propagation":
        split = replace(one, hardware=machine(2), plan=SHARDED)
        shards = losses(split, rates)
        assert all(np.allclose(shards[name], whole[name], rtol=1e-10) for name in whole)
    else:
        exact = losses(said(one, gradient="back-propagation"), rates)
        assert np.allclose(whole["fc2.weight"], exact["fc2.weight"], rtol=0.1, atol=0.01)


def ops(world: Experiment, layer: str) -> tuple[Any, Any, Any]:
    """A layer's op in training, at the test and in inference; None where it is left out."""
    graphs = (training_graph(world), evaluation_graph(world), inference_graph(world))
    found = [[task.op for task in graph.tasks if task.layer == layer] for graph in graphs]
    return tuple(each[0] if each else None for each in found)


@pytest.mark.parametrize(
    ("conventions", "first", "second"),
    [
        (Conventions(), (1.0, 0.5), (1.25, None)),
        (PAPER, (1.0, 0.5), (1.0, 0.8)),
        (PYTORCH, (2.0, None), (1.25, None)),
    ],
)
def test_dropout(conventions: Conventions, first: Any, second: Any) -> None:
    """What training multiplies what it keeps by, and what test and inference multiply everything by."""
    for layer, (gain, factor) in (("drop1", first), ("drop2", second)):
        training, test, inference = ops(made(conventions=conventions), layer)
        assert isinstance(training, Dropout)
        assert training.gain == pytest.approx(gain)
        for op in (test, inference):
            assert (op.factor if isinstance(op, Scale) else None) == (factor and pytest.approx(factor))


def test_one_rate_of_dropout_for_all_layers() -> None:
    """In place of what each says; 0 keeps all."""
    for rate in (0.0, 0.25):
        for layer in ("drop1", "drop2"):
            op, test, _ = ops(made(dropout=rate, conventions=PAPER), layer)
            assert (op.rate, test.factor) == (rate, 1 - rate)


def test_alpha_of_response_normalisation() -> None:
    """PyTorch's is divided by the number of channels."""
    for conventions, alpha in ((PAPER, 0.3), (PYTORCH, 0.1)):
        for op in ops(made(conventions=conventions), "norm1"):
            assert isinstance(op, LocalResponseNormalization)
            assert op.alpha == pytest.approx(alpha)


def initial(world: Experiment) -> dict[str, Initial | None]:
    """How parameters begin, by name."""
    return {t.base: t.initial for t in training_graph(world).tensors.values() if t.initial and not t.version}


def test_initial_values_of_the_training() -> None:
    """The last pattern that fits goes before the network's; layers that none fits are as described."""
    patterns = {"*": Initial(weight_deviation="he", bias=0.5), "fc*": Initial(uniform=0.25)}
    found = initial(made(initial=patterns))
    assert found == {
        "conv1.weight": Initial(weight_deviation=(2 / 9) ** 0.5),
        "conv1.bias": Initial(weight_deviation=0.0, bias=0.5),
        "fc2.weight": Initial(uniform=0.25),
        "fc2.bias": Initial(weight_deviation=0.0),
    }
    assert initial(made(initial={"conv1": Initial(bias=1)}))["fc2.bias"] == initial(made())["fc2.bias"]


def test_initial_values_of_pytorch() -> None:
    """Uniform within 1 / sqrt(n), weights and biases; what the training says goes before."""
    found = initial(made(conventions=PYTORCH, initial={"fc2": Initial(bias=1)}))
    assert found["conv1.weight"] == found["conv1.bias"] == Initial(uniform=1 / 3)
    assert found["fc2.bias"] == Initial(weight_deviation=0.0, bias=1)


def test_uniform_values() -> None:
    """They are even between the bounds, and depend on seed and name alone."""
    even = Initial(uniform=0.5)
    values = initial_values(1, "a", (4, 2500), even)
    assert (values.dtype, values.min() >= -0.5, values.max() < 0.5) == (np.float32, True, True)
    counts, _ = np.histogram(values, bins=10, range=(-0.5, 0.5))
    assert np.all(np.abs(counts - 1000) < 150)  # five deviations of 30
    np.testing.assert_array_equal(values, initial_values(1, "a", (4, 2500), even))
    assert not np.array_equal(values, initial_values(2, "a", (4, 2500), even))


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("conv9", "training.initial: no layer is called 'conv9'; those with initial values are conv1, fc2"),
        (
            "relu*",
            "training.initial: 'relu[*]' is layer 'relu1', which has none; those that have are conv1, fc2",
        ),
    ],
)
def test_patterns_that_choose_nothing(pattern: str, message: str) -> None:
    """They are refused, of experiments made in Python too."""
    with pytest.raises(NetworkError, match=message):
        training_graph(made(initial={pattern: Initial()}))


def test_the_loop_follows_the_schedule() -> None:
    """Rates of the points are those that validation errors give; resuming in an epoch goes on with them."""
    schedule = Schedule(patience=1, at_most=2)
    decided = replace(DATA, validation=DATA.test)
    session = Session(said(world(), schedule=schedule, learning_rate=1e-5), epochs=4)
    end = train(replace(session.loop, data=decided), Position())
    # So small a rate changes no answer: no epoch is better than the first.
    assert end.points[0].learning_rate is None
    assert [point.learning_rate for point in end.points[1:]] == [1e-5, 1e-5, 1e-5 / 10, 1e-5 / 100]
    assert [point.validation_error for point in end.points] == [point.test_error for point in end.points]
    assert [moment.learning_rate for moment in session.moments] == [1e-5] * 8 + [1e-5 / 10] * 4 + [
        1e-5 / 100
    ] * 4
    stopped = Session(session.loop.experiment, epochs=4, stop_at=10)
    half = train(replace(stopped.loop, data=decided), Position())
    again = Session(session.loop.experiment, epochs=4)
    whole = train(replace(again.loop, data=decided), replace(half, state=dict(half.state or {})))
    assert [replace(point, wall_s=0.0) for point in whole.points] == [
        replace(point, wall_s=0.0) for point in end.points
    ]
    assert all(np.array_equal((whole.state or {})[name], array) for name, array in (end.state or {}).items())


def test_a_schedule_needs_validation_examples() -> None:
    """A data set without any is refused."""
    session = Session(said(world(), schedule=Schedule()), epochs=1)
    with pytest.raises(
        DataError, match="stripes: there are no validation examples to decide the learning ra"
    ):
        train(session.loop, Position())


def test_weights_to_begin_with() -> None:
    """They take the place of initial values; velocities begin at 0."""
    first = Session(world(), epochs=1)
    trained = weights({name: np.array(a) for name, a in (train(first.loop, Position()).state or {}).items()})
    second = Session(world(), epochs=1)
    end = train(replace(second.loop, weights=trained), Position())
    assert end.points[0].test_loss == first.loop.evaluator.score(DATA.test, trained).loss


def test_the_defaults_are_the_papers() -> None:
    """But for dropout, which each layer says: an experiment without a recipe trains as it always did."""
    assert replace(PAPER, dropout=None) == Conventions() == Training().conventions
