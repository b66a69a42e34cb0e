"""What a network is trained on and tested with: a data set in two parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dataflow.data.batches import Batch
from dataflow.data.digits import CLASSES, DESCRIPTION, read_digits
from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.network import Tokens
from dataflow.values.randomness import generator

TEST_DIGITS = 450
"""Of the 1,797 digits, a quarter, rounded up; the other 1,347 are trained on."""

NOISE_TRAINED, NOISE_TESTED = 1024, 256

SOURCES = ("digits", "noise")
"""Data sets that are there by name."""


@dataclass(frozen=True)
class Draws:
    """What random crops, flips and colour shifts depend on, beside the number of the example."""

    seed: int
    epoch: int


class Part(Protocol):
    """The examples for training, or those for validation or the test; images are read when asked for.

    labels: of all of them.
    """

    labels: NDArray[np.int32]

    @property
    def count(self) -> int:
        """How many examples there are."""
        ...

    def read(self, chosen: NDArray[np.int64], draws: Draws | None = None) -> Batch:
        """The examples of these indices, in this order: as drawn for training, else as for the test."""
        ...

    def ten_crops(self, chosen: NDArray[np.int64]) -> Sequence[Batch]:
        """Four corners and centre of each example, and their mirrors; one batch where crops are the whole."""
        ...


class DataSet(Protocol):
    """Examples to learn from, others to decide by, and others to test with."""

    @property
    def description(self) -> str:
        """What they are, in a few words."""
        ...

    @property
    def classes(self) -> Sequence[str]:
        """The names of the classes, in the order of their labels."""
        ...

    @property
    def train(self) -> Part:
        """Those to learn from."""
        ...

    @property
    def validation(self) -> Part | None:
        """Those that the learning rate is decided by; None where nobody needs them."""
        ...

    @property
    def test(self) -> Part:
        """Those for the test."""
        ...

    @property
    def encoded(self) -> bool:
        """Whether reading an example decodes a file, which a machine's host has to do too."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know of them, such as how many files were skipped."""
        ...


class ArrayPart:
    """Examples that are in memory."""

    def __init__(self, examples: Batch) -> None:
        self.images = examples.images
        self.labels = examples.labels

    @property
    def count(self) -> int:
        """How many examples there are."""
        return len(self.labels)

    def read(self, chosen: NDArray[np.int64], draws: Draws | None = None) -> Batch:
        """The examples of these indices, in this order."""
        return Batch(self.images[chosen], self.labels[chosen])

    def ten_crops(self, chosen: NDArray[np.int64]) -> Sequence[Batch]:
        """The examples as they are: there is one crop."""
        return [self.read(chosen)]


@dataclass(frozen=True)
class ArrayData:
    """A data set in memory."""

    description: str
    classes: Sequence[str]
    train: Part
    test: Part
    validation: Part | None = None
    encoded: bool = False
    notes: Sequence[str] = ()


def digits_data(experiment: Experiment) -> ArrayData:
    """scikit-learn's digits: 1,347 for training and 450 for the test, each class in proportion.

    The division is the same for every experiment and seed: scikit-learn's own with ``random_state`` 0.
    """
    from sklearn.model_selection import train_test_split

    digits = read_digits(experiment)
    train, test = train_test_split(
        np.arange(len(digits.labels)), test_size=TEST_DIGITS, stratify=digits.labels, random_state=0
    )
    parts = [ArrayPart(Batch(digits.images[part], digits.labels[part])) for part in (train, test)]
    return ArrayData(DESCRIPTION, [str(digit) for digit in range(CLASSES)], *parts)


def noise_data(experiment: Experiment) -> ArrayData:
    """Gaussian images of mean 0 and deviation 1 with labels drawn evenly, of which nothing can be learned.

    They depend on the seed: 1,024 (or one batch, if that is more) for training and 256 for the test.
    """
    network, seed = experiment.network, experiment.training.seed

    def part(name: str, count: int) -> ArrayPart:
        random = generator(seed, "noise", name)
        images = random.standard_normal((count, *network.input_shape), dtype=np.float32)
        return ArrayPart(Batch(images, random.integers(network.classes, size=count).astype(np.int32)))

    trained = max(NOISE_TRAINED, experiment.training.batch)
    names = [str(label) for label in range(network.classes)]
    return ArrayData("Gaussian noise", names, part("train", trained), part("test", NOISE_TESTED))


def open_data_set(experiment: Experiment, source: str | Path | None = None) -> DataSet:
    """The data set that an experiment is trained on.

    source: one of SOURCES; None for digits where the network reads one channel and tells ten classes
    apart, else for noise. Raises DataError when there is no such set, the network does not fit it or
    reads tokens, or the training part has not even one batch.
    """
    network = experiment.network
    if isinstance(network.input, Tokens):
        raise DataError(
            f"network {network.name!r} reads tokens, but data sets for training are of images; "
            "'dataflow run' trains it on a text for a few steps"
        )
    if source is None:
        fits = network.input_shape[0] == 1 and network.classes >= CLASSES
        source = "digits" if fits else "noise"
    if source not in SOURCES:
        raise DataError(
            f"no data set for training is called {str(source)!r}; there are: {', '.join(SOURCES)}"
        )
    data = digits_data(experiment) if source == "digits" else noise_data(experiment)
    if data.train.count < experiment.training.batch:
        raise DataError(
            f"{data.description} have {data.train.count:,} images for training, fewer than one batch of "
            f"{experiment.training.batch:,}; use a smaller one (--batch {min(16, data.train.count)})"
        )
    return data
