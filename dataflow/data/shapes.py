"""Synthetic pictures of coloured shapes, which a small network can learn to tell apart."""

from __future__ import annotations

from math import cos, pi, sin

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from dataflow.data.picture_sets import PictureSet, made_set, wanted
from dataflow.data.reading import Picture
from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.values.randomness import generator

TRAINED, TESTED = 2000, 500

Corners = tuple[tuple[float, float], ...]


def _circle(count: int, first: float = 0.0, turn: float = 2 * pi) -> Corners:
    """Points evenly on (a part of) the unit circle."""
    return tuple((cos(first + turn * k / count), sin(first + turn * k / count)) for k in range(count))


def _star() -> Corners:
    return tuple(
        (x * (0.4 if k % 2 else 1.0), y * (0.4 if k % 2 else 1.0)) for k, (x, y) in enumerate(_circle(10))
    )


def _cross(arm: float = 0.3) -> Corners:
    quarter = ((arm, 1.0), (arm, arm), (1.0, arm))
    corners: list[tuple[float, float]] = []
    for turn in range(4):
        c, s = round(cos(-turn * pi / 2)), round(sin(-turn * pi / 2))
        corners += ((c * x - s * y, s * x + c * y) for x, y in quarter)
    return tuple(corners)


KINDS: dict[str, Corners] = {
    "disc": _circle(40),
    "triangle": _circle(3),
    "square": _circle(4),
    "star": _star(),
    "cross": _cross(),
    "bar": ((1.0, 0.3), (-1.0, 0.3), (-1.0, -0.3), (1.0, -0.3)),
    "half": _circle(20, 0.0, pi * 20 / 19),
    "ring": _circle(40),
}
"""Corners in the unit circle; of a ring, those of its outside."""

_HOLE = 0.55
"""Inner radius of a ring."""

COLOURS = {
    "red": (220, 40, 40),
    "green": (40, 190, 60),
    "blue": (50, 80, 230),
    "yellow": (225, 210, 40),
    "magenta": (210, 50, 210),
}

_FINE = 96
"""Smaller pictures are drawn at least this large and scaled down, so that edges are smooth."""


def shapes(experiment: Experiment, seed: int) -> PictureSet:
    """2,000 pictures for training and 500 for the test, each of one shape somewhere on a noisy background.

    Class k is the shape k modulo 8 in the colour k modulo 5, for as many classes as the network tells apart
    but at most 40, or for grey pictures the 8 shapes. Place, size, rotation, background and exact colour are
    drawn for the seed. Raises DataError when the network tells fewer than two classes apart.
    """
    want, network = wanted(experiment), experiment.network
    names = class_names(want.channels)[: network.classes]
    if len(names) < 2:
        raise DataError(
            f"shapes are of at least 2 classes, but network {network.name!r} tells {network.classes} apart; "
            "set network.classes=10 or use noise (--images noise)"
        )

    def make(index: int) -> Picture:
        kinds, colours = list(KINDS.values()), list(COLOURS.values())
        label = (index if index < TRAINED else index - TRAINED) % len(names)
        kind, colour = label % len(kinds), colours[label % len(colours)]
        random = generator(seed, "shapes", index)
        return draw(random, kinds[kind], names[label].endswith("ring"), colour, want.side, want.channels)

    labels = [np.arange(count, dtype=np.int32) % len(names) for count in (TRAINED, TESTED)]
    what = f"synthetic {'coloured' if want.channels == 3 else 'grey'} shapes of seed {seed}"
    return made_set(experiment, what, "shape", names, make, (labels[0], labels[1]))


def class_names(channels: int) -> list[str]:
    """All classes of pictures with so many channels."""
    kinds, colours = list(KINDS), list(COLOURS)
    if channels == 1:
        return kinds
    count = len(kinds) * len(colours)
    return [f"{colours[k % len(colours)]} {kinds[k % len(kinds)]}" for k in range(count)]


def draw(
    random: np.random.Generator,
    corners: Corners,
    hollow: bool,
    colour: tuple[int, int, int],
    side: int,
    channels: int,
) -> Picture:
    """A picture of one shape, (side, side, channels)."""
    mask = _mask(random, corners, hollow, side)
    if channels == 3:
        paint = np.array(colour) + random.integers(-30, 31, size=3)
        ground = random.integers(20, 120, size=3)
    else:
        paint, ground = random.integers(150, 230, size=1), random.integers(20, 100, size=1)
    pixels = ground + (paint - ground) * mask[:, :, np.newaxis]
    pixels += random.integers(-20, 21, size=(side, side, channels), dtype=np.int8)
    return np.clip(pixels, 0, 255).astype(np.uint8)


def _mask(random: np.random.Generator, corners: Corners, hollow: bool, side: int) -> NDArray[np.float32]:
    """How much of each pixel the shape covers."""
    fine = side * max(1, -(-_FINE // side))
    radius = fine * random.uniform(0.2, 0.38)
    centre = random.uniform(radius, fine - radius, size=2)
    angle = random.uniform(0, 2 * pi)
    turned = np.array([[cos(angle), -sin(angle)], [sin(angle), cos(angle)]])
    canvas = Image.new("L", (fine, fine), 0)
    pen = ImageDraw.Draw(canvas)
    outside = centre + radius * np.array(corners) @ turned.T
    pen.polygon([(float(x), float(y)) for x, y in outside], fill=255)
    if hollow:
        inside = centre + _HOLE * radius * np.array(corners) @ turned.T
        pen.polygon([(float(x), float(y)) for x, y in inside], fill=0)
    if fine > side:
        canvas = canvas.resize((side, side), Image.Resampling.BOX)
    return np.asarray(canvas, dtype=np.float32) / np.float32(255)
