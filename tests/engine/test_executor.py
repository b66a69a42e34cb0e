"""The executor: values come from where the simulation put them, and from seed, step and name alone."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import backends
from dataflow.backend import Array
from dataflow.data.batches import Batch, Noise
from dataflow.errors import BackendError, NumericError, ResidencyError
from dataflow.experiment import Experiment
from dataflow.layers import FullyConnectedLayer, Initial
from dataflow.ops import Phase
from dataflow.placement import PlacedGraph, Shard
from dataflow.plan import Plan
from dataflow.simulation import simulate
from dataflow.values.executor import Executor
from dataflow.values.losses import Losses
from dataflow.values.randomness import dropout_mask, generator, initial_values
from tests.engine.worlds import DROPOUT, RELU, experiment, fc, machine, network, on, placed, split

PIPELINE = Plan(layers={"a": on("p0"), "[bl]*": on("p1")})
BATCHED = Plan(mesh={"m": 2}, layers={"*": split(batch="m")})


class Given:
    """The same images in every step, all of class 0."""

    description = "given"

    def __init__(self, *images: list[float]) -> None:
        array = np.array(images, dtype=np.float32)
        self.given = Batch(array.reshape(*array.shape, 1, 1), np.zeros(len(array), dtype=np.int32))

    def batch(self, step: int) -> Batch:
        """The images."""
        return self.given


def pipeline() -> PlacedGraph:
    """A on p0 and b on p1, so that a's output is sent."""
    return placed(experiment(network({"a": fc(2), "b": fc(2)}), machine(2), PIPELINE))


def published(world: Experiment, source: Any = None) -> dict[str, list[tuple[Shard, Array]]]:
    """Every value that the world's run publishes, by its name in the run."""
    found: dict[str, list[tuple[Shard, Array]]] = {}

    def keep(name: str, shard: Shard, array: Array) -> bool:
        found.setdefault(name, []).append((shard, array.copy()))
        return False

    graph, steps = placed(world), world.training.steps
    simulate(graph, steps, Executor(graph, backends.get("numpy"), source or Noise(world), steps, keep))
    return found


def whole(world: Experiment, name: str) -> Array:
    """One of the values that a world's run publishes, put together from its shards."""
    shards = published(world)[name]
    tensor = shards[0][0].tensor
    value = np.full(tensor.shape, np.nan)
    for shard, array in shards:
        value[shard.region.slices_within(tensor.region)] = array
    return value


# -- residency ----------------------------------------------------------------------------


def test_a_missing_transfer_is_an_error() -> None:
    """A task whose input was never brought to its memory is refused, with the shard and the memory."""
    good = pipeline()
    missing = "a@0 on p1"
    tampered = object.__new__(PlacedGraph)  # not checked: the executor has to find it by itself
    tasks = tuple(task for task in good.tasks if missing not in task.writes.values())
    for field in ("task_graph", "hardware", "plan", "shards", "homes"):
        object.__setattr__(tampered, field, getattr(good, field))
    object.__setattr__(tampered, "tasks", tasks)
    world = experiment(network({"a": fc(2), "b": fc(2)}), machine(2), PIPELINE)
    executor = Executor(tampered, backends.get("numpy"), Noise(world))
    with pytest.raises(
        ResidencyError,
        match=r"task 'b.forward on p1' \(step 0\) reads 'a@0 on p1', which is not in the memory of 'p1'; "
        "a transfer is missing or it was freed too early",
    ):
        simulate(tampered, 1, executor)


def test_a_transfer_reads_at_its_source() -> None:
    """What is not in the sender's memory cannot be sent."""
    graph = pipeline()
    world = experiment(network({"a": fc(2), "b": fc(2)}), machine(2), PIPELINE)
    executor = Executor(graph, backends.get("numpy"), Noise(world))
    executor.begins([])
    (send,) = [task for task in graph.transfers if task.name == "a@0 on p1 from p0"]
    with pytest.raises(ResidencyError, match="reads 'a@0 on p0', which is not in the memory of 'p0'"):
        executor.started(0, send)


