"""Layers of the networks that machines were measured with: what each pass computes and moves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

FLOAT = 4


@dataclass(frozen=True)
class Work:
    """What one pass of a layer does for one image. moved_bytes: read or written once each."""

    kind: str
    pass_name: str
    flop: float
    moved_bytes: float


@dataclass(frozen=True)
class Layer:
    """A layer by its kind and the elements it reads, writes and holds, for one image.

    arrays: how many arrays of ``written`` elements a pass moves, forward and backward, for what
    has no weights.
    """

    kind: str
    read: float
    written: float
    weights: float = 0
    macs: float = 0
    arrays: tuple[float, float] = (0, 0)
    first: bool = False

    def passes(self, batch: int) -> Iterator[Work]:
        """Forward, input gradient (not of images), weight gradient, update."""
        if not self.macs:
            forward, backward = self.arrays
            yield Work(self.kind, "forward", 0, forward * self.written * FLOAT)
            yield Work(self.kind, "input_gradient", 0, backward * self.written * FLOAT)
            return
        moved = (self.read + self.written + self.weights / batch) * FLOAT
        for name in ("forward", "input_gradient", "weight_gradient"):
            if name != "input_gradient" or not self.first:
                yield Work(self.kind, name, 2 * self.macs, moved)
        yield Work("momentum_sgd", "update", 0, 5 * self.weights / batch * FLOAT)


class _Net:
    """A network being written down: the size and channels that the last layer left."""

    def __init__(self, size: int, channels: int = 3) -> None:
        self.size = size
        self.channels = channels
        self.layers: list[Layer] = []

    @property
    def elements(self) -> int:
        return self.size**2 * self.channels

    def conv(
        self, channels: int, kernel: int, stride: int = 1, groups: int = 1, *, valid: bool = False
    ) -> None:
        read = self.elements
        inputs = self.channels // groups
        self.size = (self.size - (kernel if valid else 1)) // stride + 1
        self.channels = channels
        weights = channels * inputs * kernel**2
        macs = self.size**2 * weights
        self.layers.append(Layer("convolution", read, self.elements, weights, macs, first=not self.layers))

    def each(self, kind: str, forward: float, backward: float) -> None:
        self.layers.append(Layer(kind, self.elements, self.elements, arrays=(forward, backward)))

    def relu(self) -> None:
        self.each("relu", 2, 3)

    def pool(self, kernel: int, stride: int) -> None:
        read = self.elements
        self.size = -(-(self.size - kernel) // stride) + 1
        both = (read + self.elements) / self.elements
        self.layers.append(Layer("max_pooling", read, self.elements, arrays=(both, 2 * both)))

    def fc(self, channels: int) -> None:
        read = self.elements
        self.size, self.channels = 1, channels
        self.layers.append(Layer("fully_connected", read, channels, read * channels, read * channels))


def alexnet(channels: tuple[int, ...], groups: int = 1, *, norm: bool = False) -> list[Layer]:
    """AlexNet with these channels of convolution; groups: of the second, fourth and fifth."""
    net = _Net(227)
    for index, (count, kernel) in enumerate(zip(channels, (11, 5, 3, 3, 3), strict=True)):
        first = index == 0
        net.conv(count, kernel, 4 if first else 1, 1 if index in (0, 2) else groups, valid=first)
        net.relu()
        if norm and index < 2:
            net.each("local_response_normalization", 3, 4)
        if index in (0, 1, 4):
            net.pool(3, 2)
    for count in (4096, 4096):
        net.fc(count)
        net.relu()
        net.each("dropout", 3, 3)
    net.fc(1000)
    return net.layers


def vgg16() -> list[Layer]:
    """VGG16, configuration D (Simonyan and Zisserman 2014)."""
    net = _Net(224)
    for channels, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            net.conv(channels, 3)
            net.relu()
        net.pool(2, 2)
    for count in (4096, 4096):
        net.fc(count)
        net.relu()
        net.each("dropout", 3, 3)
    net.fc(1000)
    return net.layers


def resnet50() -> list[Layer]:
    """ResNet-50 as first published, with the stride in the first convolution of a block."""
    net = _Net(224)

    def normed(channels: int, kernel: int, stride: int = 1) -> None:
        net.conv(channels, kernel, stride)
        net.each("batch_normalization", 3, 5)

    normed(64, 7, 2)
    net.relu()
    net.pool(2, 2)
    for width, blocks, stride in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for block in range(blocks):
            step, size, channels = stride if block == 0 else 1, net.size, net.channels
            for out, kernel, by in ((width, 1, step), (width, 3, 1)):
                normed(out, kernel, by)
                net.relu()
            normed(4 * width, 1)
            if block == 0:
                end = net.size
                net.size, net.channels = size, channels
                normed(4 * width, 1, step)
                net.size = end
            net.each("add", 3, 2)
            net.relu()
    net.each("global_pooling", 1, 1)
    net.size = 1
    net.fc(1000)
    return net.layers
