"""Batches: photographs from folders, crops, flips, the mean, and what is no picture."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataflow.data.batches import DrawnPictures, Noise, open_batches
from dataflow.data.digits import Digits
from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.network import Network
from dataflow.recipe import Augmentation
from tests.engine.worlds import LOSS, experiment, fc, machine


def world(
    image: tuple[int, int, int] = (3, 7, 7), classes: int = 2, batch: int = 8, seed: int = 0
) -> Experiment:
    """An experiment whose network reads images of this shape."""
    net = Network(name="net", input=image, classes=classes, layers={"f": fc(classes), "loss": LOSS})
    return experiment(net, machine(1), batch=batch, seed=seed)


PLACES = Augmentation(colour=0.0)
"""Random places and flips, but the colours as they are."""


def plain(made: Experiment) -> Experiment:
    """The same experiment with colours as they are."""
    return dataclasses.replace(made, training=dataclasses.replace(made.training, augmentation=PLACES))


def folder(root: Path, *classes: str, side: int = 8) -> Path:
    """A folder with a sub-folder for each class, each with two pictures of one colour of its own."""
    for index, name in enumerate(classes):
        (root / name).mkdir()
        for picture in range(2):
            colour = (40 * index, 10 * picture, 200)
            Image.new("RGB", (side, side), colour).save(root / name / f"{picture}.png")
    return root


def test_a_folder_gives_images_and_labels(tmp_path: Path) -> None:
    """Images are float32 of the network's shape; labels are the places of the sub-folders by name."""
    source = open_batches(world(), folder(tmp_path, "cats", "dogs"))
    batch = source.batch(0)
    assert (batch.images.shape, batch.images.dtype) == ((8, 3, 7, 7), np.float32)
    assert (batch.labels.dtype, set(batch.labels.tolist())) == (np.int32, {0, 1})
    assert source.description == f"the images in {tmp_path}"


def test_the_mean_is_subtracted(tmp_path: Path) -> None:
    """Reds are 0, 0, 40, 40 and greens 0, 10, 0, 10: their means are 20 and 5; blue is 200 everywhere.

    The red of an image of class k is then 40 k - 20, and its blue is 0.
    """
    batch = open_batches(plain(world()), folder(tmp_path, "cats", "dogs")).batch(0)
    for image, label in zip(batch.images, batch.labels, strict=True):
        assert (image[0] == 40 * label - 20).all()
        assert set(np.unique(image[1])) <= {-5.0, 5.0}
        assert (image[2] == 0).all()


def test_the_same_step_gives_the_same_batch(tmp_path: Path) -> None:
    """A batch depends on seed and step alone, not on what was asked before."""
    root = folder(tmp_path, "cats", "dogs")
    for make in (lambda: open_batches(world(), root), lambda: open_batches(world(), "noise")):
        first, second = make(), make()
        second.batch(5)
        assert (first.batch(1).images == second.batch(1).images).all()
        assert (first.batch(1).labels == second.batch(1).labels).all()
        assert not (first.batch(1).images == first.batch(2).images).all()


def test_another_seed_gives_another_batch(tmp_path: Path) -> None:
    """Runs with different seeds see different crops."""
    root = folder(tmp_path, "cats", "dogs")
    one, two = (open_batches(world(seed=seed, batch=32), root).batch(0).images for seed in (0, 1))
    assert not (one == two).all()


def test_crops_are_taken_from_the_picture_and_half_are_mirrored(tmp_path: Path) -> None:
    """A 7 x 7 crop of an 8 x 8 picture begins at one of four places, and half are mirrored."""
    # 8 = 7 * 8/7, rounded: nothing is scaled. The mean is half of the one picture, for the other is black.
    (tmp_path / "one").mkdir()
    pixels = np.random.default_rng(0).integers(0, 127, (8, 8, 3), dtype=np.uint8) * 2
    Image.fromarray(pixels).save(tmp_path / "one" / "a.png")
    Image.new("RGB", (8, 8)).save(tmp_path / "one" / "b.png")
    made = world(batch=800)
    shown = pixels.astype(np.float32) / 2
    crops = [shown[top : top + 7, left : left + 7].transpose(2, 0, 1) for top in (0, 1) for left in (0, 1)]
    straight = {crop.tobytes() for crop in crops}
    mirrored = {np.ascontiguousarray(crop[:, :, ::-1]).tobytes() for crop in crops}
    images = open_batches(plain(made), tmp_path).batch(0).images
    seen = [image.tobytes() for image in images if image.sum() > 0]
    assert set(seen) == straight | mirrored
    # 800 fair coins decide which picture: the deviation is 14. Then flips of about 400: 10.
    assert abs(len(seen) - 400) < 70
    assert abs(sum(image in mirrored for image in seen) - len(seen) / 2) < 50


