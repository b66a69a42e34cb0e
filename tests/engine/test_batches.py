"""Batches: photographs from folders, crops, flips, the mean, and what is no picture."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dataflow.data.batches import Noise, Photograph, Photographs, open_batches
from dataflow.data.digits import Digits
from dataflow.errors import DataError
from dataflow.experiment import Experiment
from dataflow.network import Network
from tests.engine.worlds import LOSS, experiment, fc, machine


def world(
    image: tuple[int, int, int] = (3, 7, 7), classes: int = 2, batch: int = 8, seed: int = 0
) -> Experiment:
    """An experiment whose network reads images of this shape."""
    net = Network(name="net", input=image, classes=classes, layers={"f": fc(classes), "loss": LOSS})
    return experiment(net, machine(1), batch=batch, seed=seed)


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
    batch = open_batches(world(), folder(tmp_path, "cats", "dogs")).batch(0)
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


def gradient(side: int = 8) -> np.ndarray:
    """A picture that grows redder to the right and greener downwards."""
    pixels = np.zeros((side, side, 3), dtype=np.uint8)
    pixels[:, :, 0] = np.arange(side) * 10
    pixels[:, :, 1] = np.arange(side)[:, None] * 10
    return pixels


def test_crops_are_taken_from_the_picture_and_half_are_mirrored() -> None:
    """A 7 x 7 crop of an 8 x 8 picture begins at one of four places, and half are mirrored."""
    # 8 = 7 * 256 / 224: the picture is not scaled.
    source = Photographs([Photograph("one", gradient(), 0)], world(batch=400), "one picture")
    shown = gradient().astype(np.float32) - source.mean.astype(np.float32)
    crops = [shown[top : top + 7, left : left + 7].transpose(2, 0, 1) for top in (0, 1) for left in (0, 1)]
    plain = {crop.tobytes() for crop in crops}
    mirrored = {np.ascontiguousarray(crop[:, :, ::-1]).tobytes() for crop in crops}
    seen = [image.tobytes() for image in source.batch(0).images]
    assert set(seen) == plain | mirrored
    flips = sum(image in mirrored for image in seen)
    # 400 fair coins: the deviation is 10.
    assert abs(flips - 200) < 50


@pytest.mark.parametrize("size", [(640, 427), (3, 50), (7, 7), (1, 1)])
def test_pictures_are_scaled_so_that_a_crop_fits(tmp_path: Path, size: tuple[int, int]) -> None:
    """Pictures of any size and shape are scaled to at least the crop, 256/224 of it where they are tight."""
    source = Photographs(
        [Photograph("one", np.zeros((size[1], size[0], 3), dtype=np.uint8), 0)], world(), "one"
    )
    ((pixels, _),) = source.photographs
    assert min(pixels.shape[:2]) == 8
    assert source.batch(0).images.shape == (8, 3, 7, 7)


def test_other_colours_are_converted(tmp_path: Path) -> None:
    """Grey pictures and pictures with transparency become RGB."""
    (tmp_path / "a").mkdir()
    Image.new("L", (8, 8), 100).save(tmp_path / "a" / "grey.png")
    Image.new("RGBA", (8, 8), (100, 100, 100, 0)).save(tmp_path / "a" / "clear.png")
    assert (open_batches(world(), tmp_path).batch(0).images == 0).all()


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
    """A file that is no picture is named, with what can be read."""
    (folder(tmp_path, "cats") / "cats" / "notes.png").write_bytes(content)
    with pytest.raises(DataError, match=r"notes.png is not an image; remove the file or mend it"):
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
    """Red is 0 or 40 about a mean of 20, green 0 or 10 about 5: 0.299 and 0.587 of these; blue cancels."""
    batch = open_batches(world((1, 7, 7)), folder(tmp_path, "cats", "dogs")).batch(0)
    assert batch.images.shape == (8, 1, 7, 7)
    for image, label in zip(batch.images, batch.labels, strict=True):
        red = 0.299 * (40 * label - 20)
        assert float(np.abs(np.abs(image - red) - 0.587 * 5).max()) < 1e-5


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
    """Without a folder scikit-learn's two photographs are shown, as classes 0 and 1."""
    source = open_batches(world((3, 32, 32)))
    batch = source.batch(0)
    assert source.description == "scikit-learn's sample photographs"
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


def test_a_picture_that_is_too_long(tmp_path: Path) -> None:
    """A picture one pixel high would be millions wide once it is as high as a crop."""
    with pytest.raises(DataError, match=r"long.png of 9000000 x 1 pixels would be 72000000 x 8 .* crop it"):
        Photographs([Photograph("long.png", np.zeros((1, 9_000_000, 3), dtype=np.uint8), 0)], world(), "one")


def test_a_picture_is_turned_as_its_camera_says(tmp_path: Path) -> None:
    """EXIF orientation 6: the picture's left is up."""
    (tmp_path / "cats").mkdir()
    picture = Image.new("RGB", (16, 32))
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(tmp_path / "cats" / "turned.jpg", exif=exif)
    source = open_batches(world(), tmp_path)
    assert isinstance(source, Photographs)
    ((pixels, _),) = source.photographs
    assert pixels.shape[0] < pixels.shape[1]
