"""Networks with branches, joins and shared weights: whose gradient comes from where."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from dataflow.errors import CheckError
from dataflow.graph import TaskGraph, training_graph
from dataflow.layers import (
    ActivationLayer,
    AddLayer,
    BatchNormalizationLayer,
    ConcatLayer,
    FullyConnectedLayer,
    GlobalPoolingLayer,
    Initial,
    LayerSpec,
    PoolingLayer,
    ReshapeLayer,
)
from dataflow.ops import Phase
from tests.engine.worlds import RELU, conv, experiment, fc, machine, max_pool, network

Layers = Mapping[str, LayerSpec]


def graph_of(layers: Layers, image: tuple[int, int, int] = (2, 1, 1), batch: int = 2) -> TaskGraph:
    """The task graph of these layers and a loss."""
    return training_graph(experiment(network(layers, image=image), machine(1), batch=batch))


def relu_of(name: str) -> ActivationLayer:
    """A ReLU that names what it reads."""
    return ActivationLayer(op="relu", input=name)


def add(*inputs: str) -> AddLayer:
    """The sum of some layers."""
    return AddLayer(op="add", input=inputs)


def concat(*inputs: str) -> ConcatLayer:
    """Some layers one after another."""
    return ConcatLayer(op="concat", input=inputs)


def tied(other: str, channels: int) -> FullyConnectedLayer:
    """A fully connected layer with the weight of another."""
    return FullyConnectedLayer(op="fully_connected", channels=channels, weight_of=other)


def faults_of(layers: Layers, image: tuple[int, int, int] = (2, 1, 1), batch: int = 1) -> tuple[str, ...]:
    """What is wrong with a network of these layers and a loss."""
    with pytest.raises(CheckError) as raised:
        network(layers, image=image).ops(batch)
    return raised.value.faults


RESIDUAL: Layers = {"a": fc(2), "r": RELU, "s": add("r", "a"), "out": fc(2)}


def test_a_tensor_that_two_layers_read_gets_two_contributions() -> None:
    """Layer a is read by r and s; its gradient is what both write, and a's own pass waits for both."""
    graph = graph_of(RESIDUAL)
    assert [task.name for task in graph.writers["a.grad@0"]] == ["s.input_gradient", "r.input_gradient"]
    assert set(graph.graph.predecessors("a.weight_gradient")) == {"s.input_gradient", "r.input_gradient"}


def test_inputs_stand_for_the_layers_in_their_order() -> None:
    """The add's input0 and input1 are the first and second name; its gradient pass only names bytes anew."""
    graph = graph_of(RESIDUAL)
    tasks = {task.name: task for task in graph.tasks}
    assert dict(tasks["s.forward"].reads) == {"input0": "r@0", "input1": "a@0"}
    back = tasks["s.input_gradient"]
    assert dict(back.reads) == {"output.grad": "s.grad@0"}
    assert dict(back.writes) == {"input0.grad": "r.grad@0", "input1.grad": "a.grad@0"}
    assert back.direction.view
    assert not tasks["s.forward"].direction.view


def test_no_gradient_for_the_branch_that_learns_nothing() -> None:
    """Of a join of the images with what was learned from them only the latter has a gradient."""
    layers: Layers = {"c": conv(3, 1), "j": concat("data", "c"), "f": fc(2)}
    tasks = {task.name: task for task in graph_of(layers, image=(2, 4, 4)).tasks}
    assert dict(tasks["j.input_gradient"].writes) == {"input1.grad": "c.grad@0"}


def test_a_join_of_nothing_learned_has_no_gradient_pass() -> None:
    """Neither branch leads to a parameter, so nothing is computed backwards."""
    layers: Layers = {"r": RELU, "j": add("data", "r"), "f": fc(2)}
    names = [task.name for task in graph_of(layers).tasks]
    assert "j.input_gradient" not in names
    assert "f.weight_gradient" in names