def test_values_are_published_when_a_task_ends() -> None:
    """What a task writes is nowhere until it has ended."""
    graph = placed(experiment(network({"a": fc(2)}), machine(1)))
    world = experiment(network({"a": fc(2)}), machine(1))
    executor = Executor(graph, backends.get("numpy"), Noise(world), steps=2)
    (load, *_) = [task for task in graph.tasks if task.phase is Phase.LOAD]
    executor.started(-1, load)
    assert executor.stores["p0"] == {}
    executor.ended(-1, load)
    assert list(executor.stores["p0"]) == [("data@0 on p0", 0)]


# -- what is not finite -------------------------------------------------------------------


@pytest.mark.parametrize(
    "images", [[[1, 2], [3, np.inf]], [[np.inf, 1], [-np.inf, 1]], [[np.nan, 1], [1, 1]]]
)
def test_the_first_tensor_that_is_not_finite_is_named(
    images: list[list[float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values that are not finite stop the run at the first tensor computed with them, without a warning."""
    monkeypatch.setattr(
        "dataflow.values.given.initial_values", lambda seed, name, shape, initial: np.ones(shape)
    )
    world = experiment(network({"a": fc(2), "b": fc(2)}), machine(1), dtype="float32")
    with pytest.raises(
        NumericError,
        match=r"tensor 'a@0' is the first that is not finite: [24] of 4 values, written by "
        r"'a.forward on p0' in step 0; a smaller training.learning_rate",
    ):
        published(world, Given(*images))


def test_large_but_finite_values_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finite values whose sum overflows, as four times 1e38 in float32, are no error and give no warning."""
    monkeypatch.setattr(
        "dataflow.values.given.initial_values", lambda seed, name, shape, initial: np.ones(shape)
    )
    world = experiment(network({"a": fc(2), "r": RELU, "b": fc(2)}), machine(1), dtype="float32")
    values = published(world, Given([1e38, 0], [1e38, 0]))
    assert (values["a@0"][0][1] == np.float32(1e38)).all()


# -- what values depend on ----------------------------------------------------------------


def test_a_backend_must_compute_in_the_dtype() -> None:
    """A dtype that a backend has not is refused, with those it has."""
    backend = backends.get("numpy")
    backend.dtypes = ("float32",)
    world = experiment(network({"a": fc(2)}), machine(1))
    with pytest.raises(BackendError, match="backend 'numpy' does not compute in float64; it has float32"):
        Executor(placed(world), backend, Noise(world))


def test_random_numbers_belong_to_seed_and_name() -> None:
    """The same seed and name give the same numbers, and any other others; names are not run together."""
    draws = {
        key: tuple(generator(*key).random(4)) for key in ((0, "a", 1), (0, "a", 2), (1, "a", 1), (0, "b", 1))
    }
    assert len(set(draws.values())) == len(draws)
    assert tuple(generator(0, "a", 1).random(4)) == draws[0, "a", 1]


@pytest.mark.parametrize("plan", [None, BATCHED, Plan(mesh={"m": 2}, layers={"[abdr]": split(channel="m")})])
@pytest.mark.parametrize("name", ["a.weight@1", "d.mask@0", "b@0"])
def test_values_do_not_depend_on_placement(name: str, plan: Plan | None) -> None:
    """Weights, masks and outputs are the same numbers wherever they are made."""
    net = network({"a": fc(4), "r": RELU, "d": DROPOUT, "b": fc(2)})
    alone = whole(experiment(net, machine(1)), name)
    assert whole(experiment(net, machine(2), plan), name) == pytest.approx(alone, rel=1e-12)


def test_masks_differ_by_step_seed_and_layer() -> None:
    """Every step, seed and dropout layer has a mask of its own."""
    net = network({"a": fc(40), "d": DROPOUT, "b": fc(40), "e": DROPOUT, "c": fc(2)})
    two = published(experiment(net, machine(1), steps=2))
    other = published(experiment(net, machine(1), seed=1))
    masks = [two["d.mask@0"], two["d.mask@1"], two["e.mask@0"], other["d.mask@0"]]
    assert len({shards[0][1].tobytes() for shards in masks}) == 4
    assert two["d.mask@0"][0][1].dtype == np.uint8


def test_mask_of_a_rate() -> None:
    """A mask keeps each element with probability 1 - rate, and everything at rate 0."""
    assert dropout_mask(0, "m", (100,), 0.0).all()
    kept = dropout_mask(0, "m", (100, 100), 0.25).mean()
    # 10,000 draws: the deviation of the mean is sqrt(0.25 * 0.75 / 10,000) = 0.0043.
    assert abs(kept - 0.75) < 5 * 0.0043


def test_initial_values() -> None:
    """Weights are Gaussian of the deviation given and mean 0; biases are the constant given."""
    weights = initial_values(0, "w", (100, 100), Initial(weight_deviation=0.5, bias=3.0))
    assert abs(float(weights.mean())) < 5 * 0.5 / 100
    assert float(weights.std()) == pytest.approx(0.5, rel=0.05)
    world = experiment(network({"a": replace(fc(2), initial=Initial(bias=2.0))}), machine(1))
    tensors = placed(world).task_graph.tensors
    initial = tensors["a.bias@0"].initial
    assert initial is not None
    assert (initial_values(0, "a.bias", (2,), initial) == 2.0).all()


def test_weights_of_deviation_zero_are_zero() -> None:
    """Weights of deviation 0 are their mean, which is 0, whatever the biases are."""
    layer = FullyConnectedLayer(
        op="fully_connected", channels=2, initial=Initial(weight_deviation=0.0, bias=1.0)
    )
    values = published(experiment(network({"a": layer}), machine(1)), Given([5, 7], [3, 2]))
    assert (values["a@0"][0][1] == 1.0).all()


def test_batches_are_asked_for_by_step() -> None:
    """Step k computes with the batch of step k, and the batch after the last step is never asked for."""
    asked: list[int] = []

    class Counting(Noise):
        def batch(self, step: int) -> Batch:
            asked.append(step)
            return super().batch(step)

    world = experiment(network({"a": fc(2)}), machine(2), BATCHED, steps=3)
    published(world, Counting(world))
    assert asked == [0, 1, 2]


def test_velocities_begin_at_zero() -> None:
    """The first update is -lr g - decay lr w, without momentum: worked out from the published values."""
    world = experiment(network({"a": fc(2)}), machine(1))
    values = {name: shards[0][1] for name, shards in published(world).items()}
    training = world.training
    initial = placed(world).task_graph.tensors["a.weight@0"].initial
    assert initial is not None
    weight = initial_values(0, "a.weight", (2, 2, 1, 1), initial).astype(np.float64)
    lr = training.learning_rate
    expected = -training.weight_decay * lr * weight - lr * values["a.weight.grad@0"]
    assert values["a.weight.velocity@1"] == pytest.approx(expected, rel=1e-12)
    assert values["a.weight@1"] == pytest.approx(weight + expected, rel=1e-12)


# -- losses -------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [None, BATCHED, Plan(mesh={"m": 2})])
def test_losses_are_means_over_the_batch(plan: Plan | None) -> None:
    """The loss of a step is the mean over its images, whether they are split over processors or repeated."""
    world = experiment(network({"a": fc(2)}), machine(2), plan, batch=4, steps=3)
    graph = placed(world)
    losses = Losses(graph)
    values: dict[str, Array] = {}

    def keep(name: str, shard: Shard, array: Array) -> bool:
        losses.see(name, shard, array)
        return False

    simulate(graph, 3, Executor(graph, backends.get("numpy"), Noise(world), 3, keep))
    alone = experiment(network({"a": fc(2)}), machine(1), batch=4, steps=3)
    values = {name: shards[0][1] for name, shards in published(alone).items()}
    assert losses.means == pytest.approx([values[f"loss@{step}"].mean() for step in range(3)], rel=1e-9)
