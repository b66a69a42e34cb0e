"""Steps that only infer: the forward tasks, a prediction in place of the loss, and what keeps steps apart."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import backends
from dataflow.backend import Array
from dataflow.data.batches import Noise
from dataflow.errors import NetworkError
from dataflow.experiment import Experiment, Mode
from dataflow.graph import inference_graph, step_graph, training_graph
from dataflow.layers import DropoutLayer
from dataflow.network import Network
from dataflow.ops import Phase, Scale
from dataflow.placement import PlacedGraph, Shard, place
from dataflow.plan import Plan
from dataflow.simulation import simulate
from dataflow.tensor import TensorKind
from dataflow.values.executor import Executor
from dataflow.values.randomness import initial_values
from tests.engine.spaces import cores, machine_of, nic
from tests.engine.worlds import RELU, experiment, fc, machine, network, on, split

NET = network({"a": fc(3), "relu": RELU, "b": fc(2)})
IN_TURN = Plan(layers={"a": on("p0"), "relu": on("p0"), "b": on("p1"), "loss": on("p1")})


def inferring(
    plan: Plan | None = None, mode: Mode = "inference", net: Network = NET, steps: int = 1
) -> Experiment:
    """A world of two processors that infers."""
    return replace(experiment(net, machine(2), plan, steps=steps), mode=mode)


def placed(world: Experiment) -> PlacedGraph:
    """The world's placed graph, in its mode."""
    return place(step_graph(world), world.hardware, world.plan)


def test_forward_tasks_alone_end_in_a_prediction() -> None:
    """No loss, no label, no gradient and no update; parameters and the batch have one version."""
    graph = inference_graph(inferring())
    assert graph.mode == "inference"
    assert [task.name for task in graph.tasks] == ["a.forward", "relu.forward", "b.forward", "loss.forward"]
    assert list(graph.tensors) == [
        "data@0",
        "a.weight@0",
        "a.bias@0",
        "a@0",
        "relu@0",
        "b.weight@0",
        "b.bias@0",
        "b@0",
        "prediction@0",
    ]
    prediction = graph.tensors["prediction@0"]
    assert (prediction.shape, prediction.dtype, prediction.layer) == ((2,), "int32", "loss")
    assert graph.ops["loss"].kind == "argmax"


def test_the_mode_chooses_the_graph() -> None:
    """Training has gradients and updates, inference and pipelines have forward passes alone."""
    world = inferring()
    for mode in ("training", "inference", "pipeline"):
        graph = step_graph(replace(world, mode=mode))
        assert graph.mode == mode
        assert (Phase.UPDATE in {task.phase for task in graph.tasks}) == (mode == "training")
    assert len(training_graph(world).tasks) == len(step_graph(replace(world, mode="training")).tasks)


def test_inverted_dropout_is_left_out() -> None:
    """What reads a dropped layer reads what that would have read; plans may name it all the same."""
    net = network({"a": fc(3), "drop": DropoutLayer(op="dropout", inverted=True), "b": fc(2)})
    world = inferring(Plan(layers={"drop": on("p1")}), net=net)
    tasks = {task.name: task for task in placed(world).tasks}
    assert "drop.forward on p1" not in tasks
    (read,) = [read for read in tasks["b.forward on p0"].reads if read.operand == "input"]
    assert [piece.shard for piece in read.pieces] == ["a@0 on p0"]


def test_dropout_that_does_not_scale_is_made_up_for() -> None:
    """The paper's dropout keeps 70 % of its input: inference multiplies by that."""
    net = network({"a": fc(3), "drop": DropoutLayer(op="dropout", rate=0.3), "b": fc(2)})
    graph = inference_graph(inferring(net=net))
    assert [task.name for task in graph.tasks] == ["a.forward", "drop.forward", "b.forward", "loss.forward"]
    assert graph.ops["drop"] == Scale(shape=(2, 3), factor=0.7)
    assert not any(tensor.kind is TensorKind.MASK for tensor in graph.tensors.values())


def test_a_layer_called_prediction() -> None:
    """The tensor that holds the predictions has that name."""
    with pytest.raises(NetworkError, match=r"layer 'prediction' has the name of .*; rename it"):
        inference_graph(inferring(net=network({"prediction": fc(2)})))


