"""Small worlds built by hand, without any YAML: networks, machines, plans; and AlexNet."""

from __future__ import annotations

from collections.abc import Mapping

from dataflow.backend import Backend
from dataflow.cost import Roofline
from dataflow.data.batches import BatchSource, Noise
from dataflow.experiment import Experiment, Training
from dataflow.graph import training_graph
from dataflow.hardware import Hardware, Link, Memory, Processor
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
from dataflow.network import Network
from dataflow.placement import PlacedGraph, place
from dataflow.plan import Plan, Rule
from dataflow.simulation import Run, simulate
from dataflow.trace import Trace
from dataflow.values.executor import Executor
from dataflow.verification.references import LastStep

RELU = ActivationLayer(op="relu")
TANH = ActivationLayer(op="tanh")
DROPOUT = DropoutLayer(op="dropout")
LOSS = LossLayer(op="softmax_cross_entropy")
PLENTY = 1 << 50


def conv(
    channels: int, kernel: int, stride: int = 1, pad: int = 0, groups: int = 1, *, bias: bool = True
) -> ConvolutionLayer:
    """A convolution with a square kernel."""
    return ConvolutionLayer(
        op="convolution", channels=channels, kernel=kernel, stride=stride, pad=pad, groups=groups, bias=bias
    )


def fc(channels: int, *, bias: bool = True) -> FullyConnectedLayer:
    """A fully connected layer."""
    return FullyConnectedLayer(op="fully_connected", channels=channels, bias=bias)


def max_pool(kernel: int, stride: int, pad: int = 0) -> PoolingLayer:
    """Max pooling with a square kernel."""
    return PoolingLayer(op="max_pooling", kernel=kernel, stride=stride, pad=pad)


def average_pool(kernel: int, stride: int, pad: int = 0) -> PoolingLayer:
    """Average pooling with a square kernel."""
    return PoolingLayer(op="average_pooling", kernel=kernel, stride=stride, pad=pad)


def norm(size: int = 5, groups: int = 1) -> NormalizationLayer:
    """Local response normalisation, strong enough to show in float64."""
    return NormalizationLayer(op="local_response_normalization", size=size, groups=groups, alpha=0.1)


def network(
    layers: Mapping[str, LayerSpec], image: tuple[int, int, int] = (2, 1, 1), classes: int = 2
) -> Network:
    """A network of these layers, with the loss after them."""
    return Network(name="net", input=image, classes=classes, layers={**layers, "loss": LOSS})


def alexnet() -> Network:
    """AlexNet, 2012: conv, ReLU, normalisation, pool; each GPU normalises over its own channels."""
    lrn = NormalizationLayer(op="local_response_normalization", groups=2)
    layers: dict[str, LayerSpec] = {
        "conv1": conv(96, 11, 4),
        "relu1": RELU,
        "norm1": lrn,
        "pool1": max_pool(3, 2),
        "conv2": conv(256, 5, 1, 2, 2),
        "relu2": RELU,
        "norm2": lrn,
        "pool2": max_pool(3, 2),
        "conv3": conv(384, 3, 1, 1),
        "relu3": RELU,
        "conv4": conv(384, 3, 1, 1, 2),
        "relu4": RELU,
        "conv5": conv(256, 3, 1, 1, 2),
        "relu5": RELU,
        "pool5": max_pool(3, 2),
        "fc6": fc(4096),
        "relu6": RELU,
        "drop6": DROPOUT,
        "fc7": fc(4096),
        "relu7": RELU,
        "drop7": DROPOUT,
        "fc8": FullyConnectedLayer(op="fully_connected", channels="classes"),
        "loss": LOSS,
    }
    return Network(name="alexnet", input=(3, 227, 227), classes=1000, layers=layers)


