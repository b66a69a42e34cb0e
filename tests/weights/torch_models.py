"""AlexNet, VGG-16 and ResNet-50 as PyTorch modules, from the papers, named as in torchvision."""

from __future__ import annotations

from math import sqrt

import torch
from torch import nn

VGG16 = ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3))
"""Channels and number of 3x3 convolutions of each stage: Simonyan and Zisserman, table 1, D."""
RESNET50 = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Channels inside the blocks of each stage, and how many blocks: He et al. 2015, table 1."""


class Features(nn.Module):
    """Convolutions called ``features`` and fully connected layers called ``classifier``."""

    def __init__(self, features: list[nn.Module], classifier: list[nn.Module]) -> None:
        super().__init__()
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(*classifier)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.classifier(self.features(x).flatten(1))


def alexnet() -> nn.Module:
    """One tower (Krizhevsky 2014, arXiv 1404.5997), dropout before the first two fully connected layers."""
    features: list[nn.Module] = []
    shapes = ((3, 64, 11, 4, 2), (64, 192, 5, 1, 2), (192, 384, 3, 1, 1), (384, 256, 3, 1, 1))
    for index, (before, channels, kernel, stride, pad) in enumerate((*shapes, (256, 256, 3, 1, 1))):
        features += [nn.Conv2d(before, channels, kernel, stride, pad), nn.ReLU()]
        if index in (0, 1, 4):
            features.append(nn.MaxPool2d(3, 2))
    hidden = [nn.Dropout(), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096)]
    return Features(features, [*hidden, nn.ReLU(), nn.Linear(4096, 1000)])


def vgg16() -> nn.Module:
    """Thirteen convolutions, and dropout after the first two fully connected layers."""
    features: list[nn.Module] = []
    before = 3
    for channels, count in VGG16:
        for _ in range(count):
            features += [nn.Conv2d(before, channels, 3, padding=1), nn.ReLU()]
            before = channels
        features.append(nn.MaxPool2d(2))
    hidden = [nn.Linear(512 * 7 * 7, 4096), nn.ReLU(), nn.Dropout(), nn.Linear(4096, 4096), nn.ReLU()]
    return Features(features, [*hidden, nn.Dropout(), nn.Linear(4096, 1000)])


class Bottleneck(nn.Module):
    """1x1, 3x3 (with the stride), 1x1, each normalised, and a shortcut."""

    def __init__(self, before: int, inner: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, 4 * inner, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * inner)
        self.downsample: nn.Module | None = None
        if stride > 1 or before != 4 * inner:
            shortcut = nn.Conv2d(before, 4 * inner, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(4 * inner))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    """Sixteen blocks of three convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.pool = nn.MaxPool2d(3, 2, 1)
        before = 64
        for stage, (inner, count) in enumerate(RESNET50, 1):
            blocks = []
            for block in range(count):
                blocks.append(Bottleneck(before, inner, 2 if stage > 1 and block == 0 else 1))
                before = 4 * inner
            self.add_module(f"layer{stage}", nn.Sequential(*blocks))
        self.fc = nn.Linear(2048, 1000)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.pool(torch.relu(self.bn1(self.conv1(x))))
        for stage in range(1, 5):
            y = self.get_submodule(f"layer{stage}")(y)
        return self.fc(y.mean((2, 3)))


MODELS = {"alexnet-owt": alexnet, "vgg16": vgg16, "resnet50": ResNet50}


def random_model(name: str, seed: int) -> nn.Module:
    """A model with random weights and running statistics, so large that signals neither vanish nor grow."""
    with torch.device("meta"):
        model = MODELS[name]()
    model.to_empty(device="cpu").eval()
    random = torch.Generator().manual_seed(seed)
    for called, tensor in model.state_dict().items():
        if tensor.ndim > 1:  # variance 2 / n, n inputs of an output (He et al. 2015)
            bound = sqrt(6 / tensor[0].numel())
            tensor.uniform_(-bound, bound, generator=random)
        elif called.endswith("num_batches_tracked"):
            tensor.fill_(3)
        elif called.endswith(("running_var", "weight")):
            tensor.uniform_(0.5, 1.0, generator=random)
        else:
            tensor.uniform_(-0.1, 0.1, generator=random)
    return model
