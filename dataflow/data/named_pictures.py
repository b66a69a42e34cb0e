"""Sets of pictures by name."""

from __future__ import annotations

from dataflow.data.picture_sets import PictureSet
from dataflow.data.sample_photographs import sample_photographs
from dataflow.data.shapes import shapes
from dataflow.errors import DataError
from dataflow.experiment import Experiment


def named_pictures(experiment: Experiment, name: str) -> PictureSet | None:
    """``photographs``, ``shapes``, or shapes of another seed such as ``shapes:7``; None for another name.

    Raises DataError when they do not fit the network.
    """
    if name == "photographs":
        return sample_photographs(experiment)
    what, colon, seed = name.partition(":")
    if what != "shapes":
        return None
    if colon and not seed.isdecimal():
        raise DataError(f"--images {name}: {seed!r} is no seed; a number follows the colon, such as shapes:7")
    return shapes(experiment, int(seed or 0))