def gpus(count: int) -> Hardware:
    """GTX 580s, and a host, around one switch: 6 GB/s each way."""
    names = [f"gpu{index}" for index in range(count)]
    cost = Roofline(1581.1e9, 192.4e9, 3_000_000, {})
    ends = [(a, b) for node in (*names, "host") for a, b in ((node, "switch"), ("switch", node))]
    return Hardware(
        name=f"gtx580x{count}",
        processors={name: Processor(name, "gtx580", cost, 1, 10_000_000) for name in names},
        memories={name: Memory(name, PLENTY) for name in (*names, "host")},
        links=tuple(Link(f"{a}->{b}", "pcie", a, b, 6e9, 0, f"{a}->{b}") for a, b in ends),
        hosts=("host",),
        switches=("switch",),
    )


def machine(
    count: int,
    *,
    flops: float = 1e12,
    memory_bytes_per_s: float = 1e12,
    launch_ps: int = 0,
    link_bytes_per_s: float = 1e12,
    latency_ps: int = 0,
    copy_overhead_ps: int = 0,
    copy_engines: int = 1,
    capacity_bytes: int = PLENTY,
    half_duplex: bool = False,
) -> Hardware:
    """Processors p0, p1, ... and a host, each joined to each other by a link of its own.

    With the rates as they are a FLOP and a byte take one picosecond each.
    """
    names = [f"p{index}" for index in range(count)]
    cost = Roofline(flops, memory_bytes_per_s, launch_ps, {})
    nodes = [*names, "host"]
    return Hardware(
        name="machine",
        processors={name: Processor(name, "p", cost, copy_engines, copy_overhead_ps) for name in names},
        memories={name: Memory(name, capacity_bytes) for name in names} | {"host": Memory("host", PLENTY)},
        links=tuple(
            Link(
                f"{a}->{b}",
                "wire",
                a,
                b,
                link_bytes_per_s,
                latency_ps,
                "--".join(sorted((a, b))) if half_duplex else f"{a}->{b}",
            )
            for a in nodes
            for b in nodes
            if a != b
        ),
        hosts=("host",),
    )


def experiment(
    net: Network,
    hardware: Hardware,
    plan: Plan | None = None,
    *,
    batch: int = 2,
    steps: int = 1,
    dtype: str = "float64",
    seed: int = 0,
) -> Experiment:
    """An experiment of these parts."""
    training = Training(
        batch=batch, steps=steps, seed=seed, dtype="float64" if dtype == "float64" else "float32"
    )
    return Experiment("world", net, hardware, plan or Plan(), training)


def placed(world: Experiment) -> PlacedGraph:
    """The world's placed graph."""
    return place(training_graph(world), world.hardware, world.plan)


def traced(world: Experiment) -> Trace:
    """The trace of the world's steps, without values."""
    return simulate(placed(world), world.training.steps).trace


def computed(world: Experiment, backend: Backend, batches: BatchSource | None = None) -> tuple[Run, LastStep]:
    """The world's run with values, and those of its last step."""
    graph, steps = placed(world), world.training.steps
    last = LastStep(steps)
    source = batches or Noise(world)
    run = simulate(graph, steps, Executor(graph, backend, source, steps, last.keep))
    return run, last


def on(*processors: str, **shard: str) -> Rule:
    """A rule that gives a layer to processors of its own: ``on("p0", "p1", batch="on")``."""
    return Rule(on=processors, shard=shard)


def split(**shard: str) -> Rule:
    """A rule that shards over mesh axes: ``split(batch="data")``."""
    return Rule(shard=shard)


TOWERS = Plan(
    mesh={"model": 2},
    layers={"*": split(channel="model"), "fc8": on("gpu0"), "loss": on("gpu0")},
)
BATCH_OVER_TWO = Plan(mesh={"data": 2}, layers={"*": split(batch="data")})
ONE_WEIRD_TRICK = Plan(
    mesh={"worker": 8},
    layers={
        "*": split(batch="worker"),
        "fc*": split(channel="worker"),
        "relu[67]": split(channel="worker"),
        "drop*": split(channel="worker"),
    },
)
ROWS_OVER_TWO = Plan(
    mesh={"rows": 2},
    layers={
        "*": split(height="rows"),
        **{pattern: on("gpu0") for pattern in ("fc*", "relu[67]", "drop*", "loss")},
    },
)