@pytest.mark.parametrize("size", [(640, 427), (3, 50), (7, 7), (1, 1)])
def test_pictures_of_any_size_and_shape_are_scaled(tmp_path: Path, size: tuple[int, int]) -> None:
    """A picture is as good as any as long as it has a pixel."""
    (tmp_path / "one").mkdir()
    Image.new("RGB", size, (9, 8, 7)).save(tmp_path / "one" / "a.png")
    assert (open_batches(plain(world()), tmp_path).batch(0).images == 0).all()


def test_other_colours_are_converted(tmp_path: Path) -> None:
    """Grey pictures and pictures with transparency become RGB."""
    (tmp_path / "a").mkdir()
    Image.new("L", (8, 8), 100).save(tmp_path / "a" / "grey.png")
    Image.new("RGBA", (8, 8), (100, 100, 100, 0)).save(tmp_path / "a" / "clear.png")
    assert (open_batches(plain(world()), tmp_path).batch(0).images == 0).all()


def test_hidden_files_are_left_alone(tmp_path: Path) -> None:
    """What begins with a dot is neither a class nor a picture."""
    folder(tmp_path, "cats")
    (tmp_path / ".git").mkdir()
    (tmp_path / "cats" / ".DS_Store").write_text("no picture")
    assert set(open_batches(world(), tmp_path).batch(0).labels.tolist()) == {0}


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    """A missing folder is named."""
    with pytest.raises(
        DataError, match="nowhere: is not a folder; give one with a sub-folder for each class"
    ):
        open_batches(world(), tmp_path / "nowhere")


def test_a_folder_without_classes(tmp_path: Path) -> None:
    """Pictures must be in sub-folders."""
    Image.new("RGB", (8, 8)).save(tmp_path / "loose.png")
    with pytest.raises(DataError, match="has no sub-folders; put the images of each class in one of its own"):
        open_batches(world(), tmp_path)


def test_more_classes_than_the_network_tells_apart(tmp_path: Path) -> None:
    """Three classes are too many for a network of two, and the message says what to set."""
    root = folder(tmp_path, "a", "b", "c")
    with pytest.raises(
        DataError,
        match=r"are of 3 classes, but network 'net' tells 2 apart; set network.classes=3",
    ):
        open_batches(world(), root)


def test_a_class_without_images(tmp_path: Path) -> None:
    """An empty sub-folder is named."""
    (folder(tmp_path, "cats") / "dogs").mkdir()
    with pytest.raises(DataError, match="class 'dogs' has no images"):
        open_batches(world(), tmp_path)


@pytest.mark.parametrize("content", [b"not a picture", b""])
def test_a_file_that_is_no_image(tmp_path: Path, content: bytes) -> None:
    """A file that is no picture is named, with what to do."""
    (folder(tmp_path, "cats") / "cats" / "notes.png").write_bytes(content)
    with pytest.raises(DataError, match=r"1 image cannot be read; mend .* skip\n.*notes.png is not an image"):
        open_batches(world(), tmp_path)


def test_a_picture_that_is_cut_off(tmp_path: Path) -> None:
    """A picture that ends too early is named, with what the reader says."""
    file = folder(tmp_path, "cats") / "cats" / "0.png"
    rng = np.random.default_rng(0)
    Image.fromarray(rng.integers(0, 255, (64, 64, 3), dtype=np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:2000])
    with pytest.raises(DataError, match=r"0.png cannot be read as an image: "):
        open_batches(world(), tmp_path)


def test_photographs_have_three_channels_or_one(tmp_path: Path) -> None:
    """A network that reads two channels cannot be shown photographs."""
    with pytest.raises(
        DataError,
        match="photographs have 3 channels, or 1 when made grey, but network 'net' reads 2; use noise",
    ):
        open_batches(world((2, 7, 7)), folder(tmp_path, "cats"))


def test_photographs_are_made_grey_for_one_channel(tmp_path: Path) -> None:
    """Red is 0 or 40 about a mean of 20, green 0 or 10 about 5: 0.299 and 0.587 of these; blue cancels.

    Grey pixels are integers, each rounded to the nearest.
    """
    batch = open_batches(plain(world((1, 7, 7))), folder(tmp_path, "cats", "dogs")).batch(0)
    assert batch.images.shape == (8, 1, 7, 7)
    for image, label in zip(batch.images, batch.labels, strict=True):
        red = 0.299 * (40 * label - 20)
        assert float(np.abs(np.abs(image - red) - 0.587 * 5).max()) < 1


