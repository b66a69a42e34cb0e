"""Data sets for training: their parts, pixels and order."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from dataflow.data.options import DataOptions
from dataflow.data.sample_photographs import TESTED, TRAINED, cutting
from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.network import Network, Tokens
from dataflow.recipe import Augmentation, Schedule
from dataflow.training.data_set import ArrayPart, Draws, open_data_set
from dataflow.training.order import ShuffledBatches
from tests.engine.worlds import experiment, machine, network
from tests.training.worlds import stripes

Pixels = Literal["standardized", "unit"]


def world(
    image: tuple[int, int, int] = (1, 8, 8), classes: int = 10, batch: int = 16, pixels: Pixels = "unit"
) -> Experiment:
    """An experiment whose network reads such images."""
    made = experiment(network({}, image, classes), machine(1), batch=batch)
    return replace(made, training=replace(made.training, pixels=pixels))


def test_digits_are_divided_as_scikit_learn_does() -> None:
    """1,347 to learn from and 450 for the test, no image in both, each class in proportion."""
    data = open_data_set(world())
    assert (data.train.count, data.test.count) == (1347, 450)
    parts = [part.read(np.arange(part.count)) for part in (data.train, data.test)]
    rows = [set(map(bytes, np.ascontiguousarray(part.images))) for part in parts]
    assert not rows[0] & rows[1]
    shares = [np.bincount(part.labels) / len(part.labels) for part in parts]
    assert float(np.abs(shares[0] - shares[1]).max()) < 0.002


def test_the_division_does_not_depend_on_the_seed() -> None:
    """Runs of several seeds are tested with the same images."""
    one, other = (
        open_data_set(world()),
        open_data_set(replace(world(), training=world(pixels="unit").training)),
    )
    assert (one.test.labels == other.test.labels).all()


def test_pixels() -> None:
    """Unit pixels are sixteenths from 0 to 1; standardized ones have mean 0 and deviation 1 over all."""
    unit = open_data_set(world()).train.read(np.arange(1347)).images
    assert (float(unit.min()), float(unit.max())) == (0.0, 1.0)
    assert (unit * 16 == np.round(unit * 16)).all()
    data = open_data_set(world(pixels="standardized"))
    everything = np.concatenate([part.read(np.arange(part.count)).images for part in (data.train, data.test)])
    assert float(everything.mean()) == pytest.approx(0, abs=1e-4)
    assert float(everything.std()) == pytest.approx(1, abs=1e-4)


def augmented(image: tuple[int, int, int], augmentation: Augmentation) -> Experiment:
    """An experiment with augmentation."""
    made = world(image)
    return replace(made, training=replace(made.training, augmentation=augmentation))


def test_noise_for_networks_that_read_no_digits() -> None:
    """Unless told otherwise, what reads two channels or tells two classes of grey images apart gets noise."""
    for made in (world((2, 5, 5)), world((1, 4, 4), classes=2)):
        data = open_data_set(made)
        assert (data.description, data.train.count, data.test.count) == ("Gaussian noise", 1024, 256)
    assert open_data_set(world(), DataOptions("noise")).description == "Gaussian noise"
    large = open_data_set(world(batch=3000), DataOptions("noise"))
    assert large.train.count == 3000


@pytest.mark.parametrize(
    ("made", "source", "message"),
    [
        (
            world(),
            "cats",
            "cats: is not a folder; give one .*, or name a data set: digits, photographs, shapes",
        ),
        (world((3, 8, 8)), "shapes:x", "--images shapes:x: 'x' is no seed; a number follows the colon"),
        (
            world((3, 8, 8), classes=1),
            "shapes",
            "shapes are of at least 2 classes, but network 'net' tells 1",
        ),
        (world((2, 8, 8)), "photographs", "have 3 channels, or 1 when made grey, but network 'net' reads 2"),
        (
            world((3, 8, 8), classes=1),
            "photographs",
            "are of 2 classes, but network 'net' tells 1 apart; set",
        ),
        (
            augmented((3, 8, 8), Augmentation(shorter_side=7)),
            "shapes",
            "shorter_side is 7, but network 'net' reads 8 x 8 pixels; it must be at least 8",
        ),
        (
            augmented((1, 8, 6), Augmentation(shorter_side=5)),
            "digits",
            "shorter_side is 5, but network 'net' reads 8 x 6 pixels; it must be at least 6",
        ),
        (world((3, 8, 8), classes=1), "noise", "noise are of one class, '0': there is nothing to tell apart"),
        (world((3, 8, 8)), "digits", "digits have 1 channel, but network 'net' reads 3; use noise"),
        (world(classes=3), "digits", "digits are of 10 classes, but network 'net' tells 3 apart"),
        (
            world(batch=2000),
            None,
            r"1,347 images for training, fewer than one batch of 2,000; use .*--batch 16",
        ),
    ],
)
def test_what_does_not_fit(made: Experiment, source: str | None, message: str) -> None:
    """Each fault says which, and what to do."""
    with pytest.raises(DataError, match=message):
        open_data_set(made, DataOptions(source))


def test_shapes_for_networks_that_read_colours() -> None:
    """Unless told otherwise; classes are shapes in colours, as many as the network tells apart."""
    data = open_data_set(world((3, 14, 14)))
    assert (data.description, data.train.count, data.test.count) == (
        *("synthetic coloured shapes of seed 0", 2000),
        500,
    )
    assert list(data.classes[:6]) == [
        *("red disc", "green triangle", "blue square", "yellow star", "magenta cross", "red bar"),
    ]
    assert (np.bincount(data.train.labels) == 200).all()
    assert (data.encoded, data.validation, data.notes) == (False, None, ())
    assert (data.train.name(3), data.test.name(0)) == ("shape 3", "shape 2000")
    many = open_data_set(world((3, 7, 7), classes=1000))
    assert len(set(many.classes)) == 40
    grey = open_data_set(world((1, 7, 7)), DataOptions("shapes"))
    assert list(grey.classes) == ["disc", "triangle", "square", "star", "cross", "bar", "half", "ring"]
    assert grey.description == "synthetic grey shapes of seed 0"


def test_shapes_depend_on_their_own_seed() -> None:
    """The training's seed does not change them, theirs does."""
    made = world((3, 7, 7))
    other = replace(made, training=replace(made.training, seed=9))
    one, same = (open_data_set(each).test.read(np.arange(9)).images for each in (made, other))
    assert (one == same).all()
    assert (open_data_set(made, DataOptions("shapes:1")).test.read(np.arange(9)).images != one).any()


