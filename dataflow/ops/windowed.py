"""What convolution and pooling share: a window that slides over the rows and columns of an image."""

from __future__ import annotations

from dataflow.ops.axis import Along, Axis, Slices, Window
from dataflow.region import Range, Region

Padding = tuple[tuple[int, int], tuple[int, int]]
"""((top, bottom), (left, right)) zeros around the input held."""


class Windowed:
    """For ops with these fields: the extents of the output, its axes, and a slice's padding."""

    in_height: int
    in_width: int
    kernel: tuple[int, int]
    stride: tuple[int, int]
    padding: Padding

    @property
    def height(self) -> int:
        """Rows of the output."""
        return (self.in_height + sum(self.padding[0]) - self.kernel[0]) // self.stride[0] + 1

    @property
    def width(self) -> int:
        """Columns of the output."""
        return (self.in_width + sum(self.padding[1]) - self.kernel[1]) // self.stride[1] + 1

    @property
    def read_axes(self) -> tuple[Axis, Axis]:
        """Rows and columns of the input."""
        (top, _), (left, _) = self.padding
        return (
            Window("height", self.in_height, "height", self.kernel[0], self.stride[0], top),
            Window("width", self.in_width, "width", self.kernel[1], self.stride[1], left),
        )

    @property
    def written_axes(self) -> tuple[Axis, Axis]:
        """Rows and columns of the output."""
        return Along("height", self.height, "height"), Along("width", self.width, "width")

    def local_padding(self, slices: Slices, image: Region) -> Padding:
        """The padding that a slice needs around the part of the image it holds."""
        rows, columns = image.ranges[-2:]
        return self._zeros(slices["height"], rows, 0), self._zeros(slices["width"], columns, 1)

    def _zeros(self, outputs: Range, held: Range, dimension: int) -> tuple[int, int]:
        """Zeros before and after the held inputs so that these outputs can be computed."""
        kernel, stride, before = self.kernel[dimension], self.stride[dimension], self.padding[dimension][0]
        start = outputs[0] * stride - before
        stop = (outputs[1] - 1) * stride - before + kernel
        return held[0] - start, stop - held[1]