def test_batch_normalisation_has_two_passes_each_way() -> None:
    """The moments come first; the gradient's sums before the input's gradient, which reads them whole."""
    norm = BatchNormalizationLayer(op="batch_normalization")
    graph = graph_of({"f": fc(3), "n": norm, "out": fc(2)})
    tasks = [task for task in graph.tasks if task.layer == "n" and task.phase is not Phase.UPDATE]
    assert [(task.name, dict(task.reads), dict(task.writes)) for task in tasks] == [
        ("n.moments", {"input": "f@0"}, {"sums": "n.sums@0"}),
        (
            "n.forward",
            {"input": "f@0", "sums": "n.sums@0", "weight": "n.weight@0", "bias": "n.bias@0"},
            {"output": "n@0"},
        ),
        (
            "n.weight_gradient",
            {"output.grad": "n.grad@0", "input": "f@0", "sums": "n.sums@0"},
            {
                "weight.grad": "n.weight.grad@0",
                "bias.grad": "n.bias.grad@0",
                "gradient_sums": "n.gradient_sums@0",
            },
        ),
        (
            "n.input_gradient",
            {
                "output.grad": "n.grad@0",
                "input": "f@0",
                "sums": "n.sums@0",
                "gradient_sums": "n.gradient_sums@0",
                "weight": "n.weight@0",
            },
            {"input.grad": "f.grad@0"},
        ),
    ]
    assert graph.tensors["n.sums@0"].dtype == "float64"
    assert graph.tensors["n.weight@0"].initial == Initial(weight_deviation=0.0, bias=1.0)
    assert graph.tensors["n.bias@0"].initial == Initial(weight_deviation=0.0, bias=0.0)


def test_batch_normalisation_of_the_images_has_no_input_gradient() -> None:
    """Its scale and shift learn all the same."""
    norm = BatchNormalizationLayer(op="batch_normalization")
    names = [task.name for task in graph_of({"n": norm, "out": fc(2)}).tasks if task.layer == "n"]
    assert names == ["n.moments", "n.forward", "n.weight_gradient", "n.weight.update", "n.bias.update"]


# -- shared weights -----------------------------------------------------------------------

TIED: Layers = {"a": fc(3), "b": fc(3, bias=False), "c": tied("b", 3), "out": fc(2)}


def test_a_shared_weight_is_one_tensor_with_two_contributions() -> None:
    """Both layers read it, both write its gradient, and one update makes the next one."""
    graph = graph_of(TIED)
    tasks = {task.name: task for task in graph.tasks}
    assert tasks["c.forward"].reads["weight"] == tasks["b.forward"].reads["weight"] == "b.weight@0"
    assert [task.name for task in graph.writers["b.weight.grad@0"]] == [
        "c.weight_gradient",
        "b.weight_gradient",
    ]
    updates = [task.name for task in graph.tasks if task.phase is Phase.UPDATE]
    assert " ".join(updates) == (
        "out.weight.update out.bias.update c.bias.update b.weight.update a.weight.update a.bias.update"
    )
    assert not any(name.startswith("c.weight") for name in graph.tensors)


def test_a_shared_weight_counts_once() -> None:
    """Of a 3x2+3, b 3x3 without bias, c its bias alone, out 2x3+2."""
    net = network(TIED)
    assert [net.parameters(name) for name in ("a", "b", "c", "out")] == [9, 9, 3, 8]
    assert net.parameter_count == 29


@pytest.mark.parametrize(
    ("layers", "fault"),
    [
        (
            {"a": fc(2), "b": tied("x", 2)},
            "layer 'b': weight_of 'x', which is no layer (there are: a, b, loss)",
        ),
        ({"a": fc(2), "r": RELU, "b": tied("r", 2)}, "layer 'b': weight_of 'r', which has no weight"),
        (
            {"a": fc(2), "b": fc(2), "c": tied("b", 2), "d": tied("c", 2)},
            "layer 'd': weight_of 'c', which uses that of 'b'; name that one",
        ),
        (
            {"a": fc(3), "b": fc(4), "out": tied("b", 2)},
            "layer 'out': weight_of 'b' has shape (4, 3), but (2, 4) is needed",
        ),
    ],
)
def test_a_weight_that_cannot_be_shared(layers: Layers, fault: str) -> None:
    """The fault names both layers and the rule, or both shapes."""
    assert fault in faults_of(layers)


# -- what does not fit --------------------------------------------------------------------


