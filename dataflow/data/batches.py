"""Batches of images with labels: crops of pictures, digits, or noise for tests and small experiments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from dataflow.experiment import Experiment
from dataflow.network import Tokens
from dataflow.values.randomness import generator

if TYPE_CHECKING:
    from dataflow.data.picture_sets import PictureSet

_DIGITS = 10
"""Classes of scikit-learn's digits."""

_SHOWN = 1024
"""Most images of a folder that are shown: a run is of a few steps."""


@dataclass(frozen=True)
class Batch:
    """images: float32 (batch, channel, height, width). labels: int32 (batch,).

    Of sequences, images are tokens, int32 (batch, position), and labels the tokens after them.
    """

    images: NDArray[np.float32] | NDArray[np.int32]
    labels: NDArray[np.int32]


class BatchSource(Protocol):
    """Gives the batch of each step; the same one whenever it is asked for the same step."""

    description: str

    def batch(self, step: int) -> Batch:
        """The images and labels of a step."""
        ...


class DrawnPictures:
    """Crops of pictures that are drawn anew for each batch, with repetition."""

    def __init__(self, pictures: PictureSet, experiment: Experiment) -> None:
        self.pictures = pictures
        self.description = pictures.description
        self.count = experiment.training.batch
        self.seed = experiment.training.seed

    def batch(self, step: int) -> Batch:
        """Crops drawn for this step: picture, place, flip and colour depend on seed and step alone."""
        random = generator(self.seed, "crops", step)
        source, examples = self.pictures.source, self.pictures.train
        chosen = random.integers(len(examples.labels), size=self.count)
        crops = [source.cropper.draw(random, self.pictures.augmentation) for _ in chosen]
        return Batch(source.begin(examples.indices[chosen], crops)(), examples.labels[chosen])


class Noise:
    """Gaussian images of mean 0 and deviation 1 with labels drawn evenly: for tests."""

    description = "Gaussian noise"

    def __init__(self, experiment: Experiment) -> None:
        self.shape = (experiment.training.batch, *experiment.network.input_shape)
        self.classes = experiment.network.classes
        self.seed = experiment.training.seed

    def batch(self, step: int) -> Batch:
        """Noise drawn for this step."""
        random = generator(self.seed, "noise", step)
        images = random.standard_normal(self.shape, dtype=np.float32)
        labels = random.integers(self.classes, size=self.shape[0]).astype(np.int32)
        return Batch(images, labels)


def open_batches(experiment: Experiment, images: str | Path | None = None) -> BatchSource:
    """Where an experiment's batches come from.

    images: None for what scikit-learn brings along: cuttings of two photographs for a network that reads
    three channels, handwritten digits for one that reads one channel and tells ten classes apart (noise
    for others); ``digits``, ``photographs``, ``shapes``, ``noise``; or a folder as ``find_images`` finds it,
    of which up to 1,024 training images are shown. Raises DataError when these do not fit the network
    or an image is broken. For a network that reads tokens see ``dataflow.data.tokens``.
    """
    if isinstance(experiment.network.input, Tokens):
        from dataflow.data.tokens import open_tokens

        return open_tokens(experiment, images)
    source = _suited(experiment) if images is None else str(images)
    if source == "noise":
        return Noise(experiment)
    if source == "digits":
        from dataflow.data.digits import Digits

        return Digits(experiment)
    return DrawnPictures(_pictures(experiment, source), experiment)


def _suited(experiment: Experiment) -> str:
    channels, classes = experiment.network.input_shape[0], experiment.network.classes
    if channels == 1 and classes >= _DIGITS:
        return "digits"
    return "photographs" if channels == 3 else "noise"


def _pictures(experiment: Experiment, source: str) -> PictureSet:
    from dataflow.data.folder_pictures import sampled_pictures
    from dataflow.data.named_pictures import named_pictures

    found = named_pictures(experiment, source)
    return sampled_pictures(experiment, Path(source), _SHOWN) if found is None else found