def test_one_at_a_time() -> None:
    """What waits for nothing in its step, the load, waits for the prediction of the step before."""
    graph = placed(inferring(IN_TURN))
    assert {task.name: task.after_earlier for task in graph.tasks} == {
        "data@0 on p0 from host": (("loss.forward on p1", 1),),
        "a.forward on p0": (),
        "relu.forward on p0": (),
        "relu@0 on p1 from p0": (),
        "b.forward on p1": (),
        "loss.forward on p1": (),
    }
    (load,) = (task for task in graph.tasks if task.phase is Phase.LOAD)
    assert load.writes == {"copy0": "data@0 on p0"}
    assert graph.shards["data@0 on host"].supplied


def test_bounded_buffers_of_a_pipeline() -> None:
    """Writers wait for readers elsewhere of three steps earlier, for their own processor's of one."""
    graph = placed(inferring(replace(IN_TURN, buffers=3), "pipeline"))
    assert {task.name: task.after_earlier for task in graph.tasks} == {
        "data@0 on p0 from host": (("a.forward on p0", 3),),
        "a.forward on p0": (("relu.forward on p0", 1),),
        "relu.forward on p0": (("relu@0 on p1 from p0", 3),),
        "relu@0 on p1 from p0": (("b.forward on p1", 3),),
        "b.forward on p1": (("loss.forward on p1", 1),),
        "loss.forward on p1": (),
    }


def test_a_value_that_some_read_elsewhere_has_one_number_of_places() -> None:
    """Of a layer whose output its own core and another read, all readers are of two steps earlier."""
    plan = Plan(
        layers={
            "a": on("core0"),
            "relu": on("core0", "core1", batch="on"),
            "b": on("core1"),
            "loss": on("core1"),
        }
    )
    world = replace(experiment(NET, nic(2), plan), mode="pipeline")
    (task,) = [task for task in placed(world).tasks if task.name == "a.forward on core0"]
    assert task.after_earlier == (("relu.forward on core0", 2), ("relu.forward on core1", 2))


def test_parameters_are_constants() -> None:
    """No task writes a parameter, and there is no version of it for the next step."""
    graph = placed(inferring(IN_TURN))
    parameters = [s for s in graph.shards.values() if s.tensor.kind is TensorKind.PARAMETER]
    assert [shard.name for shard in parameters] == [
        "a.weight@0 on p0",
        "a.bias@0 on p0",
        "b.weight@0 on p1",
        "b.bias@0 on p1",
    ]
    assert not any(shard.name in graph.writer for shard in parameters)


def predictions(world: Experiment) -> list[list[int]]:
    """What a world predicts in each of its steps."""
    graph, backend = placed(world), backends.get("numpy")
    found: dict[str, list[Array]] = {}

    def keep(name: str, shard: Shard, array: Array) -> bool:
        if name.startswith("prediction@"):
            found.setdefault(name, []).append(np.array(array))
        return False

    executor = Executor(graph, backend, Noise(world), world.training.steps, keep)
    simulate(graph, world.training.steps, executor)
    return [np.concatenate(each).tolist() for each in found.values()]


def expected(world: Experiment) -> list[list[int]]:
    """The same by NumPy alone, from the initial weights."""
    graph = step_graph(world)
    found: list[list[int]] = []
    for step in range(world.training.steps):
        x = Noise(world).batch(step).images.reshape(world.training.batch, -1)
        for layer in ("a", "b"):
            weight, bias = (graph.tensors[f"{layer}.{name}@0"] for name in ("weight", "bias"))
            assert weight.initial is not None
            assert bias.initial is not None
            w = initial_values(world.training.seed, weight.base, weight.shape, weight.initial)
            b = initial_values(world.training.seed, bias.base, bias.shape, bias.initial)
            x = x @ w.reshape(len(w), -1).T.astype(np.float64) + b
            x = np.maximum(x, 0) if layer == "a" else x
        found.append(x.argmax(axis=1).tolist())
    return found


@pytest.mark.parametrize("mode", ["inference", "pipeline"])
@pytest.mark.parametrize(
    "world",
    [
        experiment(NET, machine(2), IN_TURN, batch=4, steps=5),
        experiment(NET, nic(2), Plan(mesh={"m": 2}, layers={"*": split(channel="m")}), batch=4, steps=5),
        experiment(
            NET,
            machine_of({"host": ["cpu"], "nic": cores(2)}),
            Plan(layers={"*": on("cpu"), "b": on("core0", "core1", batch="on")}),
            batch=4,
            steps=5,
        ),
    ],
    ids=["two processors", "a space", "a host and a space"],
)
def test_predictions_are_those_of_numpy(world: Experiment, mode: Mode) -> None:
    """Each step loads a batch of its own and predicts what NumPy does from the initial weights."""
    world = replace(world, mode=mode)
    assert predictions(world) == expected(world)
