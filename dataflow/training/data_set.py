"""What a network is trained on and tested with: a data set in two parts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dataflow.data.batches import Batch
from dataflow.data.cropping import PixelStatistics
from dataflow.data.digits import CLASSES, DESCRIPTION, NAMES, divided_digits, read_digits
from dataflow.data.enlarged_digits import enlarged_digits
from dataflow.data.folder_pictures import folder_pictures
from dataflow.data.named_pictures import named_pictures
from dataflow.data.options import DataOptions
from dataflow.data.picture_sets import Labelled, held_out
from dataflow.data.reading import Picture
from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.network import Tokens
from dataflow.values.randomness import generator

SOURCES = ("digits", "photographs", "shapes", "noise")
"""Data sets that are there by name; what follows a colon is a seed."""

NOISE_TRAINED, NOISE_TESTED = 1024, 256

_NOISE_SEED = 0


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

    def begin(self, chosen: NDArray[np.int64], draws: Draws | None = None) -> Callable[[], Batch]:
        """Begins to read these, ahead of time where there are processes for it; what is returned waits."""
        ...

    def ten_crops(self, chosen: NDArray[np.int64]) -> Sequence[Batch]:
        """Four corners and centre of each example, and their mirrors; fewer where crops are the whole."""
        ...

    def name(self, index: int) -> str:
        """What to call an example: its file's path in the folder, or what it shows and its number."""
        ...

    def picture(self, index: int) -> Picture:
        """What it looks like, as cut out for the test: pixels from 0 to 255, (height, width, channel)."""
        ...


class DataSet(Protocol):
    """Examples to learn from, others to decide by, and others to test with."""

    @property
    def description(self) -> str:
        """What they are, in a few words."""
        ...

    @property
    def identity(self) -> str:
        """What tells them from others: of files, a digest of names, sizes, times, labels and parts."""
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
    def statistics(self) -> PixelStatistics | None:
        """Mean and components of the training pictures; None where no mean is subtracted."""
        ...

    @property
    def encoded(self) -> bool:
        """Whether reading an example decodes a file, which a machine's host has to do too."""
        ...

    @property
    def notes(self) -> Sequence[str]:
        """What the user should know of them, such as how many files were skipped."""
        ...

    def close(self) -> None:
        """Ends the processes that read ahead, if there are any; safe to call twice."""
        ...


def levels(pixels: NDArray[np.generic]) -> Picture:
    """Numbers as pixels from 0 to 255, the least of them 0 and the largest 255."""
    numbers = np.asarray(pixels, dtype=np.float32)
    numbers = numbers - numbers.min()
    return np.asarray(np.rint(numbers * (255 / max(float(numbers.max()), 1e-30))), dtype=np.uint8)


class ArrayPart:
    """Examples that are in memory. what: one of them shows."""

    def __init__(self, examples: Batch, what: str = "example") -> None:
        self.what = what
        self.images = examples.images
        self.labels = examples.labels

    @property
    def count(self) -> int:
        """How many examples there are."""
        return len(self.labels)

    def read(self, chosen: NDArray[np.int64], draws: Draws | None = None) -> Batch:
        """The examples of these indices, in this order."""
        return Batch(self.images[chosen], self.labels[chosen])

    def begin(self, chosen: NDArray[np.int64], draws: Draws | None = None) -> Callable[[], Batch]:
        """They are there already."""
        return partial(self.read, chosen)

    def ten_crops(self, chosen: NDArray[np.int64]) -> Sequence[Batch]:
        """The examples as they are: there is one crop."""
        return [self.read(chosen)]

    def name(self, index: int) -> str:
        return f"{self.what} {index}"

    def picture(self, index: int) -> Picture:
        return levels(self.images[index].transpose(1, 2, 0))


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
    statistics: PixelStatistics | None = None

    @property
    def identity(self) -> str:
        """What they are is said in full."""
        return self.description

    def close(self) -> None:
        """Nothing reads ahead."""