@pytest.mark.parametrize(
    ("layer", "fault"),
    [
        (add("a", "c"), "layer 'x': adds inputs of one shape, got (2, 4, 4) and (3, 4, 4)"),
        (
            concat("a", "p"),
            "layer 'x': joins inputs that differ in channels alone, got (2, 4, 4) and (2, 2, 2)",
        ),
        (
            AddLayer(op="add", input="a"),
            "layer 'x': joins two inputs or more, got 1; name them, such as input: [a, b]",
        ),
        (add("a", "a"), "layer 'x' reads 'a' twice; its gradient would be counted once"),
        (
            ReshapeLayer(op="reshape", shape=(4, 4)),
            "layer 'x': cannot reshape (2, 4, 4), 32 elements, into (4, 4), 16 elements",
        ),
        (
            BatchNormalizationLayer(op="batch_normalization", images=4),
            "layer 'x': groups of 4 images do not divide a batch of 6",
        ),
        (
            PoolingLayer(op="average_pooling", kernel=2, stride=2, ceil=True),
            "layer 'x': ceil is for max pooling; the mean of a window that hangs over is not defined",
        ),
    ],
)
def test_joins_that_do_not_fit(layer: LayerSpec, fault: str) -> None:
    """The fault names the layer, what it got and the rule."""
    layers: Layers = {"a": conv(2, 1), "c": conv(3, 1), "p": max_pool(2, 2), "q": relu_of("a")}
    layers = {**layers, "p": PoolingLayer(op="max_pooling", kernel=2, stride=2, input="q")}
    read = {"s": concat("c", "q")}
    assert fault in faults_of({**layers, "x": layer, **read}, image=(2, 4, 4), batch=6)


def test_global_pooling_needs_positions() -> None:
    """What a fully connected layer writes has none."""
    layers: Layers = {"f": fc(3), "g": GlobalPoolingLayer(op="global_pooling"), "out": fc(2)}
    assert faults_of(layers) == ("layer 'g': needs an input of (channels, height, width), got (3,)",)


def shape_of(layer: LayerSpec, image: tuple[int, int, int], batch: int = 1) -> tuple[int, ...]:
    """The output of one layer for images of this shape."""
    return network({"x": layer, "f": fc(2)}, image=image).ops(batch)["x"].operand("output").shape


@pytest.mark.parametrize(
    ("extent", "kernel", "stride", "pad", "expected"),
    [
        (112, 3, 2, 0, 56),  # (112 - 3) / 2 = 54.5, up to 55, and one more
        (56, 3, 2, 0, 28),
        (14, 2, 2, 0, 7),  # fits exactly
        (7, 3, 1, 1, 7),
        (5, 2, 3, 1, 2),  # a third would start at 5, behind the last element
        (4, 2, 3, 1, 2),
        (6, 2, 3, 1, 3),  # a third starts at 5, the last element
    ],
)
def test_ceil_lets_the_last_window_hang_over(
    extent: int, kernel: int, stride: int, pad: int, expected: int
) -> None:
    """PyTorch's rule: one more window when something is left, if it starts in the input or before it."""
    layer = PoolingLayer(op="max_pooling", kernel=kernel, stride=stride, pad=pad, ceil=True)
    assert shape_of(layer, (1, extent, extent)) == (1, 1, expected, expected)


def test_reshape_and_flatten() -> None:
    """To two dimensions, or to one."""
    assert shape_of(ReshapeLayer(op="reshape", shape=(6, 4)), (2, 3, 4)) == (1, 6, 4)
    assert shape_of(ReshapeLayer(op="reshape", shape="flatten"), (2, 3, 4)) == (1, 24)


def test_a_batch_smaller_than_a_group_is_one_group() -> None:
    """Groups of four images divide eight; of two images all are one group."""
    layer = BatchNormalizationLayer(op="batch_normalization", images=4)
    net = network({"n": layer, "out": fc(2)})
    assert net.ops(8)["n"].operand("sums").shape == (2, 2, 2)
    assert net.ops(2)["n"].operand("sums").shape == (1, 2, 2)


def test_scaled_initial_values() -> None:
    """He: sqrt(2 / 18) for 2 channels of 3x3; LeCun: sqrt(1 / 18); a number is itself."""
    shape = (5, 2, 3, 3)
    assert Initial(weight_deviation="he").deviation(shape) == pytest.approx((2 / 18) ** 0.5)
    assert Initial(weight_deviation="lecun").deviation(shape) == pytest.approx((1 / 18) ** 0.5)
    assert Initial(weight_deviation=0.3).deviation(shape) == 0.3