def test_a_shape_has_its_colour() -> None:
    """The reddest pixels of a picture of a red disc are far redder than they are green."""
    data = open_data_set(world((3, 16, 16)), DataOptions("shapes"))
    for index in np.flatnonzero(data.test.labels == 0)[:8]:
        picture = data.test.picture(int(index)).astype(int)
        excess = picture[:, :, 0] - picture[:, :, 1]
        assert int(np.sort(excess, axis=None)[-8:].mean()) > 80


def test_photographs_are_cut_out_of_two() -> None:
    """1,024 cuttings of the left of both photographs for training, 256 of the right for the test."""
    data = open_data_set(world((3, 7, 7), classes=2), DataOptions("photographs"))
    assert (list(data.classes), data.train.count, data.test.count) == (["china", "flower"], 1024, 256)
    assert data.description == "cuttings of scikit-learn's sample photographs"
    means = [data.test.read(np.flatnonzero(data.test.labels == label)).images.mean() for label in (0, 1)]
    # The sky of china.jpg is bright, the background of flower.jpg dark.
    assert means[0] > means[1] + 40


def test_no_pixel_is_both_trained_on_and_tested() -> None:
    """Of photographs that are black up to three fifths and white beyond, cuttings are of one colour."""
    pixels = np.zeros((427, 640, 3), dtype=np.uint8)
    pixels[:, 384:] = 255
    photographs = [Image.fromarray(pixels)] * 2
    for index in (*range(0, TRAINED, 9), *range(TRAINED, TRAINED + TESTED, 3)):
        assert set(np.unique(cutting(photographs, 32, 3, index))) == {0 if index < TRAINED else 255}


