"""Digits larger than the network reads them, so that crops of them can be drawn."""

from __future__ import annotations

import numpy as np

from dataflow.data.cropping import PixelStatistics
from dataflow.data.digits import DESCRIPTION, NAMES, divided_digits, read_digits
from dataflow.data.picture_sets import PictureSet, augmentation_of, made_set
from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.stored_picture import enlarged


def enlarged_digits(experiment: Experiment) -> PictureSet:
    """scikit-learn's digits, scaled to 8/7 of what the network reads or as the augmentation says.

    Divided as ``divided_digits`` says, with pixels as ``training.pixels`` says; no mean is subtracted from
    these, and they have no colours to be shifted. Raises DataError as ``read_digits`` does, and when crops
    would be larger than the digits.
    """
    digits = read_digits(experiment, _size(experiment))
    train, test = divided_digits()
    images = digits.images[np.concatenate((train, test))].transpose(0, 2, 3, 1)
    nothing = PixelStatistics(np.zeros_like(digits.images[0], dtype=np.float32), np.zeros((1, 1)))
    parts = digits.labels[train], digits.labels[test]
    description = f"{DESCRIPTION}, enlarged"
    return made_set(experiment, description, "digit", NAMES, images.__getitem__, parts, nothing)


def _size(experiment: Experiment) -> tuple[int, int]:
    """Height and width before cropping."""
    _, height, width = experiment.network.input_shape
    side = augmentation_of(experiment).shorter_side
    if side is None:
        return enlarged(height), enlarged(width)
    shorter = min(height, width)
    if side < shorter:
        raise DataError(
            f"training.augmentation.shorter_side is {side}, but network {experiment.network.name!r} reads "
            f"{height} x {width} pixels; it must be at least {shorter}"
        )
    return round(height * side / shorter), round(width * side / shorter)
