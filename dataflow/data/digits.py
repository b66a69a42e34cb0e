"""Handwritten digits that come with scikit-learn, for networks that read one channel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dataflow.data.batches import Batch
from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.values.randomness import generator

CLASSES = 10

NAMES = tuple(str(digit) for digit in range(CLASSES))

TESTED = 450
"""Of the 1,797 digits, a quarter, rounded up; the other 1,347 are trained on."""

DESCRIPTION = "scikit-learn's handwritten digits"

_BRIGHTEST = 16.0
"""The largest value of a pixel."""


def read_digits(experiment: Experiment, size: tuple[int, int] | None = None) -> Batch:
    """All 1,797 grey images of 8 x 8, in their own order, scaled to a height and width (None: the network's).

    Pixels are as ``training.pixels`` says; over all digits those that are standardized have mean 0 and
    deviation 1. From the UCI set "Optical Recognition of Handwritten Digits" (its test part; Alpaydin
    and Kaynak 1998). Raises DataError when the network reads other images or tells fewer classes apart.
    """
    from PIL import Image
    from sklearn.datasets import load_digits

    network = experiment.network
    if network.classes < CLASSES:
        raise DataError(
            f"digits are of {CLASSES} classes, but network {network.name!r} tells {network.classes} "
            f"apart; set network.classes={CLASSES} or use noise (--images noise)"
        )
    channels, *shape = network.input_shape
    height, width = size or shape
    if channels != 1:
        raise DataError(
            f"digits have 1 channel, but network {network.name!r} reads {channels}; "
            "use noise (--images noise) or a network with 1 input channel"
        )
    digits = load_digits()
    scaled = [
        np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
        for image in digits.images.astype(np.float32)
    ]
    pixels = np.stack(scaled)[:, np.newaxis]
    return Batch(_scaled(pixels, experiment.training.pixels), digits.target.astype(np.int32))


def _scaled(pixels: NDArray[np.float32], scaling: str) -> NDArray[np.float32]:
    if scaling == "unit":
        return pixels / np.float32(_BRIGHTEST)
    scaled: NDArray[np.float32] = (pixels - pixels.mean()) / pixels.std()
    return scaled


def divided_digits() -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The numbers of those for training and of those for the test, each class in proportion.

    The same for every experiment and seed: scikit-learn's own division with ``random_state`` 0.
    """
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    labels = load_digits().target
    train, test = train_test_split(np.arange(len(labels)), test_size=TESTED, stratify=labels, random_state=0)
    return train, test


class Digits:
    """Digits drawn anew for each batch, with repetition."""

    description = DESCRIPTION

    def __init__(self, experiment: Experiment) -> None:
        digits = read_digits(experiment)
        self.images, self.labels = digits.images, digits.labels
        self.count = experiment.training.batch
        self.seed = experiment.training.seed

    def batch(self, step: int) -> Batch:
        """Digits drawn for this step: they depend on seed and step alone."""
        chosen = generator(self.seed, "digits", step).integers(len(self.labels), size=self.count)
        return Batch(self.images[chosen], self.labels[chosen])
