"""Image files as square pictures of 8 bits: what the workers of a data set do with a file."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from dataflow.errors import DataError

Picture = NDArray[np.uint8]
"""Pixels from 0 to 255, (height, width, channel): red, green and blue, or 1 channel, their brightness."""

_FAULTS = (
    *(OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, AttributeError, ArithmeticError),
    *(struct.error, zlib.error, Image.DecompressionBombError),
)
"""What Pillow's readers raise on files that are damaged."""

_ORIENTATION = 0x0112
"""The EXIF tag that says how the camera was held."""

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def read_picture(file: str, side: int, channels: int) -> Picture:
    """The picture in a file, its shorter side scaled to ``side`` and its central square cut out.

    Turned as its camera says. Raises DataError, which names the file, when it is no image, is
    damaged, or has pixels of more than 8 bits.
    """
    try:
        with Image.open(file) as image:
            if image.mode.startswith(("I", "F")):
                raise DataError(
                    f"{file} has pixels of mode {image.mode!r}, not of 8 bits; convert it to 8 bits"
                )
            return square(image, side, channels)
    except UnidentifiedImageError:
        raise DataError(f"{file} is not an image") from None
    except _FAULTS as fault:
        raise DataError(f"{file} cannot be read as an image: {fault}") from None


def square(image: Image.Image, side: int, channels: int) -> Picture:
    """An image's central square, scaled to (side, side, channels)."""
    mode = "RGB" if channels == 3 else "L"
    # A JPEG of more than four times the side is decoded at half, a quarter or an eighth of its size.
    image.draft(mode, (2 * side, 2 * side))
    if image.mode != mode:
        if "transparency" in image.info:
            image = image.convert("RGBA")
        image = image.convert(mode)
    width, height = image.size
    shorter = min(width, height)
    left, top = (width - shorter) / 2, (height - shorter) / 2
    box = (left, top, left + shorter, top + shorter)
    scaled = image.resize((side, side), Image.Resampling.BILINEAR, box=box)
    turn = _TURNS.get(_orientation(image))
    pixels = np.asarray(scaled if turn is None else scaled.transpose(turn))
    return pixels.reshape(side, side, channels)


def _orientation(image: Image.Image) -> int:
    """How the camera was held; 1, upright, where the tags cannot be read."""
    try:
        return int(image.getexif().get(_ORIENTATION, 1))
    except _FAULTS:
        return 1
