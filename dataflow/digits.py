"""Handwritten digits that come with scikit-learn, for networks that read one channel."""

from __future__ import annotations

import numpy as np

from dataflow.batches import Batch
from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.randomness import generator

CLASSES = 10


class Digits:
    """1,797 grey images of 8 x 8, scaled to the network's height and width.

    Over all digits the pixels have mean 0 and deviation 1. Of each batch digits are drawn
    anew, with repetition. From the UCI set "Optical Recognition of Handwritten Digits" (its
    test part; Alpaydin and Kaynak 1998).
    """

    description = "scikit-learn's handwritten digits"

    def __init__(self, experiment: Experiment) -> None:
        from PIL import Image
        from sklearn.datasets import load_digits

        network = experiment.network
        if network.classes < CLASSES:
            raise DataError(
                f"digits are of {CLASSES} classes, but network {network.name!r} tells {network.classes} "
                f"apart; set network.classes={CLASSES} or use noise (--images noise)"
            )
        _, height, width = network.input_shape
        digits = load_digits()
        scaled = [
            np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
            for image in digits.images.astype(np.float32)
        ]
        pixels = np.stack(scaled)[:, np.newaxis]
        self.images = (pixels - pixels.mean()) / pixels.std()
        self.labels = digits.target.astype(np.int32)
        self.count = experiment.training.batch
        self.seed = experiment.training.seed

    def batch(self, step: int) -> Batch:
        """Digits drawn for this step: they depend on seed and step alone."""
        chosen = generator(self.seed, "digits", step).integers(len(self.labels), size=self.count)
        return Batch(self.images[chosen], self.labels[chosen])
