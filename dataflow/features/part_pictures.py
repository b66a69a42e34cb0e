"""The examples of a data set as images that are shown and named."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from dataflow.data.batches import Batch
from dataflow.data.cropping import Cropper
from dataflow.data.sources import FilePictures as FileSource
from dataflow.training.data_set import Part
from dataflow.training.picture_data import PicturePart


class PartPictures:
    """A part of a data set. what: its examples are called, before their number, where they are no files."""

    def __init__(self, part: Part, what: str) -> None:
        self.part = part
        self.what = what
        self.labels = part.labels

    @property
    def count(self) -> int:
        """How many examples there are."""
        return self.part.count

    def begin(self, chosen: NDArray[np.int64]) -> Callable[[], Batch]:
        """As ``Pictures`` says."""
        return self.part.begin(chosen)

    def name(self, index: int) -> str:
        """The path of its file, or its number."""
        part = self.part
        if isinstance(part, PicturePart) and isinstance(part.source, FileSource):
            return part.source.files[int(part.indices[index])]
        return f"{self.what} {index}"

    def picture(self, index: int) -> NDArray[np.uint8]:
        """As ``Pictures`` says; numbers that are no pixels are scaled so that they reach from 0 to 255."""
        if isinstance(self.part, PicturePart):
            (whole,) = self.part.source.whole(self.part.indices[[index]])
            return as_pixels(middle(whole, self.part.source.cropper))
        return as_pixels(self.part.read(np.array([index])).images[0].transpose(1, 2, 0))


def middle(whole: NDArray[np.generic], cropper: Cropper) -> NDArray[np.generic]:
    """The crop from the middle of a picture (height, width, channel)."""
    centre = cropper.centre()
    return whole[centre.top : centre.top + cropper.height, centre.left : centre.left + cropper.width]


def as_pixels(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    """An image (height, width, channel) with 1 or 3 channels from 0 to 255; of others the first is shown."""
    if image.shape[2] not in (1, 3):
        image = image[:, :, :1]
    if image.dtype == np.uint8:
        return np.asarray(image, dtype=np.uint8)
    numbers = np.asarray(image, dtype=np.float64)
    low, high = numbers.min(), numbers.max()
    return np.asarray(np.rint(255 * (numbers - low) / ((high - low) or 1.0)), dtype=np.uint8)
