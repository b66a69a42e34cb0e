"""The task graph: the tasks of one training step, what each reads and writes, and who waits for whom."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import pytest

from dataflow.errors import CheckError
from dataflow.experiment import Training
from dataflow.graph import TaskGraph, training_graph
from dataflow.layers import Initial, LayerSpec
from dataflow.ops import Phase
from dataflow.tensor import TensorKind
from tests.engine.worlds import DROPOUT, RELU, conv, experiment, fc, machine, max_pool, network

BATCH = 2


def graph_of(**layers: LayerSpec) -> TaskGraph:
    """The task graph of these layers and a loss, for two images of two numbers."""
    return training_graph(experiment(network(layers), machine(1), batch=BATCH))


def updating(parameter: str) -> tuple[str, Phase, dict[str, str], dict[str, str]]:
    """The update task of a parameter."""
    reads = {
        "parameter": f"{parameter}@0",
        "gradient": f"{parameter}.grad@0",
        "velocity": f"{parameter}.velocity@0",
    }
    writes = {"new_parameter": f"{parameter}@1", "new_velocity": f"{parameter}.velocity@1"}
    return f"{parameter}.update", Phase.UPDATE, reads, writes


def test_every_task_of_a_tiny_net() -> None:
    """Forward in order, the loss, gradients in reverse, updates in the order in which gradients are known."""
    graph = graph_of(a=fc(3), r=RELU, b=fc(2, bias=False))
    forward, loss, gradient = Phase.FORWARD, Phase.LOSS, Phase.GRADIENT
    assert [(t.name, t.phase, dict(t.reads), dict(t.writes)) for t in graph.tasks] == [
        (
            "a.forward",
            forward,
            {"input": "data@0", "weight": "a.weight@0", "bias": "a.bias@0"},
            {"output": "a@0"},
        ),
        ("r.forward", forward, {"input": "a@0"}, {"output": "r@0"}),
        ("b.forward", forward, {"input": "r@0", "weight": "b.weight@0"}, {"output": "b@0"}),
        (
            "loss.forward",
            loss,
            {"input": "b@0", "label": "label@0"},
            {"output": "loss@0", "probability": "loss.probability@0"},
        ),
        (
            "loss.input_gradient",
            gradient,
            {"probability": "loss.probability@0", "label": "label@0"},
            {"input.grad": "b.grad@0"},
        ),
        (
            "b.input_gradient",
            gradient,
            {"output.grad": "b.grad@0", "weight": "b.weight@0"},
            {"input.grad": "r.grad@0"},
        ),
        (
            "b.weight_gradient",
            gradient,
            {"output.grad": "b.grad@0", "input": "r@0"},
            {"weight.grad": "b.weight.grad@0"},
        ),
        (
            "r.input_gradient",
            gradient,
            {"output.grad": "r.grad@0", "output": "r@0"},
            {"input.grad": "a.grad@0"},
        ),
        (
            "a.weight_gradient",
            gradient,
            {"output.grad": "a.grad@0", "input": "data@0"},
            {"weight.grad": "a.weight.grad@0", "bias.grad": "a.bias.grad@0"},
        ),
        *(updating(parameter) for parameter in ("b.weight", "a.weight", "a.bias")),
    ]
    assert [task.order for task in graph.tasks] == list(range(len(graph.tasks)))


def test_every_edge_of_a_tiny_net() -> None:
    """A task waits for exactly the tasks that write what it reads."""
    graph = graph_of(a=fc(3), r=RELU, b=fc(2, bias=False))
    assert set(graph.graph.edges(data="tensor")) == {
        ("a.forward", "r.forward", "a@0"),
        ("r.forward", "b.forward", "r@0"),
        ("b.forward", "loss.forward", "b@0"),
        ("loss.forward", "loss.input_gradient", "loss.probability@0"),
        ("loss.input_gradient", "b.input_gradient", "b.grad@0"),
        ("loss.input_gradient", "b.weight_gradient", "b.grad@0"),
        ("r.forward", "b.weight_gradient", "r@0"),
        ("b.input_gradient", "r.input_gradient", "r.grad@0"),
        ("r.forward", "r.input_gradient", "r@0"),
        ("r.input_gradient", "a.weight_gradient", "a.grad@0"),
        ("b.weight_gradient", "b.weight.update", "b.weight.grad@0"),
        ("a.weight_gradient", "a.weight.update", "a.weight.grad@0"),
        ("a.weight_gradient", "a.bias.update", "a.bias.grad@0"),
    }
    assert nx.is_directed_acyclic_graph(graph.graph)


def test_no_gradient_of_the_batch() -> None:
    """The layer that reads the images has a gradient for its weights and none for the images."""
    graph = graph_of(c=conv(2, 1), f=fc(2))
    names = [task.name for task in graph.tasks]
    assert "c.weight_gradient" in names
    assert "c.input_gradient" not in names
    assert "data.grad@0" not in graph.tensors


def test_no_gradient_that_leads_to_no_parameter() -> None:
    """Where nothing before a layer learns, the gradient of its input is of use to nobody."""
    graph = graph_of(r=RELU, d=DROPOUT, f=fc(2))
    gradients = [task.name for task in graph.tasks if task.phase is Phase.GRADIENT]
    assert gradients == ["loss.input_gradient", "f.weight_gradient"]
    assert "d.grad@0" not in graph.tensors


def test_flop_and_bytes() -> None:
    """Two images, three outputs of two inputs: 12 multiplications; bytes are of all it reads and writes."""
    graph = graph_of(a=fc(3), b=fc(2))
    (task, *_) = graph.tasks
    assert task.flop == 2 * (2 * 3 * 2)
    assert task.bytes == 8 * (2 * 2 + 3 * 2 + 3 + 2 * 3)


def test_tensors_know_what_they_are() -> None:
    """A tensor's kind, shape, bytes and whether the next step reads it follow from its operand."""
    graph = graph_of(f=fc(3), d=DROPOUT, out=fc(2))
    found = {
        name: (tensor.kind, tensor.shape, tensor.bytes, tensor.carried)
        for name, tensor in graph.tensors.items()
        if tensor.layer in ("data", "f", "d") and tensor.version == 0
    }
    kind = TensorKind
    assert found == {
        "data@0": (kind.BATCH, (2, 2, 1, 1), 32, True),
        "label@0": (kind.BATCH, (2,), 8, True),
        "f.weight@0": (kind.PARAMETER, (3, 2, 1, 1), 48, True),
        "f.bias@0": (kind.PARAMETER, (3,), 24, True),
        "f@0": (kind.ACTIVATION, (2, 3), 48, False),
        "d.mask@0": (kind.MASK, (2, 3), 6, False),
        "d@0": (kind.ACTIVATION, (2, 3), 48, False),
        "d.grad@0": (kind.ACTIVATION_GRADIENT, (2, 3), 48, False),
        "f.grad@0": (kind.ACTIVATION_GRADIENT, (2, 3), 48, False),
        "f.weight.grad@0": (kind.PARAMETER_GRADIENT, (3, 2, 1, 1), 48, False),
        "f.bias.grad@0": (kind.PARAMETER_GRADIENT, (3,), 24, False),
        "f.weight.velocity@0": (kind.VELOCITY, (3, 2, 1, 1), 48, True),
        "f.bias.velocity@0": (kind.VELOCITY, (3,), 24, True),
    }
    assert graph.tensors["f.weight@0"].name_in(3) == "f.weight@3"
    assert graph.tensors["f.weight@1"].name_in(3) == "f.weight@4"
    assert graph.tensors["f.bias@0"].initial == Initial(weight_deviation=0.0, bias=0.0)


