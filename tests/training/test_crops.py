"""How pictures become examples: crops, mirrors, mean, shifts of colour, and what these are computed from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dataflow.data.cropping import Crop, Cropper, PixelStatistics
from dataflow.data.options import DataOptions
from dataflow.data.sources import cut_all
from dataflow.data.statistics import Moments
from dataflow.recipe import Augmentation
from dataflow.training.data_set import Draws, open_data_set
from dataflow.training.picture_data import PicturePart
from tests.training.folders import classes_of, reading

RANDOM = np.random.default_rng(0)
PICTURE = RANDOM.integers(0, 256, (9, 11, 3), dtype=np.uint8)
MEAN = RANDOM.uniform(0, 255, (3, 9, 11)).astype(np.float32)
CROPPER = Cropper(4, 6, PixelStatistics(MEAN, np.diag([0.1, 0.02, 0.01])))
LESS = PICTURE.transpose(2, 0, 1).astype(np.float32) - MEAN
"""The whole picture less the mean."""


def cut(crop: Crop) -> np.ndarray:
    """That crop of the picture."""
    return cut_all([PICTURE], [crop], CROPPER)[0]


@given(top=st.integers(0, 5), left=st.integers(0, 5))
@settings(derandomize=True, deadline=None, database=None)
def test_a_crop_is_a_part_of_the_picture_less_the_mean_there(top: int, left: int) -> None:
    """And mirrored twice it is as before, and shifted it is more by as much everywhere."""
    there = LESS[:, top : top + 4, left : left + 6]
    assert (cut(Crop(top, left)) == there).all()
    assert (cut(Crop(top, left, mirrored=True))[:, :, ::-1] == there).all()
    shift = (1.5, -2.25, 0.0)
    shifted = cut(Crop(top, left, mirrored=True, shift=shift))
    assert (shifted == there[:, :, ::-1] + np.array(shift, dtype=np.float32)[:, None, None]).all()


def test_drawn_crops_are_anywhere_and_half_are_mirrored() -> None:
    """All 6 x 6 places are drawn about as often; 3,600 coins have a deviation of 30."""
    random = np.random.default_rng(1)
    drawn = [CROPPER.draw(random, Augmentation(colour=0.0)) for _ in range(3600)]
    places = np.zeros((6, 6), dtype=int)
    for crop in drawn:
        places[crop.top, crop.left] += 1
    # 100 are expected of each, with a deviation of 10.
    assert (abs(places - 100) < 45).all()
    assert abs(sum(crop.mirrored for crop in drawn) - 1800) < 150
    assert all(crop.shift is None for crop in drawn)
    still = {CROPPER.draw(random, Augmentation(crops="center", flips=False, colour=0)) for _ in range(9)}
    assert still == {CROPPER.centre()} == {Crop(2, 2)}


def test_shifts_are_along_the_components() -> None:
    """Each as large as its eigenvalue times N(0, a), of pixels from 0 to 1: 255 times that of these."""
    random = np.random.default_rng(2)
    shifts = [CROPPER.draw(random, Augmentation(colour=0.5)).shift for _ in range(4000)]
    covariance = np.cov(np.array(shifts).T)
    expected = np.diag((255 * 0.5 * np.array([0.1, 0.02, 0.01])) ** 2)
    # The relative deviation of a variance of 4,000 is sqrt(2 / 4,000), 2 %.
    assert np.abs(covariance - expected).max() < 0.12 * expected.max()
    assert np.diag(covariance) == pytest.approx(np.diag(expected), rel=0.12)


def test_ten_crops() -> None:
    """Corners, centre, and their mirrors, of the whole picture less the mean, cut by hand."""
    rows, columns = {"top": slice(0, 4), "bottom": slice(5, 9)}, {"left": slice(0, 6), "right": slice(5, 11)}
    five = [LESS[:, rows[row], columns[column]] for row in rows for column in columns]
    five.append(LESS[:, 2:6, 2:8])
    expected = five + [crop[:, :, ::-1] for crop in five]
    crops = CROPPER.ten()
    assert len(crops) == 10
    for crop, by_hand in zip(crops, expected, strict=True):
        assert (cut(crop) == by_hand).all()
    whole = Cropper(9, 11, CROPPER.statistics)
    assert whole.ten() == (Crop(0, 0), Crop(0, 0, mirrored=True))


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=5))
@settings(derandomize=True, deadline=None, database=None, max_examples=20)
def test_statistics_are_numpys(seeds: list[int]) -> None:
    """Mean of each pixel; eigenvectors of the covariance of all colours from 0 to 1, times eigenvalues."""
    mixed = np.array([[1.0, 0.9, 0.5], [0.0, 0.4, 0.3], [0.0, 0.0, 0.1]])
    pictures = np.array(
        [(np.random.default_rng(seed).uniform(0, 125, (4, 5, 3)) @ mixed).astype(np.uint8) for seed in seeds]
    )
    moments = Moments.none((4, 5, 3))
    for picture in pictures:
        moments = moments.add(picture)
    found = moments.statistics()
    assert found.mean == pytest.approx(pictures.mean(axis=0).transpose(2, 0, 1), rel=1e-6)
    covariance = np.cov(pictures.reshape(-1, 3).T / 255, bias=True)
    values = np.linalg.eigvalsh(covariance)
    assert np.linalg.norm(found.components, axis=0) == pytest.approx(values, abs=1e-12)
    for k in range(3):
        direction = found.components[:, k]
        assert covariance @ direction == pytest.approx(values[k] * direction, abs=1e-12)
        assert direction[np.argmax(np.abs(direction))] > 0


def test_sums_are_the_same_in_any_order() -> None:
    """They are integers, so that workers may look at files in any parts."""
    pictures = RANDOM.integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)
    parts = []
    for chosen in ([3, 1], [0], [], [5, 4, 2]):
        part = Moments.none((4, 5, 3))
        for index in chosen:
            part = part.add(pictures[index])
        parts.append(part)
    one, other = parts[0] + parts[1] + parts[2] + parts[3], parts[3] + (parts[2] + parts[1]) + parts[0]
    assert one.count == other.count == 6
    assert (one.sums == other.sums).all()
    assert (one.sums == pictures.sum(axis=0)).all()
    assert (one.products == other.products).all()


def test_draws_depend_on_seed_epoch_and_example(tmp_path: Path) -> None:
    """Not on the batch that an example is in; without draws it is the centre."""
    data = open_data_set(reading(), DataOptions(str(classes_of(tmp_path, "a", "b", count=6))))
    part = data.train
    assert isinstance(part, PicturePart)
    together = part.read(np.array([2, 0, 2, 7]), Draws(3, 4))
    assert together.labels.tolist() == [0, 0, 0, 1]
    assert (together.images[0] == together.images[2]).all()
    assert (together.images[3] == part.read(np.array([7]), Draws(3, 4)).images[0]).all()
    for other in (Draws(3, 5), Draws(2, 4)):
        assert (together.images[0] != part.read(np.array([2]), other).images[0]).any()
    centre = part.read(np.array([7])).images[0]
    mean = part.source.cropper.statistics.mean[:, :7, :7]
    assert (centre == part.picture(7).transpose(2, 0, 1) - mean).all()
    crops = part.ten_crops(np.array([7, 1]))
    assert [len(crops), crops[4].images.shape, crops[4].labels.tolist()] == [8, (2, 3, 7, 7), [1, 0]]
    assert (crops[0].images[0] == centre).all()
    assert [batch.labels.tolist() for batch in crops[-2:]] == [[1, 0], [1, 0]]


def test_the_mean_is_of_the_training_pictures_alone(tmp_path: Path) -> None:
    """By hand, of the files that the training part names."""
    from PIL import Image

    classes_of(tmp_path, "a", "b", count=6)
    data = open_data_set(reading(), DataOptions(str(tmp_path)))
    assert data.statistics is not None
    shown = [np.asarray(Image.open(tmp_path / data.train.name(index))) for index in range(data.train.count)]
    assert len(shown) == 10
    assert data.statistics.mean == pytest.approx(np.mean(shown, axis=0).transpose(2, 0, 1), rel=1e-6)
