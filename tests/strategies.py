"""All Hypothesis generators: ops of every kind with small random extents, and slices of them."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import TypeVar

from hypothesis import settings
from hypothesis import strategies as st

from dataflow.ops import (
    Add,
    ArgMax,
    AveragePooling,
    BatchNormalization,
    BatchNormalizationInference,
    Concat,
    Convolution,
    Dropout,
    FullyConnected,
    GlobalPooling,
    LocalResponseNormalization,
    MaxPooling,
    MeanSquaredError,
    MomentumSgd,
    Op,
    Relu,
    Reshape,
    Scale,
    Sigmoid,
    SoftmaxCrossEntropy,
    Tanh,
)
from dataflow.ops.axis import equal_blocks
from dataflow.ops.pooling import Pooling
from dataflow.region import Range
from tests.sequence_strategies import SEQUENCE_OPS, activation_shapes, sequence_losses

PoolingKind = TypeVar("PoolingKind", bound=Pooling)

LAW = settings(derandomize=True, deadline=None, max_examples=40, database=None)
"""How a law is tested: the same examples in every run, and no limit of time on any of them."""

small = st.integers(1, 4)

scales = st.sampled_from((1.0, 16.0))

biases = st.sampled_from(
    ({"bias": True, "offset": 0.0}, {"bias": False, "offset": 0.0}, {"bias": False, "offset": 0.5})
)
"""Learned, none, or a constant."""


@st.composite
def windows(draw: st.DrawFn) -> tuple[int, int, int, tuple[int, int]]:
    """(input extent, kernel, stride, (padding before, after)) of one direction; the output is not empty.

    The padding is smaller than the kernel: no window lies in padding alone.
    """
    kernel = draw(small)
    stride = draw(st.integers(1, 3))
    before, after = draw(st.integers(0, kernel - 1)), draw(st.integers(0, kernel - 1))
    extent = draw(st.integers(max(1, kernel - min(before, after)), kernel + 6))
    return extent, kernel, stride, (before, after)


@st.composite
def convolutions(draw: st.DrawFn) -> Convolution:
    """Convolutions with groups, any stride and a padding of its own on each side."""
    groups = draw(st.integers(1, 3))
    inner, outer = draw(small), draw(small)
    rows, columns = draw(windows()), draw(windows())
    return Convolution(
        batch=draw(st.integers(1, 3)),
        in_channels=groups * inner,
        in_height=rows[0],
        in_width=columns[0],
        channels=groups * outer,
        group_channels=inner,
        kernel=(rows[1], columns[1]),
        stride=(rows[2], columns[2]),
        padding=(rows[3], columns[3]),
        blocks=equal_blocks(groups * inner, groups * outer, groups),
        **draw(biases),
    )


@st.composite
def fully_connected(draw: st.DrawFn) -> FullyConnected:
    """Fully connected layers over (channels,) or (channels, height, width)."""
    features = draw(st.one_of(st.tuples(small), st.tuples(small, small, small)))
    return FullyConnected(draw(small), features, draw(small), **draw(biases))


@st.composite
def _poolings(draw: st.DrawFn, kind: type[PoolingKind]) -> PoolingKind:
    rows, columns = draw(windows()), draw(windows())
    return kind(
        batch=draw(st.integers(1, 3)),
        channels=draw(small),
        in_height=rows[0],
        in_width=columns[0],
        kernel=(rows[1], columns[1]),
        stride=(rows[2], columns[2]),
        padding=(rows[3], columns[3]),
    )


@st.composite
def normalizations(draw: st.DrawFn) -> LocalResponseNormalization:
    """Local response normalisation over groups that may be narrower than its window."""
    groups = draw(st.integers(1, 3))
    channels = groups * draw(st.integers(1, 7))
    return LocalResponseNormalization(
        batch=draw(st.integers(1, 2)),
        in_channels=channels,
        channels=channels,
        height=draw(st.integers(1, 3)),
        width=draw(st.integers(1, 3)),
        size=draw(st.sampled_from((1, 3, 5, 7))),
        alpha=draw(st.sampled_from((1e-4, 0.1, 0.5))),
        beta=draw(st.sampled_from((0.75, 0.5, 1.0))),
        k=draw(st.sampled_from((1.0, 2.0))),
        blocks=equal_blocks(channels, channels, groups),
    )


@st.composite
def global_poolings(draw: st.DrawFn) -> GlobalPooling:
    """Means over the positions of sequences and images."""
    shape = draw(st.one_of(st.tuples(small, small, small), st.tuples(small, small, small, small)))
    return GlobalPooling(shape, prod(shape[2:]))


@st.composite
def batch_normalizations(draw: st.DrawFn) -> BatchNormalization:
    """Batch normalisation over one group or several of at least two elements a channel."""
    groups, images = draw(st.integers(1, 3)), draw(small)
    positions = draw(st.sampled_from(((), (3,), (2, 3)))) if images > 1 else (2, 3)
    shape = (groups * images, draw(small), *positions)
    return BatchNormalization(shape, images, images * prod(positions), epsilon=0.1)


@st.composite
def inferred_normalizations(draw: st.DrawFn) -> BatchNormalizationInference:
    """Batch normalisation with running statistics, of vectors, sequences and images."""
    positions = draw(st.sampled_from(((), (3,), (2, 3))))
    return BatchNormalizationInference((draw(small), draw(small), *positions), epsilon=0.1)


@st.composite
def concats(draw: st.DrawFn) -> Concat:
    """Two inputs to four of any number of channels."""
    counts = draw(st.lists(small, min_size=2, max_size=4))
    channels = tuple((f"input{index}", count) for index, count in enumerate(counts))
    return Concat(draw(small), channels, draw(st.sampled_from(((), (3,), (2, 3)))))


@st.composite
def reshapes(draw: st.DrawFn) -> Reshape:
    """From any arrangement of the same elements to any other."""
    a, b, c = draw(small), draw(small), draw(small)
    shapes = st.sampled_from(((a * b * c,), (a, b * c), (a * b, c), (a, b, c), (c, a, b), (b, c, a)))
    return Reshape(draw(small), draw(shapes), draw(shapes))


@st.composite
def dropouts(draw: st.DrawFn) -> Dropout:
    """Dropout of both conventions."""
    return Dropout(draw(activation_shapes), draw(st.sampled_from((0.25, 0.5))), draw(st.booleans()))


@st.composite
def losses(draw: st.DrawFn) -> SoftmaxCrossEntropy:
    """Softmax cross-entropy of a whole batch, of either base, made in any way, perhaps scaled."""
    batch, base = draw(small), draw(st.sampled_from(("e", 2)))
    exponential = draw(st.sampled_from(("shift", "table")))
    division = draw(st.sampled_from(("divide", "reciprocal")))
    classes, scale = draw(st.integers(1, 6)), draw(scales)
    return SoftmaxCrossEntropy(
        batch, classes, batch, scale=scale, base=base, exponential=exponential, division=division
    )


@st.composite
def squared_errors(draw: st.DrawFn) -> MeanSquaredError:
    """Squared errors of a whole batch of images or sequences."""
    batch, positions = draw(small), draw(st.sampled_from((None, 3)))
    return MeanSquaredError(batch, draw(small), batch * (positions or 1), positions, draw(scales))


@st.composite
def updates(draw: st.DrawFn) -> MomentumSgd:
    """Updates of a convolution's weight or of a bias."""
    labels = draw(st.sampled_from((("channel",), ("channel", "in_channel", "kernel_height", "kernel_width"))))
    shape = tuple(draw(small) for _ in labels)
    momentum = draw(st.sampled_from((0.9, 0.0)))
    return MomentumSgd(
        labels, shape, 0.1, momentum, 0.05, draw(scales), draw(st.booleans()), draw(st.booleans())
    )


