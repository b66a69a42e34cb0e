"""Small and large worlds for the tests of reports: AlexNet on two GTX 580, and nets of a few layers."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from dataflow.cost import Efficiency, Roofline
from dataflow.experiment import Experiment, Training
from dataflow.graph import training_graph
from dataflow.hardware import Constant, Hardware, Link, Memory, Processor
from dataflow.layers import (
    ActivationLayer,
    ConvolutionLayer,
    DropoutLayer,
    FullyConnectedLayer,
    LayerSpec,
    LossLayer,
    NormalizationLayer,
    PoolingLayer,
)
from dataflow.measurement import measure
from dataflow.network import Network
from dataflow.override import Override
from dataflow.placement import PlacedGraph, place
from dataflow.plan import Plan, Rule
from dataflow.result import Result
from dataflow.simulation import simulate
from dataflow.verification.verification import Comparison, Verification

GIB = 2**30
WEIGHTS = (
    ("conv1", 96, 11, 4, 0, 1),
    ("conv2", 256, 5, 1, 2, 2),
    ("conv3", 384, 3, 1, 1, 1),
    ("conv4", 384, 3, 1, 1, 2),
    ("conv5", 256, 3, 1, 1, 2),
)


def alexnet() -> Network:
    """AlexNet as in the paper of 2012: conv, ReLU, normalisation, pool."""
    layers: dict[str, LayerSpec] = {}
    for index, (name, channels, kernel, stride, pad, groups) in enumerate(WEIGHTS, 1):
        layers[name] = ConvolutionLayer(
            op="convolution", channels=channels, kernel=kernel, stride=stride, pad=pad, groups=groups
        )
        layers[f"relu{index}"] = ActivationLayer(op="relu")
        if index < 3:
            layers[f"norm{index}"] = NormalizationLayer(op="local_response_normalization", groups=2)
        if index in (1, 2, 5):
            layers[f"pool{index}"] = PoolingLayer(op="max_pooling", kernel=3, stride=2)
    for index in (6, 7):
        layers[f"fc{index}"] = FullyConnectedLayer(op="fully_connected", channels=4096)
        layers[f"relu{index}"] = ActivationLayer(op="relu")
        layers[f"drop{index}"] = DropoutLayer(op="dropout")
    layers["fc8"] = FullyConnectedLayer(op="fully_connected", channels="classes")
    layers["loss"] = LossLayer(op="softmax_cross_entropy")
    return Network(name="alexnet", input=(3, 227, 227), classes=1000, layers=layers)


def gpus(count: int, copy_engines: int = 1) -> Hardware:
    """GTX 580s and a host around one PCIe switch, with a source for every constant."""
    attained = {
        ("", ""): Efficiency(1.0, 0.67),
        ("convolution", "forward"): Efficiency(0.35, 0.67),
        ("convolution", "input_gradient"): Efficiency(0.299, 0.67),
        ("convolution", "weight_gradient"): Efficiency(0.213, 0.67),
        ("fully_connected", ""): Efficiency(0.5, 0.67),
    }
    cost = Roofline(1581.1e9, 192.4e9, 3_000_000, attained)
    names = [f"gpu{index}" for index in range(count)]
    links = [
        Link(f"{a}->{b}", "pcie", a, b, 6.0e9, 0, f"{a}->{b}")
        for name in (*names, "host")
        for a, b in ((name, "switch"), ("switch", name))
    ]
    where = "gtx580.yaml:9"
    return Hardware(
        name=f"gtx580x{count}",
        description="GeForce GTX 580 of 3 GB behind a PCIe 2.0 switch",
        processors={name: Processor(name, "gtx580", cost, copy_engines, 10_000_000) for name in names},
        memories={name: Memory(name, 3 * GIB) for name in names} | {"host": Memory("host", 16 * GIB)},
        links=tuple(links),
        hosts=("host",),
        switches=("switch",),
        constants=(
            Constant("models.gtx580.compute.peak", "1581.1 GFLOP/s", "512 cores, bit-tech", where),
            Constant("models.gtx580.memory.bandwidth", "192.4 GB/s", "384 bit | 4008 MHz", where),
            Constant("links.pcie.bandwidth", "6.0 GB/s", "NVIDIA CUDA FAQ", "gtx580.yaml:88"),
        ),
    )


def neighbours() -> Hardware:
    """Two slow processors and a host joined without a switch, by links that go one way at a time."""
    cost = Roofline(1e9, 1e9, 1_000_000, {})
    nodes = ("cpu0", "cpu1", "host")
    links = tuple(Link(f"{a}->{b}", "bus", a, b, 1e8, 500_000, "bus") for a in nodes for b in nodes if a != b)
    return Hardware(
        name="neighbours",
        processors={name: Processor(name, "cpu", cost, 2, 1_000_000) for name in nodes[:2]},
        memories={name: Memory(name, 10**6) for name in nodes},
        links=links,
        hosts=("host",),
    )


def two_towers() -> Plan:
    """Krizhevsky's: half of the channels on each GPU, the last layer and the loss on the first."""
    alone = Rule(on=("gpu0",))
    return Plan(
        mesh={"model": 2},
        layers={"*": Rule(shard={"channel": "model"}), "fc8": alone, "loss": alone},
    )


