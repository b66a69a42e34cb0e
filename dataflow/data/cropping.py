"""How a picture becomes an example: a crop, mirrored or not, less the mean, with its colours shifted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataflow.recipe import Augmentation

LEVELS = 255.0
"""Of a pixel: colours are shifted as if pixels were from 0 to 1."""


@dataclass(frozen=True)
class PixelStatistics:
    """Of the training pictures. mean: of each pixel, float32 (channel, height, width). components: float64
    (channel, channel), whose column k is the k-th principal direction of the colours of pixels from 0 to 1
    times its eigenvalue.
    """

    mean: NDArray[np.float32]
    components: NDArray[np.float64]


@dataclass(frozen=True)
class Crop:
    """Where a crop begins, in pixels, whether it is mirrored, and what is added to each of its channels."""

    top: int
    left: int
    mirrored: bool = False
    shift: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Cropper:
    """Makes examples of ``height`` x ``width`` of pictures with these statistics."""

    height: int
    width: int
    statistics: PixelStatistics

    @property
    def room(self) -> tuple[int, int]:
        """How many pixels a crop can be moved down and to the right."""
        _, height, width = self.statistics.mean.shape
        return height - self.height, width - self.width

    def draw(self, random: np.random.Generator, augmentation: Augmentation) -> Crop:
        """A crop for training: place, mirroring and shift are drawn in this order (the 2012 paper, 4.1)."""
        centre = self.centre()
        top, left = centre.top, centre.left
        if augmentation.crops == "random":
            down, right = self.room
            top, left = int(random.integers(down + 1)), int(random.integers(right + 1))
        mirrored = augmentation.flips and bool(random.random() < 0.5)
        shift = None
        if augmentation.colour:
            components = self.statistics.components
            drawn = augmentation.colour * random.standard_normal(len(components))
            shift = tuple(float(value) for value in LEVELS * (components @ drawn))
        return Crop(top, left, mirrored, shift)

    def centre(self) -> Crop:
        """The crop in the middle, for the test."""
        down, right = self.room
        return Crop(down // 2, right // 2)

    def ten(self) -> tuple[Crop, ...]:
        """The four corners and the centre, then their mirrors; each once where crops are the whole."""
        down, right = self.room
        places = dict.fromkeys(
            [(0, 0), (0, right), (down, 0), (down, right), (down // 2, right // 2)],
        )
        return tuple(Crop(top, left, mirrored) for mirrored in (False, True) for top, left in places)

    def cut(self, picture: NDArray[np.generic], crop: Crop, out: NDArray[np.float32]) -> None:
        """Writes the crop of a picture (height, width, channel) to ``out`` (channel, height, width)."""
        rows = slice(crop.top, crop.top + self.height)
        columns = slice(crop.left, crop.left + self.width)
        pixels = picture[rows, columns].transpose(2, 0, 1)
        mean = self.statistics.mean[:, rows, columns]
        if crop.mirrored:
            pixels, mean = pixels[:, :, ::-1], mean[:, :, ::-1]
        np.subtract(pixels, mean, out=out)
        if crop.shift is not None:
            out += np.array(crop.shift, dtype=np.float32)[:, np.newaxis, np.newaxis]
