"""A folder of images as a set of pictures: found, surveyed, and read when asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from itertools import islice
from pathlib import Path

import numpy as np

from dataflow.data.cropping import Cropper
from dataflow.data.image_folders import ImageFolder, Part, find_images, training_images
from dataflow.data.options import DataOptions
from dataflow.data.picture_sets import (
    Labelled,
    PictureSet,
    augmentation_of,
    check_classes,
    validation_share,
    wanted,
)
from dataflow.data.sources import FilePictures, printable
from dataflow.data.survey import Preparation, Survey, survey
from dataflow.data.survey_cache import stamp_of, surveyed
from dataflow.data.workers import cores
from dataflow.errors import DataError
from dataflow.experiment import Experiment

_WORTH_WORKERS = 256
"""Images below which starting processes takes longer than they save."""

_SHOWN = 3
"""Broken files that an error names."""


def folder_pictures(
    experiment: Experiment,
    root: Path,
    options: DataOptions,
    progress: Callable[[int, int], None] | None = None,
) -> PictureSet:
    """The images of a folder as ``find_images`` finds them.

    All files are read once, to know their mean and which of them are broken, unless that is known from
    before; ``progress`` is told how many have been. Raises DataError as ``find_images`` does, for more
    classes than the network tells apart, and for broken images, unless they are to be skipped.
    """
    found = find_images(root, validation_share(experiment))
    check_classes(experiment, f"the images in {root}", len(found.classes))
    parts = [part for part in (found.train, found.validation, found.test) if part is not None]
    files = [(file, part is found.train) for part in parts for file in part.files]
    preparation, workers = _prepared(experiment, root), workers_for(options, len(files))
    look = partial(survey, preparation, files, workers, progress)
    stamp = stamp_of(preparation, files)
    result, notes = surveyed(preparation.root, stamp, options.cache, look)
    pictures = _set(experiment, found, preparation, result, options, notes)
    return replace(pictures, identity=_identity(stamp, parts, result))


def sampled_pictures(experiment: Experiment, root: Path, most: int) -> PictureSet:
    """As many of a folder's training images, evenly spread, to be shown for a few steps; nothing is kept."""
    classes, train = training_images(root)
    check_classes(experiment, f"the images in {root}", len(classes))
    spread = np.linspace(0, len(train.files) - 1, min(len(train.files), most))
    sample = train.chosen(spread.astype(np.int64))
    found = ImageFolder(root, classes, sample, None, Part((), np.array([], dtype=np.int32)), ())
    preparation = _prepared(experiment, root)
    result = survey(preparation, [(file, True) for file in sample.files], 0)
    pictures = _set(experiment, found, preparation, result, DataOptions(workers=0), ())
    if len(train.files) > len(sample.files):
        return replace(pictures, description=f"{len(sample.files):,} of {pictures.description}")
    return pictures


def _prepared(experiment: Experiment, root: Path) -> Preparation:
    want = wanted(experiment)
    return Preparation(str(root), want.side, want.channels)


def workers_for(options: DataOptions, images: int) -> int:
    """How many processes are to read so many images."""
    if options.workers is not None:
        return options.workers
    return cores() // options.sharing if images >= _WORTH_WORKERS else 0


def _set(
    experiment: Experiment,
    found: ImageFolder,
    preparation: Preparation,
    result: Survey,
    options: DataOptions,
    notes: tuple[str, ...],
) -> PictureSet:
    if result.broken and options.broken == "refuse":
        raise DataError(_refusal(found.root, result.broken))
    _, height, width = experiment.network.input_shape
    files: list[str] = []
    train, validation, test = (
        _labelled(part, result, files) for part in (found.train, found.validation, found.test)
    )
    assert train is not None
    assert test is not None
    cropper = Cropper(height, width, result.statistics)
    return PictureSet(
        f"the images in {found.root}",
        tuple(printable(name) for name in found.classes),
        FilePictures(preparation, files, cropper, workers_for(options, len(files))),
        augmentation_of(experiment),
        train,
        validation,
        test,
        encoded=True,
        notes=(*found.notes, *notes, *_skipped(found.root, len(result.broken))),
    )


def _identity(stamp: str, parts: Sequence[Part], result: Survey) -> str:
    """What tells these images, with their labels, parts and those that are left out, from others."""
    digest = sha256(stamp.encode())
    for part in parts:
        digest.update(f"\n{len(part.files)}\n".encode())
        digest.update(part.labels.tobytes())
    digest.update("\0".join(result.broken).encode("utf-8", "surrogateescape"))
    count = sum(len(part.files) for part in parts) - len(result.broken)
    return f"{count:,} images of names, sizes, times and labels {digest.hexdigest()[:12]}"


def _labelled(part: Part | None, result: Survey, files: list[str]) -> Labelled | None:
    """The images of a part that can be read; their files are added to the list."""
    if part is None:
        return None
    good = np.array([file not in result.broken for file in part.files], dtype=bool)
    first = len(files)
    files += (file for file in part.files if file not in result.broken)
    return Labelled(np.arange(first, len(files)), part.labels[good])


def _skipped(root: Path, count: int) -> Iterator[str]:
    if count == 1:
        yield f"1 image of {root} cannot be read and is left out"
    elif count:
        yield f"{count:,} images of {root} cannot be read and are left out"


def _refusal(root: Path, broken: dict[str, str]) -> str:
    listed = "\n".join(f"  - {fault}" for fault in islice(broken.values(), _SHOWN))
    more = f"\n  - and {len(broken) - _SHOWN:,} more" if len(broken) > _SHOWN else ""
    count = "1 image" if len(broken) == 1 else f"{len(broken):,} images"
    return (
        f"--images {root}: {count} cannot be read; mend or remove them, or leave them out with "
        f"--broken skip\n{listed}{more}"
    )