def tiny_network() -> Network:
    """One fully connected layer of two inputs and two outputs, ReLU between, and the loss."""
    return Network(
        name="tiny",
        input=(2, 1, 1),
        classes=2,
        layers={
            "hidden": FullyConnectedLayer(op="fully_connected", channels=4),
            "act": ActivationLayer(op="relu"),
            "out": FullyConnectedLayer(op="fully_connected", channels="classes"),
            "loss": LossLayer(op="softmax_cross_entropy"),
        },
    )


def tiny(steps: int = 2) -> Experiment:
    """The tiny network with its hidden units split over two neighbours."""
    alone = Rule(on=("cpu0",))
    plan = Plan(
        mesh={"model": 2},
        layers={"*": Rule(shard={"channel": "model"}), "out": alone, "loss": alone},
    )
    training = Training(batch=4, steps=steps, epochs=2, images_per_epoch=1000, seed=7)
    overrides = (Override("training.batch", "4"),)
    return Experiment("tiny", tiny_network(), neighbours(), plan, training, overrides=overrides)


def alexnet_on_two(steps: int = 2) -> Experiment:
    """AlexNet's two towers, batch 128."""
    training = Training(batch=128, steps=steps)
    return Experiment("alexnet-2x-gtx580", alexnet(), gpus(2), two_towers(), training)


def alexnet_data_parallel(count: int) -> Experiment:
    """AlexNet with the batch over so many GPUs."""
    plan = Plan(mesh={"data": count}, layers={"*": Rule(shard={"batch": "data"})})
    return Experiment(f"alexnet-data-{count}", alexnet(), gpus(count), plan, Training(batch=128, steps=1))


def tiny_data_parallel(count: int) -> Experiment:
    """The tiny network with one image on each of so many GPUs."""
    plan = Plan(mesh={"data": count}, layers={"*": Rule(shard={"batch": "data"})})
    return Experiment(f"tiny-data-{count}", tiny_network(), gpus(count), plan, Training(batch=count))


def verification(errors: Mapping[str, float] | None = None, tolerance: float = 1e-5) -> Verification:
    """A verification in which each tensor is this far off."""
    errors = {"conv1.weight@1": 2e-7, "fc8@0": 3e-6, "loss@0": 0.0} if errors is None else errors
    kinds = {"weight": "parameter", "grad": "activation gradient"}
    return Verification(
        reference="numpy on one processor",
        dtype="float32",
        tolerance=tolerance,
        comparisons=tuple(
            Comparison(
                tensor=name,
                kind=next((kind for part, kind in kinds.items() if part in name), "activation"),
                shape=(4, 2),
                scale=2.0,
                max_absolute_error=2.0 * error,
                max_relative_error=error,
                passed=error <= tolerance,
            )
            for name, error in errors.items()
        ),
    )


def placed(experiment: Experiment) -> PlacedGraph:
    """The experiment's placed graph."""
    return place(training_graph(experiment), experiment.hardware, experiment.plan)


@cache
def _tiny_result(steps: int) -> Result:
    return result_of(tiny(steps))


@cache
def alexnet_result() -> Result:
    """Two steps of AlexNet on two GPUs, verified."""
    return result_of(alexnet_on_two())


def tiny_result(steps: int = 2) -> Result:
    """The tiny world's run."""
    return _tiny_result(steps)


def result_of(experiment: Experiment) -> Result:
    """An experiment simulated and measured, with a made-up loss and verification."""
    run = simulate(placed(experiment), experiment.training.steps)
    return Result(
        experiment=experiment,
        trace=run.trace,
        metrics=measure(run),
        backend="numpy",
        losses=tuple(6.908 - 0.01 * step for step in range(experiment.training.steps)),
        verification=verification(),
        warnings=("training.momentum was set, but nothing changed",),
        versions={"dataflow": "0.1.0", "python": "3.11.7", "numpy": "2.4.6"},
    )
