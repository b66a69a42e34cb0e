"""Batches of images with labels: real photographs, or noise for tests and small experiments."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.network import Tokens
from dataflow.values.randomness import generator

_SMALLEST_SCALE = 256 / 224
"""Krizhevsky et al. 2012: photographs are scaled to a shorter side of 256 for crops of 224."""


_DIGITS = 10
"""Classes of scikit-learn's digits."""

_MOST_PIXELS = 64_000_000
"""Of a photograph after scaling; what needs more is no photograph."""


_LUMINANCE = np.array([[0.299], [0.587], [0.114]], dtype=np.float32)
"""How bright red, green and blue look (ITU-R BT.601)."""


@dataclass(frozen=True)
class Photograph:
    """pixels: uint8 (height, width, 3). label: its class. name: what to call it in messages."""

    name: str
    pixels: NDArray[np.uint8]
    label: int


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


class Photographs:
    """Random crops and flips of photographs, with the mean colour of all of them subtracted.

    Pixels are 0 to 255 before the mean is subtracted, as in the 2012 paper. Each photograph
    is scaled so that its shorter side is 256/224 of the crop. For a network that reads one
    channel they are made grey.
    """

    def __init__(
        self,
        photographs: list[Photograph],
        experiment: Experiment,
        description: str,
    ) -> None:
        channels, self.height, self.width = experiment.network.input_shape
        if channels not in (1, 3):
            raise DataError(
                f"photographs have 3 channels, or 1 when made grey, but network {experiment.network.name!r} "
                f"reads {channels}; use noise (--images noise) or a network with 1 or 3 input channels"
            )
        self.channels = channels
        classes = 1 + max(photograph.label for photograph in photographs)
        if classes > experiment.network.classes:
            raise DataError(
                f"{description} are of {classes} classes, but network {experiment.network.name!r} tells "
                f"{experiment.network.classes} apart; set network.classes={classes} or use other images"
            )
        self.count = experiment.training.batch
        self.seed = experiment.training.seed
        self.description = description
        self.photographs = [(self._scaled(photograph), photograph.label) for photograph in photographs]
        self.mean = np.mean([pixels.mean(axis=(0, 1)) for pixels, _ in self.photographs], axis=0)

    def _scaled(self, photograph: Photograph) -> NDArray[np.uint8]:
        from PIL import Image

        height, width = photograph.pixels.shape[:2]
        scale = _SMALLEST_SCALE * max(self.height / height, self.width / width)
        size = (max(self.width, round(width * scale)), max(self.height, round(height * scale)))
        if size[0] * size[1] > _MOST_PIXELS:
            raise DataError(
                f"--images: {photograph.name} of {width} x {height} pixels would be {size[0]} x {size[1]} "
                "with its shorter side as long as the network needs; crop it"
            )
        scaled = Image.fromarray(photograph.pixels).resize(size, Image.Resampling.BILINEAR)
        return np.asarray(scaled)

    def batch(self, step: int) -> Batch:
        """Crops drawn for this step: photograph, place and flip depend on seed and step alone."""
        random = generator(self.seed, "crops", step)
        images = np.empty((self.count, self.channels, self.height, self.width), dtype=np.float32)
        labels = np.empty(self.count, dtype=np.int32)
        for image, index in enumerate(random.integers(len(self.photographs), size=self.count)):
            pixels, labels[image] = self.photographs[index]
            top = random.integers(pixels.shape[0] - self.height + 1)
            left = random.integers(pixels.shape[1] - self.width + 1)
            crop = pixels[top : top + self.height, left : left + self.width].astype(np.float32)
            crop -= self.mean.astype(np.float32)
            if random.random() < 0.5:
                crop = crop[:, ::-1]
            images[image] = (crop if self.channels == 3 else crop @ _LUMINANCE).transpose(2, 0, 1)
        return Batch(images, labels)


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

    images: None for what scikit-learn brings along: two sample photographs for a network that reads
    three channels, handwritten digits for one that reads one channel and tells ten classes apart (noise
    for others); ``noise``; or a folder with one sub-folder for each class. Raises DataError when the
    folder is missing, has no images, has more classes than the network, or holds what is
    no image. For a network that reads tokens see ``dataflow.data.tokens``.
    """
    if isinstance(experiment.network.input, Tokens):
        from dataflow.data.tokens import open_tokens

        return open_tokens(experiment, images)
    channels, classes = experiment.network.input_shape[0], experiment.network.classes
    if images is None and channels == 1 and classes >= _DIGITS:
        from dataflow.data.digits import Digits

        return Digits(experiment)
    if images is None and channels != 3:
        return Noise(experiment)
    if images is None:
        return Photographs(_sample_photographs(), experiment, "scikit-learn's sample photographs")
    if str(images) == "noise":
        return Noise(experiment)
    folder = Path(images)
    return Photographs(_folder_photographs(folder), experiment, f"the images in {folder}")


def _sample_photographs() -> list[Photograph]:
    """china.jpg and flower.jpg, 427 x 640 pixels each, as classes 0 and 1."""
    from sklearn.datasets import load_sample_images

    samples = load_sample_images()
    named = zip(samples.filenames, samples.images, strict=True)
    return [
        Photograph(Path(name).name, np.asarray(pixels), label) for label, (name, pixels) in enumerate(named)
    ]


def _folder_photographs(folder: Path) -> list[Photograph]:
    if not folder.is_dir():
        raise DataError(f"--images {folder}: is not a folder; give one with a sub-folder for each class")
    named = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    if not named:
        raise DataError(
            f"--images {folder}: has no sub-folders; put the images of each class in one of its own"
        )
    found: list[Photograph] = []
    for label, path in enumerate(named):
        files = sorted(file for file in path.iterdir() if file.is_file() and not file.name.startswith("."))
        if not files:
            raise DataError(f"--images {folder}: class {path.name!r} has no images")
        found += [Photograph(str(file), _read_image(file), label) for file in files]
    return found


def _read_image(file: Path) -> NDArray[np.uint8]:
    """An image as (height, width, 3), turned as its camera says. Raises DataError if it is none."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(file) as image:
            if image.mode.startswith(("I", "F")):
                raise DataError(
                    f"--images: {file} has pixels of mode {image.mode!r}, not of 8 bits; convert it to 8 bits"
                )
            return np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
    except UnidentifiedImageError:
        raise DataError(f"--images: {file} is not an image; remove the file or mend it") from None
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as fault:
        raise DataError(f"--images: {file} cannot be read as an image: {fault}") from None
