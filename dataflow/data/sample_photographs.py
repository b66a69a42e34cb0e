"""Cuttings of the two photographs that come with scikit-learn."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from dataflow.data.picture_sets import PictureSet, check_classes, made_set, wanted
from dataflow.data.reading import Picture
from dataflow.experiment import Experiment
from dataflow.values.randomness import generator

DESCRIPTION = "cuttings of scikit-learn's sample photographs"

TRAINED, TESTED = 1024, 256

_SEED = 0
"""The same cuttings for every experiment."""

_DIVIDED = 0.6
"""Share of the width of each photograph that is trained on; the test is cut out of the rest."""

_SMALLEST = 0.5
"""The side of the smallest cutting, as a share of that of the largest."""


def sample_photographs(experiment: Experiment) -> PictureSet:
    """1,024 squares for training, of the left three fifths of both photographs, and 256 for the test, of
    the rest.

    china.jpg and flower.jpg, 640 x 427 pixels each, are the classes. Squares are of 128 to 256 pixels, scaled
    to what the network wants. Raises DataError when it tells no two classes apart.
    """
    from sklearn.datasets import load_sample_images

    want = wanted(experiment)
    samples = load_sample_images()
    names = [Path(name).stem for name in samples.filenames]
    check_classes(experiment, DESCRIPTION, len(names))
    mode = "RGB" if want.channels == 3 else "L"
    photographs = [Image.fromarray(pixels).convert(mode) for pixels in samples.images]
    labels = [np.arange(count, dtype=np.int32) % len(names) for count in (TRAINED, TESTED)]
    make = partial(cutting, photographs, want.side, want.channels)
    return made_set(experiment, DESCRIPTION, "cutting", names, make, (labels[0], labels[1]))


def cutting(photographs: list[Image.Image], side: int, channels: int, index: int) -> Picture:
    """The square of a number, (side, side, channels), of one photograph after the other."""
    photograph = photographs[index % len(photographs)]
    width, height = photograph.size
    divide = round(_DIVIDED * width)
    first, last = (0, divide) if index < TRAINED else (divide, width)
    random = generator(_SEED, "cuttings", index)
    largest = min(height, width - divide)
    length = int(random.integers(round(_SMALLEST * largest), largest + 1))
    left = int(random.integers(first, last - length + 1))
    top = int(random.integers(height - length + 1))
    # Cut before it is scaled, so that no pixel beyond the line is mixed in.
    cut = photograph.crop((left, top, left + length, top + length))
    scaled = cut.resize((side, side), Image.Resampling.BILINEAR)
    return np.asarray(scaled).reshape(side, side, channels)
