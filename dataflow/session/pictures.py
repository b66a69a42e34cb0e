"""The images that features and activations are computed of, wherever they come from."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from dataflow.data.cropping import Cropper, PixelStatistics
from dataflow.data.folder_pictures import workers_for
from dataflow.data.options import DataOptions
from dataflow.data.picture_sets import Labelled, augmentation_of, wanted
from dataflow.data.sources import FilePictures
from dataflow.data.survey import Preparation, survey
from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.features.opening import image_files
from dataflow.session.parts import check_part, part_of
from dataflow.training.data_set import DataSet, Part, is_named, open_data_set
from dataflow.training.picture_data import PicturePart


@dataclass(frozen=True)
class PictureOptions:
    """Which images.

    data: a folder of images, one file, or the name of a data set. part: of a data set by name, one of
    ``parts.PARTS``.
    trained_on: the data set that the network was trained on, whose mean files are read less; None for their
    own mean colour.
    """

    data: DataOptions = field(default_factory=DataOptions)
    part: str = "test"
    trained_on: str | None = None

    def __post_init__(self) -> None:
        check_part(self.part)


@dataclass(frozen=True)
class OpenedPictures:
    """pictures: the images. classes: the names of their labels. description: what they are, in a few words.

    learned: the names of the classes that the network tells apart, as far as they are known.
    """

    pictures: Part
    classes: tuple[str, ...]
    description: str
    learned: tuple[str, ...]
    notes: tuple[str, ...] = ()


@contextmanager
def opened_pictures(experiment: Experiment, options: PictureOptions) -> Iterator[OpenedPictures]:
    """The images that options name, open for reading.

    Raises DataError when they are not there or do not suit the network.
    """
    source = options.data.images
    if source is None or is_named(source):
        with closing(open_data_set(experiment, options.data)) as data:
            yield _of_set(data, options.part)
        return
    statistics, learned = _trained(experiment, options)
    with _of_files(experiment, options, Path(source), statistics, learned) as opened:
        yield opened


def _of_set(data: DataSet, name: str) -> OpenedPictures:
    part, classes = part_of(data, name), tuple(data.classes)
    described = f"{data.description}: the {part.count:,} images of the {name} part"
    return OpenedPictures(part, classes, described, classes, tuple(data.notes))


def _trained(
    experiment: Experiment, options: PictureOptions
) -> tuple[PixelStatistics | None, tuple[str, ...]]:
    """The mean of the images that the network was trained on, and the names of its classes."""
    if options.trained_on is None:
        return None, ()
    with closing(open_data_set(experiment, replace(options.data, images=options.trained_on))) as data:
        if data.statistics is None:
            raise DataError(
                f"--trained-on {options.trained_on}: {data.description} are read on another scale than image "
                "files, which are from 0 to 255; name a folder of images, 'shapes' or 'photographs'"
            )
        return data.statistics, tuple(data.classes)


@contextmanager
def _of_files(
    experiment: Experiment,
    options: PictureOptions,
    place: Path,
    statistics: PixelStatistics | None,
    learned: tuple[str, ...],
) -> Iterator[OpenedPictures]:
    """Image files, less the mean of what was trained on, or their own mean colour."""
    files, want = image_files(place), wanted(experiment)
    workers = workers_for(options.data, len(files.paths))
    preparation = Preparation(str(files.folder), want.side, want.channels)
    notes = [f"left out what is no image by its name: {files.left:,} of the files"] if files.left else []
    if statistics is None or options.data.broken == "skip":
        looked = survey(preparation, [(path, True) for path in files.paths], workers)
        if looked.broken and options.data.broken == "refuse":
            raise DataError(f"{next(iter(looked.broken.values()))}; mend it, or use --broken skip")
        notes += _notes(len(looked.broken), statistics)
        files = files.without(looked.broken)
        statistics = statistics or _mean_colour(looked.statistics)
    cropper = Cropper(want.height, want.width, statistics)
    source = FilePictures(preparation, files.paths, cropper, workers)
    described = f"the image {place}" if place.is_file() else f"the {len(files.paths):,} images in {place}"
    with closing(source):
        labelled = Labelled(np.arange(len(files.paths)), files.labels)
        part = PicturePart(source, labelled, augmentation_of(experiment))
        yield OpenedPictures(part, files.classes, described, learned, tuple(notes))


def _mean_colour(statistics: PixelStatistics) -> PixelStatistics:
    """The mean of all pixels in the place of each one's, which would leave nothing of an image alone."""
    colour = statistics.mean.mean(axis=(1, 2), keepdims=True, dtype=np.float64).astype(np.float32)
    return replace(statistics, mean=np.broadcast_to(colour, statistics.mean.shape))


def _notes(broken: int, trained: PixelStatistics | None) -> Iterator[str]:
    if broken:
        yield f"left out what cannot be read: {broken:,} of the images"
    if trained is None:
        yield (
            "pixels are read less the mean colour of these images; with --trained-on, less the mean of those "
            "that the network was trained on"
        )
