"""Hypothesis generators of small networks: chains and branches of image layers, and of sequence layers."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import strategies as st

from dataflow.layers import (
    ActivationLayer,
    AddLayer,
    AttentionLayer,
    BatchNormalizationLayer,
    ConcatLayer,
    ConvolutionLayer,
    DropoutLayer,
    EmbeddingLayer,
    FullyConnectedLayer,
    GeluLayer,
    GlobalPoolingLayer,
    LayerNormalizationLayer,
    LayerSpec,
    LinearLayer,
    LossLayer,
    MatMulLayer,
    NormalizationLayer,
    PoolingLayer,
    PositionEmbeddingLayer,
    ReshapeLayer,
    Shape,
)
from dataflow.network import Network, Tokens

LOSS = LossLayer(op="softmax_cross_entropy")


@dataclass
class Layers:
    """Layers so far, and the name and shape of the last. exact: integers (or halves) stay such in float64."""

    shape: Shape
    exact: bool
    last: str = "data"
    specs: dict[str, LayerSpec] = field(default_factory=dict)

    def add(self, spec: LayerSpec, shape: Shape | None = None) -> str:
        """Puts a layer after the last; it keeps the shape unless one is given."""
        self.last = f"l{len(self.specs)}"
        self.specs[self.last] = spec
        self.shape = shape or self.shape
        return self.last


def networks(*, exact: bool = False) -> st.SearchStrategy[Network]:
    """Networks of images, and of sequences.

    exact: only layers that keep integers integers (or halves of them) in float64.
    """
    return st.one_of(image_networks(exact=exact), image_networks(exact=exact), sequence_networks(exact=exact))


# -- images -------------------------------------------------------------------------------


@st.composite
def image_networks(draw: st.DrawFn, *, exact: bool = False) -> Network:
    """Spatial layers and branches of them, then fully connected ones, then the loss."""
    image = (draw(st.integers(1, 4)), draw(st.integers(1, 6)), draw(st.integers(1, 6)))
    classes = draw(st.integers(2, 4))
    layers = Layers(image, exact)
    for _ in range(draw(st.integers(0, 4))):
        if draw(st.integers(0, 4)) == 0:
            _branches(draw, layers)
        else:
            _spatial(draw, layers, layers.last)
    height, width = layers.shape[1:]
    if (not exact or height * width in (1, 2, 4)) and draw(st.integers(0, 3)) == 0:
        layers.add(GlobalPoolingLayer(op="global_pooling"), layers.shape[:1])
    elif draw(st.integers(0, 4)) == 0:
        layers.add(ReshapeLayer(op="reshape", shape="flatten"), (layers.shape[0] * height * width,))
    if draw(st.booleans()):
        channels = draw(st.integers(1, 5))
        layers.add(_fully_connected(channels, bias=draw(st.booleans())), (channels,))
        if draw(st.booleans()):
            layers.add(draw(_elementwise(exact)))
        if draw(st.integers(0, 4)) == 0:
            # A weight that two layers share.
            first = layers.add(_fully_connected(layers.shape[0], bias=True))
            layers.add(_fully_connected(layers.shape[0], bias=draw(st.booleans()), weight_of=first))
    layers.add(FullyConnectedLayer(op="fully_connected", channels="classes"))
    layers.specs["loss"] = LOSS
    return Network(name="random", input=image, classes=classes, layers=layers.specs)


def _fully_connected(channels: int, *, bias: bool, weight_of: str | None = None) -> FullyConnectedLayer:
    return FullyConnectedLayer(op="fully_connected", channels=channels, bias=bias, weight_of=weight_of)


def _branches(draw: st.DrawFn, layers: Layers) -> None:
    """Two or three ways from the last layer that keep its extent, joined again."""
    start, (channels, height, width) = layers.last, layers.shape
    join = draw(st.sampled_from(("add", "concat")))
    ends: list[str] = []
    total = 0
    for way in range(draw(st.integers(2, 3))):
        if way == 0 and start != "data" and draw(st.booleans()):
            ends.append(start)
            total += channels
            continue
        layers.last, layers.shape = start, (channels, height, width)
        made = channels if join == "add" else draw(st.integers(1, 3))
        layers.add(
            ConvolutionLayer(
                op="convolution",
                channels=made,
                kernel=(kernel := draw(st.sampled_from((1, 3)))),
                pad=kernel // 2,
                bias=draw(st.booleans()),
                input=start,
            ),
            (made, height, width),
        )
        if draw(st.booleans()):
            layers.add(draw(_elementwise(layers.exact)))
        ends.append(layers.last)
        total += made
    if join == "add":
        layers.add(AddLayer(op="add", input=tuple(ends)), (channels, height, width))
    else:
        layers.add(ConcatLayer(op="concat", input=tuple(ends)), (total, height, width))


def _spatial(draw: st.DrawFn, layers: Layers, source: str) -> None:
    exact, (channels, *extent) = layers.exact, layers.shape
    kinds = ["convolution", "convolution", "max", "average", "elementwise"]
    kind = draw(st.sampled_from([*kinds, *([] if exact else ["lrn", "batch"])]))
    if kind == "elementwise":
        layers.add(draw(_elementwise(exact)))
        return
    if kind == "lrn":
        groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
        size = draw(st.sampled_from((1, 3, 5)))
        layers.add(NormalizationLayer(op="local_response_normalization", size=size, groups=groups, alpha=0.1))
        return
    if kind == "batch":
        images = draw(st.sampled_from((None, None, 1)))
        layers.add(BatchNormalizationLayer(op="batch_normalization", images=images, epsilon=0.5))
        return
    (kh, sh, ph, h), (kw, sw, pw, w) = (draw(_window(n)) for n in extent)
    if kind == "convolution":
        groups = draw(st.sampled_from([g for g in (1, 2, 3) if channels % g == 0]))
        made = groups * draw(st.integers(1, 3))
        layers.add(
            ConvolutionLayer(
                op="convolution",
                channels=made,
                kernel=(kh, kw),
                stride=(sh, sw),
                pad=(ph, pw),
                groups=groups,
                bias=draw(st.booleans()),
            ),
            (made, h, w),
        )
        return
    average = kind == "average" and (not exact or kh * kw in (1, 2, 4))
    layers.add(
        PoolingLayer(
            op="average_pooling" if average else "max_pooling",
            kernel=(kh, kw),
            stride=(sh, sw),
            pad=(ph, pw),
        ),
        (channels, h, w),
    )


@st.composite
def _window(draw: st.DrawFn, extent: int) -> tuple[int, int, int, int]:
    """(kernel, stride, pad, output extent) of a window that fits and always holds some input."""
    kernel = draw(st.integers(1, 3))
    pad = draw(st.integers(max(0, (kernel - extent + 1) // 2), kernel - 1))
    stride = draw(st.integers(1, 3))
    return kernel, stride, pad, (extent + 2 * pad - kernel) // stride + 1


@st.composite
def _elementwise(draw: st.DrawFn, exact: bool) -> LayerSpec:
    match draw(st.sampled_from(["relu", "dropout", *([] if exact else ["tanh", "sigmoid"])])):
        case "relu":
            return ActivationLayer(op="relu")
        case "tanh":
            return ActivationLayer(op="tanh")
        case "sigmoid":
            return ActivationLayer(op="sigmoid")
    return DropoutLayer(op="dropout", inverted=draw(st.booleans()))


# -- sequences ----------------------------------------------------------------------------


@st.composite
def sequence_networks(draw: st.DrawFn, *, exact: bool = False) -> Network:
    """An embedding, then blocks of a transformer or parts of them, then the scores of each token."""
    positions, classes = draw(st.integers(1, 4)), draw(st.integers(2, 5))
    heads = draw(st.integers(1, 2))
    channels = heads * draw(st.integers(1, 3))
    layers = Layers((channels, positions), exact)
    layers.add(EmbeddingLayer(op="embedding", channels=channels))
    if draw(st.booleans()):
        layers.add(PositionEmbeddingLayer(op="position_embedding"))
    for _ in range(draw(st.integers(0, 2))):
        _block(draw, layers, heads)
    tied = "l0" if draw(st.booleans()) else None
    layers.add(LinearLayer(op="linear", channels="classes", bias=draw(st.booleans()), weight_of=tied))
    layers.specs["loss"] = LOSS
    return Network(name="random", input=Tokens(tokens=positions), classes=classes, layers=layers.specs)


def _block(draw: st.DrawFn, layers: Layers, heads: int) -> None:
    channels = layers.shape[0]
    start = layers.last
    if not layers.exact and draw(st.booleans()):
        layers.add(LayerNormalizationLayer(op="layer_normalization", epsilon=0.5))
    kind = draw(st.sampled_from(("feed forward", "matmul", *(() if layers.exact else ("attention",) * 2))))
    read = layers.last
    if kind == "feed forward":
        layers.add(LinearLayer(op="linear", channels=draw(st.integers(1, 6)), bias=draw(st.booleans())))
        layers.add(ActivationLayer(op="relu") if layers.exact else GeluLayer(op="gelu", approximate="tanh"))
    else:
        needed = 2 if kind == "matmul" else 3
        inputs = tuple(
            layers.add(LinearLayer(op="linear", channels=channels, bias=draw(st.booleans()), input=read))
            for _ in range(needed)
        )
        if kind == "attention":
            layers.add(AttentionLayer(op="attention", heads=heads, causal=draw(st.booleans()), input=inputs))
        else:
            # (channels, positions) by (positions, channels): one score for each two positions, read again.
            a, b = inputs
            layers.add(MatMulLayer(op="matmul", transpose=True, input=(a, b)))
    layers.add(LinearLayer(op="linear", channels=channels, bias=draw(st.booleans())))
    if draw(st.booleans()):
        layers.add(AddLayer(op="add", input=(start, layers.last)))
