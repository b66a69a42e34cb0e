"""Shipped convolutional networks against PyTorch modules written from the tables of their papers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

import topologies

if TYPE_CHECKING:
    from torch import nn

VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of 3x3 convolutions of each stage: configuration D of table 1."""
RESNET50 = ((64, 256, 3), (128, 512, 4), (256, 1024, 6), (512, 2048, 3))
"""Channels inside and outside the blocks of each stage, and how many blocks: table 1."""
INCEPTION = {
    "3a": (64, 96, 128, 16, 32, 32),
    "3b": (128, 128, 192, 32, 96, 64),
    "4a": (192, 96, 208, 16, 48, 64),
    "4b": (160, 112, 224, 24, 64, 64),
    "4c": (128, 128, 256, 24, 64, 64),
    "4d": (112, 144, 288, 32, 64, 64),
    "4e": (256, 160, 320, 32, 128, 128),
    "5a": (256, 160, 320, 32, 128, 128),
    "5b": (384, 192, 384, 48, 128, 128),
}
"""1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool projection: table 1."""


def lenet5() -> nn.Module:
    """Five learned layers."""
    from torch import nn

    return nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(400, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def vgg16() -> nn.Module:
    """Thirteen convolutions and three fully connected layers."""
    from torch import nn

    layers: list[nn.Module] = []
    before = 3
    for channels, count in VGG16:
        for _ in range(count):
            layers += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
            before = channels
        layers.append(nn.MaxPool2d(2))
    dense = [nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 1000)]
    return nn.Sequential(*layers, nn.Flatten(), *dense)


def unit(before: int, channels: int, kernel: int, stride: int = 1, *, relu: bool = True) -> nn.Module:
    """Convolution that keeps the size but for its stride, batch normalisation, ReLU."""
    from torch import nn

    convolution = nn.Conv2d(before, channels, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(channels), *([nn.ReLU()] if relu else []))


def side_by_side(join: str, *branches: nn.Module) -> nn.Module:
    """Branches that read one input and are added or concatenated."""
    import torch
    from torch import nn

    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.branches = nn.ModuleList(branches)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            made = [branch(x) for branch in self.branches]
            return torch.relu(sum(made[1:], made[0])) if join == "add" else torch.cat(made, 1)

    return Branches()


def resnet50() -> nn.Module:
    """Sixteen blocks of three convolutions with shortcuts."""
    from torch import nn

    layers = [unit(3, 64, 7, 2), nn.MaxPool2d(3, 2, 1)]
    before = 64
    for stage, (inner, outer, count) in enumerate(RESNET50):
        for block in range(count):
            stride = 2 if stage > 0 and block == 0 else 1
            path = nn.Sequential(
                unit(before, inner, 1), unit(inner, inner, 3, stride), unit(inner, outer, 1, relu=False)
            )
            shortcut = nn.Identity() if block else unit(before, outer, 1, stride, relu=False)
            layers.append(side_by_side("add", path, shortcut))
            before = outer
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 1000))


def inception(before: int, widths: tuple[int, ...]) -> nn.Module:
    """Four branches; as in torchvision the one of the paper's 5x5 kernels has 3x3."""
    from torch import nn

    one, three_down, three, five_down, five, pooled = widths
    return side_by_side(
        "concat",
        unit(before, one, 1),
        nn.Sequential(unit(before, three_down, 1), unit(three_down, three, 3)),
        nn.Sequential(unit(before, five_down, 1), unit(five_down, five, 3)),
        nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), unit(before, pooled, 1)),
    )


def googlenet() -> nn.Module:
    """Nine inception modules."""
    from torch import nn

    def pool(kernel: int) -> nn.Module:
        return nn.MaxPool2d(kernel, 2, ceil_mode=True)

    layers = [unit(3, 64, 7, 2), pool(3), unit(64, 64, 1), unit(64, 192, 3), pool(3)]
    before = 192
    for name, widths in INCEPTION.items():
        layers.append(inception(before, widths))
        before = widths[0] + widths[2] + widths[4] + widths[5]
        if name in ("3b", "4e"):
            layers.append(pool(3 if name == "3b" else 2))
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(1024, 1000))


@pytest.mark.parametrize(
    ("name", "make"),
    [("lenet5", lenet5), ("vgg16", vgg16), ("resnet50", resnet50), ("googlenet", googlenet)],
)
def test_parameters_and_flop_are_those_of_torch(name: str, make: Callable[[], nn.Module]) -> None:
    """As many parameters, and as many FLOP forward as ``FlopCounterMode`` counts for one image."""
    torch = pytest.importorskip("torch")
    from torch.utils.flop_counter import FlopCounterMode

    network = topologies.load_network(name)
    with torch.device("meta"):
        model = make()
        image = torch.empty(1, *network.input)
    assert network.parameter_count == sum(parameter.numel() for parameter in model.parameters())
    with FlopCounterMode(display=False) as counter:
        model(image)
    assert network.forward_flop_per_image == counter.get_total_flops()
