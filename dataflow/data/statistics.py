"""Mean and principal components of training pictures, from sums that are exact in any order."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dataflow.data.cropping import LEVELS, PixelStatistics
from dataflow.data.reading import Picture


@dataclass(frozen=True)
class Moments:
    """Sums over pictures of one shape. count: pictures. sums: of each pixel, int64 (height, width, channel).

    products: of each pixel's colours with one another, over all pixels, int64 (channel, channel).
    """

    count: int
    sums: NDArray[np.int64]
    products: NDArray[np.int64]

    @staticmethod
    def none(shape: tuple[int, int, int]) -> Moments:
        """Of no pictures of this shape."""
        return Moments(0, np.zeros(shape, np.int64), np.zeros((shape[2], shape[2]), np.int64))

    def add(self, picture: Picture) -> Moments:
        """With one more picture; the sums are changed in place."""
        # Integers below 2^53, which float64 holds exactly: 255^2 times 1.3e11 pixels.
        colours = picture.reshape(-1, picture.shape[2]).astype(np.float64)
        np.add(self.sums, picture, out=self.sums)
        np.add(self.products, (colours.T @ colours).astype(np.int64), out=self.products)
        return Moments(self.count + 1, self.sums, self.products)

    def __add__(self, other: Moments) -> Moments:
        return Moments(self.count + other.count, self.sums + other.sums, self.products + other.products)

    def statistics(self) -> PixelStatistics:
        """Mean and principal components; of pictures, of which there is at least one.

        Colours are those of all pixels of all pictures, in units of 0 to 1; the sign of a component is
        such that its largest part is positive.
        """
        height, width, _ = self.sums.shape
        pixels = self.count * height * width
        mean = self.sums.sum(axis=(0, 1)) / pixels
        covariance = (self.products / pixels - np.outer(mean, mean)) / LEVELS**2
        values, vectors = np.linalg.eigh(covariance)
        largest = vectors[np.argmax(np.abs(vectors), axis=0), np.arange(len(values))]
        components = vectors * np.where(largest < 0, -1.0, 1.0) * np.maximum(values, 0.0)
        return PixelStatistics((self.sums / self.count).transpose(2, 0, 1).astype(np.float32), components)
