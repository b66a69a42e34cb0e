"""Sets of pictures as data sets: which crops are cut out of them, in training and at the test."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

import numpy as np
from numpy.typing import NDArray

from dataflow.data.batches import Batch
from dataflow.data.cropping import Crop, Cropper, PixelStatistics
from dataflow.data.picture_sets import Labelled, PictureSet
from dataflow.data.reading import Picture
from dataflow.data.sources import PictureSource, cut_all
from dataflow.recipe import Augmentation
from dataflow.training.data_set import Draws, levels
from dataflow.values.randomness import generator


class PicturePart:
    """Pictures of which crops are the examples."""

    def __init__(self, source: PictureSource, examples: Labelled, augmentation: Augmentation) -> None:
        self.labels = examples.labels
        self.source = source
        self.augmentation = augmentation
        self.indices = examples.indices

    @property
    def count(self) -> int:
        """How many pictures there are."""
        return len(self.labels)

    def read(self, chosen: NDArray[np.int64], draws: Draws | None = None) -> Batch:
        """Crops as drawn for each picture by seed, epoch and number; without draws those of the middle.

        Raises DataError when a file cannot be read any more.
        """
        return self.begin(chosen, draws)()

    def begin(self, chosen: NDArray[np.int64], draws: Draws | None = None) -> Callable[[], Batch]:
        """Begins to read them; what is returned waits for them."""
        indices = self.indices[chosen]
        wait = self.source.begin(indices, [self._crop(int(index), draws) for index in indices])
        return lambda: Batch(wait(), self.labels[chosen])

    def ten_crops(self, chosen: NDArray[np.int64]) -> Sequence[Batch]:
        """Corners and centre, then their mirrors, each cut when asked for, of pictures that are read once."""
        pictures = self.source.whole(self.indices[chosen])
        return _TenCrops(pictures, self.source.cropper, self.labels[chosen])

    def name(self, index: int) -> str:
        return self.source.name(int(self.indices[index]))

    def picture(self, index: int) -> Picture:
        """The crop from the middle. Raises DataError when a file cannot be read any more."""
        (whole,) = self.source.whole(self.indices[index : index + 1])
        cropper, centre = self.source.cropper, self.source.cropper.centre()
        rows = slice(centre.top, centre.top + cropper.height)
        cut = whole[rows, centre.left : centre.left + cropper.width]
        return np.asarray(cut) if cut.dtype == np.uint8 else levels(cut)

    def _crop(self, index: int, draws: Draws | None) -> Crop:
        if draws is None:
            return self.source.cropper.centre()
        random = generator(draws.seed, "augment", draws.epoch, index)
        return self.source.cropper.draw(random, self.augmentation)


class _TenCrops(Sequence[Batch]):
    """The batches of ten crops of the same pictures."""

    def __init__(
        self, pictures: Sequence[NDArray[np.generic]], cropper: Cropper, labels: NDArray[np.int32]
    ) -> None:
        self.pictures = pictures
        self.cropper = cropper
        self.labels = labels
        self.crops = cropper.ten()

    def __len__(self) -> int:
        return len(self.crops)

    @overload
    def __getitem__(self, place: int) -> Batch: ...

    @overload
    def __getitem__(self, place: slice) -> list[Batch]: ...

    def __getitem__(self, place: int | slice) -> Batch | list[Batch]:
        if isinstance(place, slice):
            return [self[each] for each in range(len(self))[place]]
        crops = [self.crops[place]] * len(self.pictures)
        return Batch(cut_all(self.pictures, crops, self.cropper), self.labels)


class PictureData:
    """A set of pictures as a data set."""

    def __init__(self, pictures: PictureSet) -> None:
        self.description = pictures.description
        self.identity = pictures.description if pictures.identity is None else pictures.identity
        self.classes = pictures.classes
        self.encoded = pictures.encoded
        self.notes = pictures.notes
        statistics = pictures.source.cropper.statistics
        self.statistics: PixelStatistics | None = statistics if statistics.mean.any() else None
        self.train = PicturePart(pictures.source, pictures.train, pictures.augmentation)
        self.test = PicturePart(pictures.source, pictures.test, pictures.augmentation)
        self.validation: PicturePart | None = None
        if pictures.validation is not None:
            self.validation = PicturePart(pictures.source, pictures.validation, pictures.augmentation)
        self._source = pictures.source

    def close(self) -> None:
        """Ends the processes that read ahead."""
        self._source.close()