def test_digits_with_augmentation_are_enlarged() -> None:
    """8 x 8 crops of 9 x 9: at the test the first of the middle, in training all four places."""
    plain = augmented((1, 8, 8), Augmentation(flips=False, colour=0.5))
    data, same = open_data_set(plain), open_data_set(world())
    assert (data.train.count, data.test.count, data.validation) == (1347, 450, None)
    assert (data.test.labels == same.test.labels).all()
    large = open_data_set(world((1, 9, 9))).test.read(np.arange(4)).images
    assert (data.test.read(np.arange(4)).images == large[:, :, :8, :8]).all()
    seen = {data.train.read(np.array([5]), Draws(0, epoch)).images.tobytes() for epoch in range(40)}
    assert len(seen) == 4
    wide = open_data_set(augmented((1, 7, 14), Augmentation(shorter_side=8)))
    assert wide.test.read(np.arange(2)).images.shape == (2, 1, 7, 14)
    assert data.train.name(5) == "digit 5"
    picture = data.train.picture(5)
    assert (picture.shape, picture.dtype, picture.min(), picture.max()) == ((8, 8, 1), np.uint8, 0, 255)


@pytest.mark.parametrize("source", ["digits", "shapes", "noise", "photographs"])
def test_validation_examples_are_held_out_of_those_for_training(source: str) -> None:
    """With a schedule a tenth of each class is; whether there is one does not change the test."""
    made = world((1, 7, 7))
    scheduled = replace(made, training=replace(made.training, schedule=Schedule()))
    plain, data = (open_data_set(each, DataOptions(source)) for each in (made, scheduled))
    assert plain.validation is None
    assert data.validation is not None
    assert data.train.count + data.validation.count == plain.train.count
    # Each of at most ten classes is rounded by itself.
    assert abs(data.validation.count - plain.train.count / 10) <= 5
    assert (np.bincount(data.validation.labels) > 0).all()
    shown = np.arange(20)
    assert data.test.picture(3).tobytes() == plain.test.picture(3).tobytes()
    assert (data.test.labels[shown] == plain.test.labels[shown]).all()
    names = [set(map(part.name, range(part.count))) for part in (data.train, data.validation)]
    assert source in ("digits", "noise") or not names[0] & names[1]


def test_names_and_pictures_of_arrays() -> None:
    """They are called by number, and the least of an image is black, the largest white."""
    data = open_data_set(world(pixels="standardized"))
    assert data.test.name(7) == "digit 7"
    picture = data.test.picture(7)
    assert (picture.shape, picture.dtype) == ((8, 8, 1), np.uint8)
    unit = open_data_set(world(pixels="unit")).test.read(np.array([7])).images[0, 0]
    assert (picture[:, :, 0] == np.rint(unit / unit.max() * 255)).all()
    data.close()


def test_networks_of_tokens_have_no_data_set() -> None:
    """Their batches are for runs of a few steps."""
    tokens = Network(name="words", input=Tokens(tokens=4), classes=9, layers={})
    with pytest.raises(
        DataError, match="network 'words' reads tokens, but data sets for training are of images"
    ):
        open_data_set(replace(world(), network=tokens))


def test_every_epoch_is_a_new_order_of_the_same_images() -> None:
    """No image comes twice in an epoch, the incomplete batch is dropped, and seeds differ."""
    part = ArrayPart(stripes(18))
    part.labels = np.arange(18, dtype=np.int32)
    batches = ShuffledBatches(part, 4, 0, "numbered")
    assert (batches.steps, batches.dropped) == (4, 2)
    epochs = [np.concatenate([batches.batch(step).labels for step in range(e, e + 4)]) for e in (0, 4)]
    assert all(len(set(epoch.tolist())) == 16 for epoch in epochs)
    assert (epochs[0] != epochs[1]).any()
    again = ShuffledBatches(part, 4, 0, "numbered")
    assert (again.batch(6).labels == batches.batch(6).labels).all()
    assert (again.labels(6) == batches.batch(6).labels).all()
    assert (again.batch(6).images == part.images[batches.labels(6)]).all()
    other = ShuffledBatches(part, 4, 1, "numbered")
    assert any((other.labels(step) != batches.labels(step)).any() for step in range(4))
