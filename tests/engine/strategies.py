"""Hypothesis generators of whole worlds: small networks, machines and plans, none of them special."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

from hypothesis import Phase, settings
from hypothesis import strategies as st

from dataflow.cost import Roofline
from dataflow.experiment import Experiment, Training
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
from dataflow.ops import Op
from dataflow.plan import Plan, Rule
from dataflow.region import Region
from tests.engine.worlds import PLENTY

LAW = settings(
    derandomize=True, deadline=None, database=None, max_examples=60, phases=(Phase.explicit, Phase.generate)
)
"""How a law is tested: the same examples in every run; small as they are, they need no shrinking."""

Image = tuple[int, ...]


@st.composite
def regions(draw: st.DrawFn, dimensions: int = 2, extent: int = 6) -> Region:
    """A region with nothing empty in it."""
    ranges = []
    for _ in range(dimensions):
        start = draw(st.integers(0, extent - 1))
        ranges.append((start, draw(st.integers(start + 1, extent))))
    return Region(tuple(ranges))


# -- networks -----------------------------------------------------------------------------


@st.composite
def networks(draw: st.DrawFn, *, exact: bool = False) -> Network:
    """A chain of spatial layers, then fully connected ones, then the loss.

    exact: only layers that keep integers integers (or halves of them) in float64.
    """
    shape: Image = (draw(st.integers(1, 4)), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    image = (shape[0], shape[1], shape[2])
    classes = draw(st.integers(2, 4))
    layers: dict[str, LayerSpec] = {}
    for index in range(draw(st.integers(0, 4))):
        spec, shape = draw(_spatial(shape, exact))
        layers[f"l{index}"] = spec
    for index in range(draw(st.integers(0, 1))):
        layers[f"f{index}"] = FullyConnectedLayer(
            op="fully_connected", channels=draw(st.integers(1, 5)), bias=draw(st.booleans())
        )
        if draw(st.booleans()):
            layers[f"a{index}"] = draw(_elementwise(exact))
    layers["out"] = FullyConnectedLayer(op="fully_connected", channels="classes")
    layers["loss"] = LossLayer(op="softmax_cross_entropy")
    return Network(name="random", input=image, classes=classes, layers=layers)


@st.composite
def _spatial(draw: st.DrawFn, shape: Image, exact: bool) -> tuple[LayerSpec, Image]:
    kinds = ["convolution", "convolution", "max", "average", "elementwise", *([] if exact else ["norm"])]
    kind = draw(st.sampled_from(kinds))
    if kind == "elementwise":
        return draw(_elementwise(exact)), shape
    if kind == "norm":
        groups = draw(st.sampled_from([g for g in (1, 2, 3) if shape[0] % g == 0]))
        size = draw(st.sampled_from((1, 3, 5)))
        return NormalizationLayer(
            op="local_response_normalization", size=size, groups=groups, alpha=0.1
        ), shape
    if kind == "convolution":
        groups = draw(st.sampled_from([g for g in (1, 2, 3) if shape[0] % g == 0]))
        channels = groups * draw(st.integers(1, 3))
        (kh, sh, ph, h), (kw, sw, pw, w) = (draw(_window(n)) for n in shape[1:])
        spec: LayerSpec = ConvolutionLayer(
            op="convolution",
            channels=channels,
            kernel=(kh, kw),
            stride=(sh, sw),
            pad=(ph, pw),
            groups=groups,
            bias=draw(st.booleans()),
        )
        return spec, (channels, h, w)
    (kh, sh, ph, h), (kw, sw, pw, w) = (draw(_window(n)) for n in shape[1:])
    if kind == "average" and exact and kh * kw not in (1, 2, 4):
        kind = "max"
    return PoolingLayer(
        op="max_pooling" if kind == "max" else "average_pooling",
        kernel=(kh, kw),
        stride=(sh, sw),
        pad=(ph, pw),
    ), (shape[0], h, w)


@st.composite
def _window(draw: st.DrawFn, extent: int) -> tuple[int, int, int, int]:
    """(kernel, stride, pad, output extent) of a window that fits and always holds some input."""
    kernel = draw(st.integers(1, 3))
    pad = draw(st.integers(max(0, (kernel - extent + 1) // 2), kernel - 1))
    stride = draw(st.integers(1, 3))
    return kernel, stride, pad, (extent + 2 * pad - kernel) // stride + 1


@st.composite
def _elementwise(draw: st.DrawFn, exact: bool) -> LayerSpec:
    kind = draw(st.sampled_from(["relu", "dropout", *([] if exact else ["tanh", "sigmoid"])]))
    match kind:
        case "relu":
            return ActivationLayer(op="relu")
        case "tanh":
            return ActivationLayer(op="tanh")
        case "sigmoid":
            return ActivationLayer(op="sigmoid")
    return DropoutLayer(op="dropout", inverted=draw(st.booleans()))


# -- machines -----------------------------------------------------------------------------

_rates = st.sampled_from((1e11, 3e11, 1e12))
_times = st.sampled_from((0, 7, 1000))


@st.composite
def machines(draw: st.DrawFn) -> Hardware:
    """One to four processors of unequal speed and a host: a star, a full mesh or a line."""
    count = draw(st.integers(1, 4))
    names = [f"p{index}" for index in range(count)]
    form = draw(st.sampled_from(("star", "mesh", "line")))
    nodes = [*names, "host"]
    if form == "star":
        pairs = [(node, "switch") for node in nodes]
    elif form == "mesh":
        pairs = [(a, b) for a in nodes for b in nodes if a < b]
    else:
        pairs = list(pairwise(nodes))
    links: list[Link] = []
    for a, b in pairs:
        rate, latency, half = draw(_rates), draw(_times), draw(st.booleans())
        for x, y in ((a, b), (b, a)):
            channel = f"{a}--{b}" if half else f"{x}->{y}"
            links.append(Link(f"{x}->{y}", "wire", x, y, rate, latency, channel))
    processors = {
        name: Processor(
            name,
            "p",
            Roofline(draw(_rates), draw(_rates), draw(_times) + 1, {}),
            draw(st.integers(1, 2)),
            draw(_times),
        )
        for name in names
    }
    memories = {name: Memory(name, PLENTY) for name in nodes}
    switches = ("switch",) if form == "star" else ()
    return Hardware("random", processors, memories, tuple(links), ("host",), switches)


# -- plans --------------------------------------------------------------------------------


@st.composite
def plans(draw: st.DrawFn, ops: Mapping[str, Op], hardware: Hardware) -> Plan:
    """A mesh of one or two axes, and for each layer dimensions over axes or processors of its own."""
    everyone = tuple(hardware.processors)
    chosen = tuple(draw(st.permutations(everyone)))[: draw(st.integers(1, len(everyone)))]
    count = len(chosen)
    meshes: list[dict[str, int]] = [{"a": count}, {"a": 1, "b": count}]
    if count == 4:
        meshes += [{"a": 2, "b": 2}] * 3
    mesh = draw(st.sampled_from(meshes))
    rules = {name: draw(_rules(op, tuple(mesh), everyone)) for name, op in ops.items()}
    return Plan(mesh=mesh, processors=chosen, layers=rules)


@st.composite
def _rules(draw: st.DrawFn, op: Op, axes: tuple[str, ...], everyone: tuple[str, ...]) -> Rule:
    own: tuple[str, ...] = ()
    if draw(st.integers(0, 3)) == 0:
        own = tuple(draw(st.permutations(everyone)))[: draw(st.integers(1, len(everyone)))]
        axes = ("on",)
    shard: dict[str, str] = {}
    for axis in axes:
        free = [loop for loop in op.shardable if loop not in shard]
        if free and draw(st.integers(0, 4)):
            shard[draw(st.sampled_from(free))] = axis
    return Rule(shard=shard, on=own)


@st.composite
def experiments(draw: st.DrawFn, *, exact: bool = False, steps: int = 1) -> Experiment:
    """A whole world."""
    net, hardware = draw(networks(exact=exact)), draw(machines())
    batch = draw(st.integers(1, 4))
    training = Training(
        batch=batch,
        steps=steps,
        dtype="float64",
        learning_rate=0.5,
        momentum=0.5,
        weight_decay=0.25,
    )
    plan = draw(plans(net.ops(batch), hardware))
    return Experiment("random", net, hardware, plan, training)