OPS: dict[type[Op], st.SearchStrategy[Op]] = {
    Convolution: convolutions(),
    FullyConnected: fully_connected(),
    MaxPooling: _poolings(MaxPooling),
    AveragePooling: _poolings(AveragePooling),
    GlobalPooling: global_poolings(),
    LocalResponseNormalization: normalizations(),
    BatchNormalization: batch_normalizations(),
    BatchNormalizationInference: inferred_normalizations(),
    Add: st.builds(Add, activation_shapes, st.integers(2, 4)),
    Concat: concats(),
    Reshape: reshapes(),
    Relu: st.builds(Relu, activation_shapes),
    Tanh: st.builds(Tanh, activation_shapes),
    Sigmoid: st.builds(Sigmoid, activation_shapes),
    Dropout: dropouts(),
    Scale: st.builds(Scale, activation_shapes, st.sampled_from((0.25, 0.5, 0.75, 0.9))),
    **SEQUENCE_OPS,
    SoftmaxCrossEntropy: st.one_of(losses(), sequence_losses()),
    MeanSquaredError: squared_errors(),
    ArgMax: st.builds(ArgMax, small, small, st.sampled_from((None, 3))),
    MomentumSgd: updates(),
}
"""A generator of whole ops for each kind."""


@st.composite
def ranges_over(draw: st.DrawFn, extent: int) -> tuple[Range, ...]:
    """Up to three ranges, none of them empty, that follow one another and cover ``extent``."""
    cuts = sorted(draw(st.sets(st.integers(1, extent - 1), max_size=2))) if extent > 1 else []
    return tuple(zip([0, *cuts], [*cuts, extent], strict=True))


@st.composite
def partitions(draw: st.DrawFn, op: Op) -> list[dict[str, Range]]:
    """Slices of an op's loops that together are all of its work, each element of it once."""
    ranges = {
        loop: draw(ranges_over(extent)) if loop in op.shardable else ((0, extent),)
        for loop, extent in op.loops.items()
    }
    return [dict(zip(ranges, part, strict=True)) for part in product(*ranges.values())]
