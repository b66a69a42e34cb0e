"""The input path of a host: cores that decode and augment pictures, and the memory these pass through."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil
from typing import Literal

from dataflow.picoseconds import PS_PER_S

COMPRESSED_BYTES_PER_PIXEL = 0.28
"""Of a colour JPEG: sample photographs at 256 x 256 and quality 90 take 0.278 (75: 0.167, 95: 0.402)."""

DECODED_BYTES_PER_PIXEL = 3
"""Red, green and blue."""


@dataclass(frozen=True)
class Pictures:
    """What a host prepares in a step: so many images, of each so many pixels decoded and augmented."""

    images: int
    decoded_pixels: int
    augmented_pixels: int

    @property
    def file_bytes(self) -> int:
        """Bytes of the files that are decoded."""
        return self.images * ceil(self.decoded_pixels * COMPRESSED_BYTES_PER_PIXEL)

    @property
    def moved_bytes(self) -> int:
        """Bytes read and written besides the examples: files read, decoded pixels written and read."""
        return self.file_bytes + 2 * DECODED_BYTES_PER_PIXEL * self.images * self.decoded_pixels


@dataclass(frozen=True)
class HostInput:
    """How a host makes examples of pictures in files.

    cores: those that do nothing else; each works on an image of its own. decode_pixels_per_s,
    augment_pixels_per_s: of one core, of decoded pixels, and of those of the example. buffers: batches
    that there is room for, in preparation, ready or being loaded. memory_bytes_per_s: of the
    host's memory; None for one that is never in the way.
    """

    cores: int
    decode_pixels_per_s: float
    augment_pixels_per_s: float
    buffers: int = 2
    memory_bytes_per_s: float | None = None

    def image_ps(self, pictures: Pictures) -> int:
        """How long one core takes for one image."""
        decode_s = pictures.decoded_pixels / self.decode_pixels_per_s
        return round((decode_s + pictures.augmented_pixels / self.augment_pixels_per_s) * PS_PER_S)

    def cores_ps(self, pictures: Pictures) -> int:
        """How long the cores take for a batch: the one with most images for all of its own."""
        return -(-pictures.images // self.cores) * self.image_ps(pictures)

    def memory_ps(self, moved_bytes: int) -> int:
        """How long so many bytes keep the memory busy."""
        return (
            0 if self.memory_bytes_per_s is None else round(moved_bytes / self.memory_bytes_per_s * PS_PER_S)
        )

    def time_ps(self, pictures: Pictures, moved_bytes: int) -> int:
        """How long a batch takes: what cores or memory need, whichever is longer; at least 1 ps."""
        return max(1, self.cores_ps(pictures), self.memory_ps(moved_bytes))

    def bound(self, pictures: Pictures, moved_bytes: int) -> Literal["compute", "memory"]:
        """Which of the two sets the time."""
        return "memory" if self.memory_ps(moved_bytes) > self.cores_ps(pictures) else "compute"

    def faster(self, times: int = 2) -> HostInput:
        """The same with so many times as many cores and memory so many times as fast."""
        memory = self.memory_bytes_per_s
        return replace(
            self, cores=times * self.cores, memory_bytes_per_s=None if memory is None else times * memory
        )

    def instant(self) -> HostInput:
        """The same that prepares any batch in a picosecond."""
        return replace(
            self,
            decode_pixels_per_s=float("inf"),
            augment_pixels_per_s=float("inf"),
            memory_bytes_per_s=None,
        )
