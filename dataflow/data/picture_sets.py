"""Sets of pictures with classes, and what a network wants of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataflow.data.cropping import Cropper, PixelStatistics
from dataflow.data.sources import Indices, MadePictures, Make, PictureSource, kept
from dataflow.data.splits import hold_out
from dataflow.data.statistics import Moments
from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.network import Tokens
from dataflow.recipe import Augmentation
from dataflow.stored_picture import shorter_side

_LOOKED_AT = 512
"""Pictures made by a function that mean and components are of; making them takes about a second."""


@dataclass(frozen=True)
class Wanted:
    """What a network reads: crops of ``height`` x ``width``, out of squares of ``side`` x ``side``."""

    channels: int
    height: int
    width: int
    side: int


@dataclass(frozen=True)
class Labelled:
    """Some of a source's pictures. labels: int32, one for each."""

    indices: Indices
    labels: NDArray[np.int32]

    def chosen(self, places: Indices) -> Labelled:
        """Those at these places."""
        return Labelled(self.indices[places], self.labels[places])


@dataclass(frozen=True)
class PictureSet:
    """Pictures in parts. classes: names, in the order of labels. encoded: whether they are in files.

    identity: what tells the set from others where the description does not.
    """

    description: str
    classes: Sequence[str]
    source: PictureSource
    augmentation: Augmentation
    train: Labelled
    validation: Labelled | None
    test: Labelled
    encoded: bool = False
    notes: tuple[str, ...] = ()
    identity: str | None = None


def augmentation_of(experiment: Experiment) -> Augmentation:
    """How pictures become examples: as the training says, else as in the 2012 paper."""
    return experiment.training.augmentation or Augmentation()


def wanted(experiment: Experiment) -> Wanted:
    """What an experiment's network wants of pictures.

    Raises DataError when it reads tokens or other than 1 or 3 channels, or its crops are larger
    than what they are to be cut out of.
    """
    network = experiment.network
    if isinstance(network.input, Tokens):
        raise DataError(
            f"network {network.name!r} reads tokens, not images; give a text or a data set of tokens"
        )
    channels, height, width = network.input_shape
    if channels not in (1, 3):
        raise DataError(
            f"photographs have 3 channels, or 1 when made grey, but network {network.name!r} "
            f"reads {channels}; use noise (--images noise) or a network with 1 or 3 input channels"
        )
    side = shorter_side(experiment.training.augmentation, height, width)
    if side < max(height, width):
        raise DataError(
            f"training.augmentation.shorter_side is {side}, but network {network.name!r} reads "
            f"{height} x {width} pixels; it must be at least {max(height, width)}"
        )
    return Wanted(channels, height, width, side)


def check_classes(experiment: Experiment, what: str, count: int) -> None:
    """Raises DataError when the network tells fewer classes apart than there are."""
    network = experiment.network
    if count > network.classes:
        raise DataError(
            f"{what} are of {count:,} classes, but network {network.name!r} tells {network.classes:,} "
            f"apart; set network.classes={count} or use other images"
        )


def validation_share(experiment: Experiment) -> float | None:
    """The share of training examples to hold out for validation where nothing else is; None for none."""
    schedule = experiment.training.schedule
    return None if schedule is None else schedule.validation


def held_out(experiment: Experiment, train: Labelled) -> tuple[Labelled, Labelled | None]:
    """What stays of training examples, and what is held out for validation, if the schedule needs any."""
    share = validation_share(experiment)
    if share is None:
        return train, None
    stay, held = hold_out(train.labels, share, "validation")
    return train.chosen(stay), train.chosen(held)


def made_set(
    experiment: Experiment,
    description: str,
    what: str,
    classes: Sequence[str],
    make: Make,
    parts: tuple[NDArray[np.int32], NDArray[np.int32]],
    statistics: PixelStatistics | None = None,
) -> PictureSet:
    """A set of pictures that a function makes.

    what: one of them shows. parts: the labels of those for training and of those for the test, which are
    numbered after them.
    statistics: None for those of the training pictures, of at most 512 that are evenly spread.
    """
    labels = np.concatenate(parts)
    numbers = np.arange(len(labels))
    make = kept(make, len(labels))
    count = len(parts[0])
    train, validation = held_out(experiment, Labelled(numbers[:count], parts[0]))
    if statistics is None:
        moments = Moments.none(make(0).shape)
        spread = np.linspace(0, len(train.indices) - 1, min(len(train.indices), _LOOKED_AT))
        for index in train.indices[spread.astype(np.int64)]:
            moments = moments.add(np.asarray(make(int(index)), dtype=np.uint8))
        statistics = moments.statistics()
    _, height, width = experiment.network.input_shape
    return PictureSet(
        description,
        classes,
        MadePictures(make, Cropper(height, width, statistics), what),
        augmentation_of(experiment),
        train,
        validation,
        Labelled(numbers[count:], parts[1]),
    )