def test_digits() -> None:
    """One channel and ten classes: digits of the size of the network, of mean 0 and deviation 1."""
    source = open_batches(world((1, 16, 12), classes=10, batch=400))
    assert isinstance(source, Digits)
    assert source.images.shape == (1797, 1, 16, 12)
    assert float(source.images.mean()) == pytest.approx(0, abs=1e-4)
    assert float(source.images.std()) == pytest.approx(1, abs=1e-4)
    batch = source.batch(3)
    assert (batch.images.shape, batch.images.dtype) == ((400, 1, 16, 12), np.float32)
    assert set(batch.labels.tolist()) == set(range(10))
    assert (batch.images == open_batches(world((1, 16, 12), classes=10, batch=400)).batch(3).images).all()
    assert not (batch.images == source.batch(4).images).all()


def test_digits_of_more_classes_than_the_network() -> None:
    """Whoever asks for digits needs ten classes."""
    with pytest.raises(DataError, match="digits are of 10 classes, but network 'net' tells 2 apart; set"):
        Digits(world((1, 8, 8)))


def test_sample_photographs() -> None:
    """Without a folder cuttings of scikit-learn's two photographs are shown, as classes 0 and 1."""
    source = open_batches(world((3, 32, 32)))
    batch = source.batch(0)
    assert source.description == "cuttings of scikit-learn's sample photographs"
    assert set(batch.labels.tolist()) == {0, 1}
    assert abs(float(np.mean([source.batch(k).images.mean() for k in range(4)]))) < 60


def test_a_network_without_colour_is_shown_noise() -> None:
    """Networks that read neither three channels nor digits get noise unless a folder is given."""
    assert isinstance(open_batches(world((1, 7, 7))), Noise)


def test_noise() -> None:
    """Noise is Gaussian of mean 0 and deviation 1, with labels drawn evenly over the classes."""
    batch = open_batches(world(classes=4, batch=400), "noise").batch(0)
    assert abs(float(batch.images.mean())) < 5 / np.sqrt(batch.images.size)
    assert float(batch.images.std()) == pytest.approx(1, rel=0.02)
    counts = np.bincount(batch.labels, minlength=4)
    # 400 over four: the deviation of a count is sqrt(400 * 1/4 * 3/4) = 8.7.
    assert (abs(counts - 100) < 45).all()


def test_sample_photographs_of_more_classes_than_the_network(tmp_path: Path) -> None:
    """The two sample photographs are of two classes."""
    small = dataclasses.replace(world(), network=dataclasses.replace(world().network, classes=1))
    with pytest.raises(
        DataError, match="sample photographs are of 2 classes, but network 'net' tells 1 apart"
    ):
        open_batches(small)


@pytest.mark.parametrize("mode", ["I;16", "I", "F"])
def test_pixels_that_are_not_of_8_bits(tmp_path: Path, mode: str) -> None:
    """Deeper pixels would be clipped to white, so they are refused."""
    (tmp_path / "cats").mkdir()
    Image.new(mode, (9, 9), 700).save(tmp_path / "cats" / "deep.tiff")
    with pytest.raises(DataError, match=r"deep.tiff has pixels of mode '.*', not of 8 bits; convert it"):
        open_batches(world(), tmp_path)


def test_other_sets_by_name() -> None:
    """Shapes and photographs are shown by name, crops of the size of the network."""
    for name, what in (
        ("shapes", "synthetic coloured shapes of seed 0"),
        ("photographs", "cuttings of scikit"),
    ):
        source = open_batches(world((3, 8, 8)), name)
        assert source.description.startswith(what)
        assert source.batch(0).images.shape == (8, 3, 8, 8)


def test_a_large_folder_is_shown_in_part(tmp_path: Path) -> None:
    """Of 1,500 images, evenly spread ones are looked at; nothing is left behind in the folder."""
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        Image.new("L", (1, 1), 10).save(tmp_path / name / "0000.png")
        for index in range(1, 500):
            (tmp_path / name / f"{index:04}.png").hardlink_to(tmp_path / name / "0000.png")
    source = open_batches(world((1, 1, 1), classes=3), tmp_path)
    assert isinstance(source, DrawnPictures)
    assert source.description == f"1,024 of the images in {tmp_path}"
    assert len(source.pictures.train.labels) == 1024
    assert min(np.bincount(source.pictures.train.labels)) >= 341
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