def test_masks_are_drawn_by_the_forward_pass() -> None:
    """Dropout's forward pass makes its mask and its backward pass reads the same one."""
    graph = graph_of(f=fc(3), d=DROPOUT, out=fc(2))
    tasks = {task.name: task for task in graph.tasks}
    assert dict(tasks["d.forward"].writes) == {"mask": "d.mask@0", "output": "d@0"}
    assert tasks["d.input_gradient"].reads["mask"] == "d.mask@0"


def test_pooling_reads_what_its_gradient_needs() -> None:
    """The gradient of max pooling finds the largest element again from its input and output."""
    layers: dict[str, LayerSpec] = {"c": conv(2, 1), "p": max_pool(2, 2), "f": fc(2)}
    world = experiment(network(layers, image=(1, 4, 4)), machine(1))
    tasks = {task.name: task for task in training_graph(world).tasks}
    assert dict(tasks["p.input_gradient"].reads) == {
        "output.grad": "p.grad@0",
        "input": "c@0",
        "output": "p@0",
    }


def test_update_has_the_training_s_constants() -> None:
    """The update of a parameter is momentum SGD with the experiment's constants."""
    world = experiment(network({"f": fc(2)}), machine(1))
    training = Training(batch=1, learning_rate=0.25, momentum=0.75, weight_decay=0.125)
    update = training_graph(replace(world, training=training)).tasks[-1].op
    constants = [getattr(update, name) for name in ("learning_rate", "momentum", "weight_decay")]
    assert constants == [0.25, 0.75, 0.125]


def test_all_faults_are_listed() -> None:
    """A graph with a read that nothing writes, an undefined tensor and a cycle is refused for all three."""
    graph = graph_of(a=fc(3), b=fc(2))
    first, *others = graph.tasks
    tampered = replace(
        first,
        reads={"input": "loss@0", "weight": "nobody@0", "bias": "a.bias.velocity@0", "more": "ghost@0"},
        writes={"output": "a@0", "other": "nowhere@0"},
    )
    tensors = {**graph.tensors, "ghost@0": graph.tensors["a@0"]}
    with pytest.raises(CheckError) as raised:
        replace(graph, tasks=(tampered, *others), tensors=tensors)
    faults = raised.value.faults
    assert faults[:5] == (
        "task 'a.forward': weight is tensor 'nobody@0', which is not defined",
        "task 'a.forward': other is tensor 'nowhere@0', which is not defined",
        "task 'a.forward' reads weight 'nobody@0', which no task writes",
        "task 'a.forward' reads more 'ghost@0', which no task writes",
        faults[4],
    )
    assert faults[4].startswith("tasks wait for one another in a cycle: ")
    assert len(faults) == 5
    assert str(raised.value).startswith("task graph of 'net': 5 faults\n  - task 'a.forward': weight")
