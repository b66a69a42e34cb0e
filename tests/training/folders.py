"""Small folders of images, and experiments that read them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from dataflow.experiment import Experiment
from dataflow.recipe import Augmentation, Schedule
from tests.engine.worlds import experiment, machine, network


def reading(
    image: tuple[int, int, int] = (3, 7, 7),
    classes: int = 10,
    batch: int = 2,
    augmentation: Augmentation | None = None,
    schedule: Schedule | None = None,
) -> Experiment:
    """An experiment whose network reads images of this shape."""
    made = experiment(network({}, image, classes), machine(1), batch=batch)
    return replace(made, training=replace(made.training, augmentation=augmentation, schedule=schedule))


def picture(file: Path, seed: int, size: tuple[int, int] = (8, 8)) -> np.ndarray:
    """Writes a picture of random pixels; these."""
    height, width = size[1], size[0]
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file)
    return pixels


def classes_of(root: Path, *names: str, count: int = 3, size: tuple[int, int] = (8, 8)) -> Path:
    """A folder with a sub-folder for each class, each with so many pictures of random pixels."""
    for place, name in enumerate(names):
        for index in range(count):
            picture(root / name / f"{index:03}.png", 1000 * place + index, size)
    return root