def _arrays(
    experiment: Experiment, names: tuple[str, str], classes: Sequence[str], train: Batch, test: Batch
) -> ArrayData:
    """A data set of these arrays; of those for training some are held out, if the schedule needs any.

    names: of the set, and of one of them.
    """
    description, what = names
    stay, held = held_out(experiment, Labelled(np.arange(len(train.labels)), train.labels))
    parts = [
        None if part is None else ArrayPart(Batch(train.images[part.indices], part.labels), what)
        for part in (stay, held)
    ]
    assert parts[0] is not None
    return ArrayData(description, classes, parts[0], ArrayPart(test, what), parts[1])


def digits_data(experiment: Experiment) -> DataSet:
    """scikit-learn's digits: 1,347 for training and 450 for the test, each class in proportion.

    The division is the same for every experiment and seed: scikit-learn's own with ``random_state`` 0.
    With ``training.augmentation`` they are enlarged, and crops of them are the examples.
    """
    from dataflow.training.picture_data import PictureData

    if experiment.training.augmentation is not None:
        return PictureData(enlarged_digits(experiment))
    digits, (train, test) = read_digits(experiment), divided_digits()
    parts = [Batch(digits.images[part], digits.labels[part]) for part in (train, test)]
    return _arrays(experiment, (DESCRIPTION, "digit"), NAMES, *parts)


def noise_data(experiment: Experiment) -> ArrayData:
    """Gaussian images of mean 0 and deviation 1 with labels drawn evenly, of which nothing can be learned.

    1,024 (or one batch, if that is more) for training and 256 for the test: the same for every seed.
    """
    network = experiment.network

    def part(name: str, count: int) -> Batch:
        random = generator(_NOISE_SEED, "noise", name)
        images = random.standard_normal((count, *network.input_shape), dtype=np.float32)
        return Batch(images, random.integers(network.classes, size=count).astype(np.int32))

    trained = max(NOISE_TRAINED, experiment.training.batch)
    names = [str(label) for label in range(network.classes)]
    return _arrays(
        experiment, ("Gaussian noise", "noise"), names, part("train", trained), part("test", NOISE_TESTED)
    )


def is_named(source: str) -> bool:
    """Whether these images are one of SOURCES, not a folder."""
    return source.partition(":")[0] in SOURCES


def open_data_set(
    experiment: Experiment,
    options: DataOptions | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> DataSet:
    """The data set that an experiment is trained on; to be closed in the end.

    options: the images are a folder or one of SOURCES (``shapes:7`` for shapes of seed 7); None for digits
    where the network reads one channel and tells ten classes apart, shapes where it reads three channels and
    tells any apart, else noise. progress: is told how many files of how many have been looked at. Raises
    DataError when there is no such set or folder, the network does not fit it or reads tokens, an image
    is broken, or the training part has not even one batch or not two classes.
    """
    options = options or DataOptions()
    network = experiment.network
    if isinstance(network.input, Tokens):
        raise DataError(
            f"network {network.name!r} reads tokens, but data sets for training are of images; "
            "'dataflow run' trains it on a text for a few steps"
        )
    data = _opened(experiment, options.images or _suited(experiment), options, progress)
    train = data.train
    if train.count < experiment.training.batch:
        data.close()
        raise DataError(
            f"{data.description} have {train.count:,} images for training, fewer than one batch of "
            f"{experiment.training.batch:,}; use a smaller one (--batch {min(16, train.count)})"
        )
    if len(data.classes) < 2:
        data.close()
        raise DataError(
            f"{data.description} are of one class, {data.classes[0]!r}: there is nothing to tell apart; "
            "put the images of each class in a folder of its own"
        )
    return data


def _suited(experiment: Experiment) -> str:
    channels, classes = experiment.network.input_shape[0], experiment.network.classes
    if channels == 1 and classes >= CLASSES:
        return "digits"
    return "shapes" if channels == 3 and classes > 1 else "noise"


def _opened(
    experiment: Experiment,
    source: str,
    options: DataOptions,
    progress: Callable[[int, int], None] | None,
) -> DataSet:
    from dataflow.training.picture_data import PictureData

    if source == "digits":
        return digits_data(experiment)
    if source == "noise":
        return noise_data(experiment)
    pictures = named_pictures(experiment, source)
    if pictures is None:
        pictures = folder_pictures(experiment, Path(source), options, progress)
    return PictureData(pictures)
